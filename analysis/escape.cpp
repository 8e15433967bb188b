#include "analysis/escape.h"

#include <algorithm>
#include <cctype>
#include <cstring>

namespace gyre::analysis {
namespace {

std::string field(const std::string& text) {
  if (text.find_first_of(",\"\r\n") == std::string::npos) return text;
  std::string out = "\"";
  for (const char c : text) {
    if (c == '"') out += '"';
    out += c;
  }
  return out + "\"";
}

bool is_word(char c) {
  return std::isalnum(static_cast<unsigned char>(c)) || static_cast<unsigned char>(c) >= 0x80;
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

std::string csv_record(const std::vector<std::string>& fields) {
  std::string out;
  for (const auto& text : fields) out += (&text == fields.data() ? "" : ",") + field(text);
  return out + "\r\n";
}

// An underscore within a word is no markup.
std::string escaped_markdown(const std::string& text) {
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

std::string pipe_table(const std::vector<std::vector<std::string>>& lines, std::size_t first_right) {
  std::vector<std::size_t> widths(lines[0].size(), 3);
  for (const auto& line : lines)
    for (std::size_t i = 0; i < line.size(); ++i) widths[i] = std::max(widths[i], width(line[i]));
  std::string out;
  for (std::size_t l = 0; l < lines.size(); ++l) {
    for (std::size_t i = 0; i < widths.size(); ++i)
      out += "| " + padded(lines[l][i], widths[i], i >= first_right) + " ";
    out += "|\n";
    if (l > 0) continue;
    for (std::size_t i = 0; i < widths.size(); ++i)
      out += i < first_right ? "|:" + std::string(widths[i] + 1, '-')
                             : "|" + std::string(widths[i] + 1, '-') + ":";
    out += "|\n";
  }
  return out;
}

}  // namespace gyre::analysis
