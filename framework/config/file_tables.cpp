#include "config/file_tables.h"

#include <algorithm>

namespace gyre::config {

void refuse_other_keys(const Table& file, const std::vector<std::string>& known) {
  for (const auto& [key, value] : file.entries())
    check_at(std::find(known.begin(), known.end(), key) != known.end(), value.origin, "unknown key '{}'{}",
             key, suggestion(key, known));
}

const Array& tables_of(const Table& file, std::string_view key) {
  static const Array none;
  const Value* list = file.find(key);
  if (!list) return none;
  check_at(list->array() != nullptr, list->origin, "{} is {}, expected [[{}]] tables", key, describe(*list),
           key);
  for (const Value& item : *list->array())
    check_at(item.table() != nullptr, item.origin, "an item of {} is {}, expected a table", key,
             describe(item));
  return *list->array();
}

}  // namespace gyre::config
