// Pipe tables, aligned for reading as plain text.
#include <algorithm>
#include <cctype>
#include <cstring>

#include "analysis/render.h"

namespace gyre::analysis {
namespace {

bool is_word(char c) {
  return std::isalnum(static_cast<unsigned char>(c)) || static_cast<unsigned char>(c) >= 0x80;
}

// What would end a cell or a row or be read as markup; an underscore within a word is none.
std::string escaped(const std::string& text) {
  std::string out;
  for (std::size_t i = 0; i < text.size(); ++i) {
    const char c = text[i];
    const bool before = i > 0 && is_word(text[i - 1]), after = i + 1 < text.size() && is_word(text[i + 1]);
    const bool before_word = after || (i + 1 < text.size() && text[i + 1] == '#');
    const bool is_tag = c == '<' && (after || (i + 1 < text.size() && std::strchr("/!?", text[i + 1])));
    if (std::strchr("|*`\\", c) || (c == '_' && !(before && after)) || (c == '&' && before_word) || is_tag)
      out += '\\';
    out += c == '\n' || c == '\r' ? ' ' : c;
  }
  return out;
}

std::string cell_text(const Cell& cell) {
  const char* mark = cell.standing == Standing::kBest ? "**" : cell.standing == Standing::kTied ? "*" : "";
  std::string text = mark + escaped(cell.text) + mark;
  if (!cell.versus_text.empty()) text += " (" + escaped(cell.versus_text) + ")";
  return text;
}

// Characters, not bytes: continuation bytes of UTF-8 take no room.
std::size_t width(const std::string& text) {
  return static_cast<std::size_t>(std::count_if(
      text.begin(), text.end(), [](char c) { return (static_cast<unsigned char>(c) & 0xC0) != 0x80; }));
}

std::string padded(const std::string& text, std::size_t size, bool right) {
  const std::string space(size - width(text), ' ');
  return right ? space + text : text + space;
}

}  // namespace

std::string render_markdown(const Table& table) {
  const std::size_t n_names = table.row_keys.size();
  std::vector<std::vector<std::string>> lines(1);
  for (const auto& key : table.row_keys) lines[0].push_back(escaped(key));
  for (std::size_t c = 0; c < table.columns.size(); ++c) lines[0].push_back(escaped(column_name(table, c)));
  for (const auto& row : table.rows) {
    auto& line = lines.emplace_back();
    for (const auto& name : row.names) line.push_back(escaped(name));
    for (const auto& cell : row.cells) line.push_back(cell_text(cell));
  }
  std::vector<std::size_t> widths(lines[0].size(), 3);
  for (const auto& line : lines)
    for (std::size_t i = 0; i < line.size(); ++i) widths[i] = std::max(widths[i], width(line[i]));

  std::string out = "**" + escaped(table.title) + "**\n\n";
  for (std::size_t l = 0; l < lines.size(); ++l) {
    for (std::size_t i = 0; i < widths.size(); ++i)
      out += "| " + padded(lines[l][i], widths[i], i >= n_names) + " ";
    out += "|\n";
    if (l > 0) continue;
    for (std::size_t i = 0; i < widths.size(); ++i)
      out +=
          i < n_names ? "|:" + std::string(widths[i] + 1, '-') : "|" + std::string(widths[i] + 1, '-') + ":";
    out += "|\n";
  }
  if (!table.notes.empty()) out += "\n";
  for (const auto& note : table.notes) out += "- " + escaped(note) + "\n";
  return out;
}

}  // namespace gyre::analysis
