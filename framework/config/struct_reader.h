// A table becomes a struct with a describe() list: types, limits and unknown keys are checked, origins
// remembered.
#pragma once

#include <algorithm>
#include <string>
#include <string_view>
#include <vector>

#include "config/compose.h"
#include "config/value.h"
#include "core/error.h"
#include "core/text.h"
#include "spec/limits_text.h"

namespace gyre::config {

// Each takes the value if it has the type and keeps the limits; false otherwise.
bool take(const Value& value, std::int64_t& out, const Limits& limits);
bool take(const Value& value, double& out, const Limits& limits);
bool take(const Value& value, bool& out, const Limits& limits);
bool take(const Value& value, std::string& out, const Limits& limits);
bool take(const Value& value, AutoSize& out, const Limits& limits);
bool take(const Value& value, Clip& out, const Limits& limits);
// " (did you mean 'first'?)" or nothing.
std::string near_choice(const Value& value, const Limits& limits);

// The visitor of describe(). Errors are kConfig with the value's origin.
class StructReader {
 public:
  StructReader(const Table* table, std::string prefix, Origins& origins)
      : table_(table), prefix_(std::move(prefix)), origins_(origins) {}

  template <class T>
  void field(std::string_view name, T& out, std::string_view, const Limits& limits) {
    known_.emplace_back(name);
    const std::string key = prefix_ + std::string(name);
    const Value* value = table_ ? table_->find(name) : nullptr;
    origins_[key] = value ? value->origin.text() : Origin{}.text();
    if (value && !take(*value, out, limits))
      fail(ErrorCode::kConfig, "{}: {} is {}; expected {}{}", value->origin.text(), key, describe(*value),
           expected(out, limits), near_choice(*value, limits));
  }

  template <class Spec>
  void group(std::string_view name, Spec& spec, std::string_view) {
    known_.emplace_back(name);
    const std::string key = prefix_ + std::string(name);
    const Value* value = table_ ? table_->find(name) : nullptr;
    StructReader inner(value ? value->table() : nullptr, key + ".", origins_);
    Spec::describe(spec, inner);
    if (value && !value->table())
      fail(ErrorCode::kConfig, "{}: {} is {}; expected a table of {}", value->origin.text(), key,
           describe(*value), join(inner.known_, ", "));
    inner.refuse_unknown_keys();
  }

  void refuse_unknown_keys() const {
    if (!table_) return;
    for (const auto& [key, value] : table_->entries())
      if (std::find(known_.begin(), known_.end(), key) == known_.end())
        fail(ErrorCode::kConfig, "{}: unknown key '{}{}'{}", value.origin.text(), prefix_, key,
             suggestion(key, known_));
  }

 private:
  const Table* table_;
  std::string prefix_;
  Origins& origins_;
  std::vector<std::string> known_;
};

}  // namespace gyre::config
