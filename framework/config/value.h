// A tree of settings, independent of the TOML library; every node remembers where it was written.
#pragma once

#include <cstdint>
#include <string>
#include <string_view>
#include <utility>
#include <variant>
#include <vector>

namespace gyre::config {

struct Origin {
  std::string source = "default";      // file as shown to the user, or "command line"
  std::uint32_t line = 0, column = 0;  // from 1; 0: the source has no lines

  std::string text() const;  // "experiments/conf/quant/w4a16.toml:3:1", "command line"
};

struct Value;
struct Entry;
using Array = std::vector<Value>;

// Keys with values, in the order of writing.
class Table {
 public:
  // The value of one key (not a path), or null.
  const Value* find(std::string_view key) const;
  Value* find(std::string_view key);
  // Replaces the key's value or appends it.
  Value& set(std::string_view key, Value value);
  bool erase(std::string_view key);
  const std::vector<Entry>& entries() const { return entries_; }
  std::vector<Entry>& entries() { return entries_; }

 private:
  std::vector<Entry> entries_;
};

struct Value {
  std::variant<bool, std::int64_t, double, std::string, Array, Table> data;
  Origin origin;    // of the key; of the value itself inside an array
  std::string raw;  // as it was typed, for values that do not come from a file

  const std::string* text() const { return std::get_if<std::string>(&data); }
  const Array* array() const { return std::get_if<Array>(&data); }
  const Table* table() const { return std::get_if<Table>(&data); }
  Table* table() { return std::get_if<Table>(&data); }
};

struct Entry {
  std::string key;
  Value value;
};

// The value at a dotted path, or null.
const Value* find_path(const Table& root, std::string_view path);
// Puts a value at a dotted path; makes tables on the way, in place of anything else.
void set_path(Table& root, std::string_view path, Value value);
bool erase_path(Table& root, std::string_view path);

// Lays `over` on `base`: tables merge key by key, anything else replaces.
void merge(Table& base, const Table& over);

// quant.kv stands for quant.key and quant.value: a table quant.kv becomes both, under what the same tree says
// of quant.key and quant.value themselves.
void expand_aliases(Table& root);
// The settings that a dotted key names: itself, or both for quant.kv...
std::vector<std::string> settings_named(const std::string& key);

// "3 (an integer)", "'lp' (a text)": what was found, for messages.
std::string describe(const Value& value);
// As one would type it on the command line.
std::string to_text(const Value& value);
// Equal in kind and content; an integer equals the same number.
bool same(const Value& a, const Value& b);

}  // namespace gyre::config
