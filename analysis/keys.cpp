#include "analysis/keys.h"

#include <algorithm>
#include <charconv>
#include <iterator>
#include <map>

#include "core/error.h"
#include "core/text.h"

namespace gyre::analysis {
namespace {

std::string rotation_name(const store::RunRow& run) {
  return run.label.substr(0, run.label.rfind(' '));
}

std::string bits_name(const store::RunRow& run) {
  const auto space = run.label.rfind(' ');
  return space == std::string::npos ? "" : run.label.substr(space + 1);
}

std::string weight_grid(const store::RunRow& run) {
  return grid_text(run, "weight");
}

struct DerivedKey {
  std::string_view name;
  std::string (*of)(const store::RunRow&);
};
constexpr DerivedKey kDerived[] = {{"rotation", rotation_name}, {"bits", bits_name}, {"grid", weight_grid}};

}  // namespace

std::string unquoted(std::string_view value) {
  if (value.size() < 2 || value.front() != '"' || value.back() != '"') return std::string(value);
  value = value.substr(1, value.size() - 2);
  std::string out;
  for (std::size_t i = 0; i < value.size(); ++i) {
    if (value[i] != '\\' || i + 1 == value.size()) {
      out += value[i];
      continue;
    }
    unsigned code = 0;
    const char* digits = value.data() + i + 2;
    // Control characters alone are written as \uXXXX (spec/run.cpp).
    if (value[i + 1] == 'u' && i + 6 <= value.size() &&
        std::from_chars(digits, digits + 4, code, 16).ptr == digits + 4) {
      out += static_cast<char>(code);
      i += 5;
    } else {
      out += value[++i];
    }
  }
  return out;
}

std::string setting(const store::RunRow& run, std::string_view key) {
  for (const auto& param : run.params)
    if (param.key == key) return unquoted(param.value);
  return "";
}

bool is_derived(std::string_view key) {
  return std::ranges::find(kDerived, key, &DerivedKey::name) != std::end(kDerived);
}

std::string grid_text(const store::RunRow& run, const std::string& site) {
  const auto get = [&](const char* name) { return setting(run, "quant." + site + "." + name); };
  if (get("scheme").empty() || get("scheme") == "none") return "";
  if (get("symmetric") == "true") return "symmetric";
  const auto zero_point = get("zero_point");
  return zero_point == "none" ? "levels without zero" : "asymmetric (" + zero_point + " zero point)";
}

std::string name_under(const store::RunRow& run, const std::string& key) {
  const auto* derived = std::ranges::find(kDerived, key, &DerivedKey::name);
  return derived == std::end(kDerived) ? setting(run, key) : derived->of(run);
}

bool is_full_precision(const store::RunRow& run) {
  return run.label == "none FP";
}

void check_keys(const std::vector<store::RunRow>& runs, const std::vector<std::string>& keys) {
  std::vector<std::string> known;
  for (const auto& derived : kDerived) known.emplace_back(derived.name);
  for (const auto& run : runs)
    for (const auto& param : run.params)
      if (std::find(known.begin(), known.end(), param.key) == known.end()) known.push_back(param.key);
  for (auto key = keys.begin(); key != keys.end(); ++key) {
    GYRE_CHECK(std::find(known.begin(), known.end(), *key) != known.end(), ErrorCode::kUsage,
               "rows and columns: no run has a setting '{}'{}", *key, suggestion(*key, known));
    GYRE_CHECK(std::find(keys.begin(), key, *key) == key, ErrorCode::kUsage,
               "rows and columns: '{}' is named twice", *key);
  }
}

void keep_where(std::vector<store::RunRow>& runs,
                const std::vector<std::pair<std::string, std::string>>& where) {
  std::map<std::string, std::vector<std::string>> allowed;
  for (const auto& [key, value] : where) allowed[key].push_back(value);
  for (const auto& [key, values] : allowed) {
    check_keys(runs, {key});
    std::vector<std::string> known;
    for (const auto& run : runs) add_once(known, name_under(run, key));
    for (const auto& value : values)
      GYRE_CHECK(std::ranges::find(known, value) != known.end(), ErrorCode::kUsage,
                 "no run with {} = '{}' is left{}", key, value, suggestion(value, known));
    std::erase_if(runs, [&, &key = key, &values = values](const store::RunRow& run) {
      return std::ranges::find(values, name_under(run, key)) == values.end();
    });
  }
}

std::vector<std::string> differing_settings(const store::RunRow& a, const store::RunRow& b) {
  // Not the recorded parameters: a point without a run has no idle ones, and another version had others.
  const auto left = store::parse_canonical(a.canonical), right = store::parse_canonical(b.canonical);
  std::vector<std::string> differing, one_sided;
  for (const auto& [key, value] : left) {
    const auto other = std::ranges::find(right, key, &Param::key);
    if (other == right.end())
      one_sided.push_back(key);
    else if (other->value != value)
      differing.push_back(key);
  }
  for (const auto& param : right)
    if (std::ranges::find(left, param.key, &Param::key) == left.end()) one_sided.push_back(param.key);
  if (std::ranges::all_of(differing, is_repetition))
    differing.insert(differing.end(), one_sided.begin(), one_sided.end());
  return differing;
}

bool is_repetition(const std::string& key) {
  return key == "seed" || key == "replica";
}

void add_once(std::vector<std::string>& list, const std::string& text) {
  if (std::find(list.begin(), list.end(), text) == list.end()) list.push_back(text);
}

}  // namespace gyre::analysis
