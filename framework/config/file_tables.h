// What readers of whole files share: [[tables]] that become structs with a describe() list. Private to
// framework/config.
#pragma once

#include <string>
#include <string_view>
#include <vector>

#include "config/struct_reader.h"
#include "config/toml_reader.h"

namespace gyre::config {

// kConfig with the origin in front, unless the condition holds.
template <typename... Args>
void check_at(bool condition, const Origin& origin, fmt::format_string<Args...> format, Args&&... args) {
  if (!condition)
    fail(ErrorCode::kConfig, "{}: {}", origin.text(), fmt::format(format, std::forward<Args>(args)...));
}

void refuse_other_keys(const Table& file, const std::vector<std::string>& known);

// The tables of [[key]]; none where the file has no such key.
const Array& tables_of(const Table& file, std::string_view key);

template <class Spec>
Spec read_struct(const Value& table) {
  Spec spec;
  Origins origins;
  StructReader reader(table.table(), "", origins);
  Spec::describe(spec, reader);
  reader.refuse_unknown_keys();
  return spec;
}

}  // namespace gyre::config
