#include "analysis/render.h"

#include "core/error.h"

namespace gyre::analysis {

Format parse_format(std::string_view text) {
  if (text == "md" || text == "markdown") return Format::kMarkdown;
  if (text == "csv") return Format::kCsv;
  if (text == "json") return Format::kJson;
  if (text == "latex" || text == "tex") return Format::kLatex;
  fail(ErrorCode::kUsage, "unknown format '{}'; expected md, csv, json or latex", text);
}

std::string render(const Table& table, Format format) {
  switch (format) {
    case Format::kMarkdown:
      return render_markdown(table);
    case Format::kCsv:
      return render_csv(table);
    case Format::kJson:
      return render_json(table);
    case Format::kLatex:
      return render_latex(table);
  }
  GYRE_ASSERT(false);
}

}  // namespace gyre::analysis
