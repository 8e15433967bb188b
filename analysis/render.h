// A table as text.
#pragma once

#include <string>
#include <string_view>

#include "analysis/table.h"

namespace gyre::analysis {

enum class Format { kMarkdown, kCsv, kJson, kLatex };

// "md" (or "markdown"), "csv", "json", "latex" (or "tex"); kUsage for others.
Format parse_format(std::string_view text);

// Markdown: aligned pipes, title and notes. LaTeX: a booktabs table, title as caption, notes below. CSV (RFC
// 4180) and JSON (a list of objects): one record per cell, numbers in full, nothing for points that do not
// exist.
std::string render(const Table& table, Format format);

// What render() calls, one in each source file.
std::string render_markdown(const Table& table);
std::string render_csv(const Table& table);
std::string render_json(const Table& table);
std::string render_latex(const Table& table);

}  // namespace gyre::analysis
