// Text inside CSV and Markdown.
#pragma once

#include <string>
#include <vector>

namespace gyre::analysis {

// One record of RFC 4180, its line end (CR LF) included.
std::string csv_record(const std::vector<std::string>& fields);

// What would end a cell or a row or be read as markup is escaped; line ends become spaces.
std::string escaped_markdown(const std::string& text);

// A pipe table, aligned for reading as plain text. lines: the header, then the rows, cells escaped already
// and as many in each line. From column `first_right` on, cells stand to the right.
std::string pipe_table(const std::vector<std::vector<std::string>>& lines, std::size_t first_right);

}  // namespace gyre::analysis
