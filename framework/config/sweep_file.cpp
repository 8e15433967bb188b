#include "config/sweep_file.h"

#include <algorithm>
#include <map>
#include <set>
#include <tuple>

#include "config/toml_reader.h"
#include "core/error.h"
#include "core/text.h"
#include "spec/run.h"

namespace gyre::config {
namespace {

template <class... Args>
[[noreturn]] void fail_at(const Origin& origin, fmt::format_string<Args...> format, Args&&... args) {
  fail(ErrorCode::kConfig, "{}: {}", origin.text(), fmt::format(format, std::forward<Args>(args)...));
}

void refuse_unknown_keys(const Table& table, std::vector<std::string> known, std::string_view where) {
  for (const auto& [key, value] : table.entries())
    if (std::find(known.begin(), known.end(), key) == known.end())
      fail_at(value.origin, "unknown key '{}' in {}{}", key, where, suggestion(key, known));
}

const std::string& text_of(const Value& value, std::string_view what) {
  if (!value.text()) fail_at(value.origin, "{} is {}, expected a text", what, describe(value));
  return *value.text();
}

const Array& list_of(const Value& value, std::string_view what) {
  if (!value.array()) fail_at(value.origin, "{} is {}, expected a list", what, describe(value));
  if (value.array()->empty()) fail_at(value.origin, "{} is an empty list", what);
  return *value.array();
}

// The entries of [[name]], an array of tables.
std::vector<const Value*> tables_of(const Table& file, const std::string& name) {
  std::vector<const Value*> out;
  const Value* list = file.find(name);
  if (!list) return out;
  if (!list->array()) fail_at(list->origin, "{} is {}, expected [[{}]]", name, describe(*list), name);
  for (const Value& item : *list->array()) {
    if (!item.table()) fail_at(item.origin, "{} holds {}, expected [[{}]]", name, describe(item), name);
    out.push_back(&item);
  }
  return out;
}

const Value& required(const Value& table, const std::string& key, std::string_view where) {
  const Value* value = table.table()->find(key);
  if (!value) fail_at(table.origin, "{} has no '{}'", where, key);
  return *value;
}

// Nested tables and keys in quotes alike: [base] quant.weight.n_bits = 3, "rotation" = "gsr".
void leaves(const Table& table, const std::string& prefix, std::vector<Override>& out) {
  for (const auto& [key, value] : table.entries()) {
    if (value.table())
      leaves(*value.table(), prefix + key + ".", out);
    else
      out.push_back(make_override(prefix + key, value));
  }
}

std::vector<Override> override_list(const Value& list) {
  if (!list.array()) fail_at(list.origin, "overrides is {}, expected a list", describe(list));
  std::vector<Override> out;
  for (const Value& item : *list.array())
    out.push_back(parse_override(text_of(item, "an item of overrides"), item.origin));
  return out;
}

Override axis_override(const std::string& key, const Value& value) {
  if (value.array()) fail_at(value.origin, "a value of {} is a list; expected one value", key);
  return make_override(key, value);
}

Axis read_axis(const Value& table) {
  refuse_unknown_keys(*table.table(), {"key", "values"}, "[[axis]]");
  const std::string& key = text_of(required(table, "key", "[[axis]]"), "key");
  Axis axis;
  for (const Value& value : list_of(required(table, "values", "[[axis]]"), "values"))
    axis.rows.push_back({axis_override(key, value)});
  return axis;
}

Axis read_zip(const Value& table) {
  refuse_unknown_keys(*table.table(), {"keys", "values"}, "[[zip]]");
  const Array& keys = list_of(required(table, "keys", "[[zip]]"), "keys");
  Axis axis;
  for (const Value& row : list_of(required(table, "values", "[[zip]]"), "values")) {
    const Array& values = list_of(row, "a row of values");
    if (values.size() != keys.size())
      fail_at(row.origin, "a row of {} values for {} keys", values.size(), keys.size());
    auto& overrides = axis.rows.emplace_back();
    for (std::size_t i = 0; i < keys.size(); ++i)
      overrides.push_back(axis_override(text_of(keys[i], "a key"), values[i]));
  }
  return axis;
}

Axis read_seeds(const Value& list) {
  Axis axis;
  for (const Value& seed : list_of(list, "seeds")) axis.rows.push_back({axis_override("seed", seed)});
  return axis;
}

std::vector<Axis> read_axes(const Table& file) {
  struct Placed {
    const Value* table;
    Axis (*read)(const Value&);
  };
  std::vector<Placed> placed;
  for (const Value* table : tables_of(file, "axis")) placed.push_back({table, read_axis});
  for (const Value* table : tables_of(file, "zip")) placed.push_back({table, read_zip});
  std::sort(placed.begin(), placed.end(), [](const Placed& a, const Placed& b) {
    return std::tie(a.table->origin.line, a.table->origin.column) <
           std::tie(b.table->origin.line, b.table->origin.column);
  });
  if (const Value* seeds = file.find("seeds")) placed.push_back({seeds, read_seeds});

  std::vector<Axis> axes;
  std::map<std::string, Origin> taken;
  for (const auto& [table, read] : placed) {
    axes.push_back(read(*table));
    for (const Override& o : axes.back().rows.front())
      for (const auto& key : settings_named(o.key)) {
        const auto [it, fresh] = taken.emplace(key, table->origin);
        if (!fresh) fail_at(table->origin, "{} varies already, from {} on", key, it->second.text());
      }
  }
  return axes;
}

// A choice that does not exist would exclude nothing, silently.
void check_choices(const Exclusion::Condition& condition, const ConfFiles& files) {
  const auto known = files.choices(condition.key);
  for (const Value& value : condition.any_of)
    if (!known.empty() && std::find(known.begin(), known.end(), to_text(value)) == known.end())
      fail_at(value.origin, "[[exclude]]: {} has no choice '{}'{}", condition.key, to_text(value),
              suggestion(to_text(value), known));
}

Exclusion read_exclusion(const Value& table, const ConfFiles& files) {
  std::vector<std::string> known = files.groups();
  known.push_back("experiment");
  for (const auto& param : params(RunConfig{})) known.push_back(param.key);
  std::vector<Override> flat;
  leaves(*table.table(), "", flat);
  if (flat.empty()) fail_at(table.origin, "[[exclude]] has no condition, so it would drop every point");
  Exclusion out;
  for (const Override& condition : flat)
    for (const auto& key : settings_named(condition.key)) {
      if (std::find(known.begin(), known.end(), key) == known.end())
        fail_at(condition.origin, "unknown key '{}' in [[exclude]]{}", key, suggestion(key, known));
      const Array* any = condition.value->array();
      out.conditions.push_back({key, any ? list_of(*condition.value, key) : Array{*condition.value}});
      check_choices(out.conditions.back(), files);
    }
  return out;
}

}  // namespace

SweepFile read_sweep_file(const std::filesystem::path& path, const ConfFiles& files) {
  const Table file = read_toml(path, files.shown(path));
  refuse_unknown_keys(
      file,
      {"name", "baseline", "orderings", "base", "overrides", "seeds", "axis", "zip", "exclude", "point"},
      "the sweep file");
  SweepFile out;
  out.name = path.stem().string();
  if (const Value* name = file.find("name")) out.name = text_of(*name, "name");
  if (out.name.empty()) fail_at(file.find("name")->origin, "name is empty");
  if (const Value* baseline = file.find("baseline")) out.baseline = text_of(*baseline, "baseline");
  if (const Value* orderings = file.find("orderings")) out.orderings = text_of(*orderings, "orderings");
  if (const Value* base = file.find("base")) {
    if (!base->table()) fail_at(base->origin, "base is {}, expected [base]", describe(*base));
    leaves(*base->table(), "", out.base);
  }
  if (const Value* list = file.find("overrides")) {
    const auto more = override_list(*list);
    out.base.insert(out.base.end(), more.begin(), more.end());
  }
  for (const Value* table : tables_of(file, "point")) {
    refuse_unknown_keys(*table->table(), {"overrides"}, "[[point]]");
    out.points.push_back(override_list(required(*table, "overrides", "[[point]]")));
  }
  out.axes = read_axes(file);
  for (const Value* table : tables_of(file, "exclude"))
    out.exclusions.push_back(read_exclusion(*table, files));
  return out;
}

}  // namespace gyre::config
