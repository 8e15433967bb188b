// Pipe tables, aligned for reading as plain text.
#include "analysis/escape.h"
#include "analysis/render.h"

namespace gyre::analysis {
namespace {

std::string cell_text(const Cell& cell) {
  const char* mark = cell.standing == Standing::kBest ? "**" : cell.standing == Standing::kTied ? "*" : "";
  std::string text = mark + escaped_markdown(cell.text) + mark;
  if (!cell.versus_text.empty()) text += " (" + escaped_markdown(cell.versus_text) + ")";
  return text;
}

}  // namespace

std::string render_markdown(const Table& table) {
  const std::size_t n_names = table.row_keys.size();
  std::vector<std::vector<std::string>> lines(1);
  for (const auto& key : table.row_keys) lines[0].push_back(escaped_markdown(key));
  for (std::size_t c = 0; c < table.columns.size(); ++c)
    lines[0].push_back(escaped_markdown(column_name(table, c)));
  for (const auto& row : table.rows) {
    auto& line = lines.emplace_back();
    for (const auto& name : row.names) line.push_back(escaped_markdown(name));
    for (const auto& cell : row.cells) line.push_back(cell_text(cell));
  }
  std::string out = "**" + escaped_markdown(table.title) + "**\n\n" + pipe_table(lines, n_names);
  if (!table.notes.empty()) out += "\n";
  for (const auto& note : table.notes) out += "- " + escaped_markdown(note) + "\n";
  return out;
}

}  // namespace gyre::analysis
