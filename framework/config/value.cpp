#include "config/value.h"

#include <fmt/format.h>

#include <algorithm>

#include "core/text.h"

namespace gyre::config {
namespace {

template <class... F>
struct Overloaded : F... {
  using F::operator()...;
};

// Head and tail of "a.b.c": "a", "b.c".
std::pair<std::string_view, std::string_view> head_tail(std::string_view path) {
  const auto dot = path.find('.');
  if (dot == std::string_view::npos) return {path, {}};
  return {path.substr(0, dot), path.substr(dot + 1)};
}

}  // namespace

std::string Origin::text() const {
  return line == 0 ? source : fmt::format("{}:{}:{}", source, line, column);
}

const Value* Table::find(std::string_view key) const {
  const auto it =
      std::find_if(entries_.begin(), entries_.end(), [&](const Entry& entry) { return entry.key == key; });
  return it == entries_.end() ? nullptr : &it->value;
}

Value* Table::find(std::string_view key) {
  return const_cast<Value*>(std::as_const(*this).find(key));
}

Value& Table::set(std::string_view key, Value value) {
  if (Value* old = find(key)) return *old = std::move(value);
  return entries_.emplace_back(Entry{std::string(key), std::move(value)}).value;
}

bool Table::erase(std::string_view key) {
  return std::erase_if(entries_, [&](const Entry& entry) { return entry.key == key; }) > 0;
}

const Value* find_path(const Table& root, std::string_view path) {
  const auto [head, tail] = head_tail(path);
  const Value* value = root.find(head);
  if (!value || tail.empty()) return value;
  return value->table() ? find_path(*value->table(), tail) : nullptr;
}

void set_path(Table& root, std::string_view path, Value value) {
  const auto [head, tail] = head_tail(path);
  if (tail.empty()) {
    root.set(head, std::move(value));
    return;
  }
  Value* next = root.find(head);
  if (!next || !next->table()) next = &root.set(head, Value{Table{}, value.origin, {}});
  set_path(*next->table(), tail, std::move(value));
}

bool erase_path(Table& root, std::string_view path) {
  const auto [head, tail] = head_tail(path);
  if (tail.empty()) return root.erase(head);
  Value* next = root.find(head);
  return next && next->table() && erase_path(*next->table(), tail);
}

void merge(Table& base, const Table& over) {
  for (const auto& [key, value] : over.entries()) {
    Value* old = base.find(key);
    if (old && old->table() && value.table())
      merge(*old->table(), *value.table());
    else
      base.set(key, value);
  }
}

void expand_aliases(Table& root) {
  Value* quant = root.find("quant");
  if (!quant || !quant->table() || !quant->table()->find("kv")) return;
  Table& sites = *quant->table();
  const Value both = *sites.find("kv");
  sites.erase("kv");
  for (const char* site : {"key", "value"}) {
    Table expanded;
    expanded.set(site, both);
    merge(expanded, sites);
    sites.set(site, *expanded.find(site));
  }
}

std::vector<std::string> settings_named(const std::string& key) {
  constexpr std::string_view kAlias = "quant.kv";
  if (key != kAlias && !key.starts_with(std::string(kAlias) + ".")) return {key};
  const auto rest = key.substr(kAlias.size());
  return {"quant.key" + rest, "quant.value" + rest};
}

std::string describe(const Value& value) {
  return std::visit(Overloaded{
                        [](bool v) { return fmt::format("{} (a boolean)", v); },
                        [](std::int64_t v) { return fmt::format("{} (an integer)", v); },
                        [](double v) { return fmt::format("{} (a number)", format_number(v)); },
                        [](const std::string& v) { return fmt::format("'{}' (a text)", v); },
                        [](const Array&) { return std::string("a list"); },
                        [](const Table&) { return std::string("a table"); },
                    },
                    value.data);
}

std::string to_text(const Value& value) {
  return std::visit(Overloaded{
                        [](bool v) { return std::string(v ? "true" : "false"); },
                        [](std::int64_t v) { return std::to_string(v); },
                        [](double v) { return format_number(v); },
                        [](const std::string& v) { return v; },
                        [](const Array& v) {
                          std::vector<std::string> parts;
                          for (const auto& item : v) parts.push_back(to_text(item));
                          return "[" + join(parts, ", ") + "]";
                        },
                        [](const Table& v) {
                          std::vector<std::string> parts;
                          for (const auto& [key, item] : v.entries())
                            parts.push_back(key + " = " + to_text(item));
                          return "{" + join(parts, ", ") + "}";
                        },
                    },
                    value.data);
}

bool same(const Value& a, const Value& b) {
  const auto number = [](const Value& value) -> const double* { return std::get_if<double>(&value.data); };
  const auto integer = [](const Value& value) { return std::get_if<std::int64_t>(&value.data); };
  if (integer(a) && number(b)) return static_cast<double>(*integer(a)) == *number(b);
  if (number(a) && integer(b)) return *number(a) == static_cast<double>(*integer(b));
  if (a.data.index() != b.data.index() || a.array() || a.table()) return false;
  return to_text(a) == to_text(b);
}

}  // namespace gyre::config
