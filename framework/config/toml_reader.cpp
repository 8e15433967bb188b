#include "config/toml_reader.h"

#include <algorithm>
#include <iterator>
#include <tuple>

#include <toml++/toml.h>

#include "core/error.h"
#include "core/files.h"
#include "core/text.h"

namespace gyre::config {
namespace {

// Gives nodes their origins: file positions, or one origin for a text that has none.
class Converter {
 public:
  Converter(std::string source, bool has_lines) : source_(std::move(source)), has_lines_(has_lines) {}

  Table table(const toml::table& from) const {
    Table out;
    for (const auto& [key, node] : from) out.set(key.str(), value(node, origin(key.source().begin)));
    std::sort(out.entries().begin(), out.entries().end(), [](const Entry& a, const Entry& b) {
      return std::tie(a.value.origin.line, a.value.origin.column) <
             std::tie(b.value.origin.line, b.value.origin.column);
    });
    return out;
  }

 private:
  Origin origin(const toml::source_position& at) const {
    return has_lines_ ? Origin{source_, at.line, at.column} : Origin{source_};
  }

  Value value(const toml::node& node, const Origin& where) const {
    if (const auto* v = node.as_boolean()) return {v->get(), where, {}};
    if (const auto* v = node.as_integer()) return {v->get(), where, {}};
    if (const auto* v = node.as_floating_point()) return {v->get(), where, {}};
    if (const auto* v = node.as_string()) return {v->get(), where, {}};
    if (const auto* v = node.as_table()) return {table(*v), where, {}};
    if (const auto* v = node.as_array()) {
      Array items;
      for (const auto& item : *v) items.push_back(value(item, origin(item.source().begin)));
      return {std::move(items), where, {}};
    }
    fail(ErrorCode::kConfig, "{}: a date or time, but no setting is one; write it as a text in quotes",
         where.text());
  }

  std::string source_;
  bool has_lines_;
};

// The parser reports one only near by. Columns count characters, as the parser's do.
void require_utf8(const std::string& bytes, const std::string& shown) {
  const auto bad = find_invalid_utf8(bytes);
  if (!bad) return;
  const auto begin = bytes.begin(), end = begin + static_cast<std::ptrdiff_t>(*bad);
  const auto line = 1 + std::count(begin, end, '\n');
  const auto line_begin =
      std::find(std::make_reverse_iterator(end), std::make_reverse_iterator(begin), '\n').base();
  const auto column = 1 + std::count_if(line_begin, end, [](char c) { return (c & 0xC0) != 0x80; });
  fail(ErrorCode::kConfig, "{}:{}:{}: byte 0x{:02X} is not UTF-8; save the file as UTF-8", shown, line,
       column, static_cast<unsigned char>(bytes[*bad]));
}

}  // namespace

Table read_toml(const std::filesystem::path& path, const std::string& shown) {
  const std::string bytes = read_file(path);
  require_utf8(bytes, shown);
  try {
    return Converter(shown, true).table(toml::parse(bytes, shown));
  } catch (const toml::parse_error& error) {
    const auto at = error.source().begin;
    fail(ErrorCode::kConfig, "{}:{}:{}: not TOML: {}", shown, at.line, at.column, error.description());
  }
}

Value parse_value(const std::string& text, const Origin& origin) {
  Value bare{text, origin, text};
  try {
    // Inside braces a comment or a second value is an error, as it should be in one value.
    const toml::table parsed = toml::parse("v = {v = " + text + "}");
    const toml::table* inner = parsed["v"].as_table();
    if (parsed.size() != 1 || !inner || inner->size() != 1) return bare;
    Table table = Converter(origin.source, false).table(*inner);
    Value value = std::move(table.entries().front().value);
    value.origin = origin;
    value.raw = text;
    return value;
  } catch (const toml::parse_error&) {
    return bare;
  } catch (const Error&) {  // a date
    return bare;
  }
}

}  // namespace gyre::config
