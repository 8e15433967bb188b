#include "analysis/keys.h"

#include <algorithm>
#include <charconv>

#include "core/error.h"
#include "core/text.h"

namespace gyre::analysis {

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

std::string name_under(const store::RunRow& run, const std::string& key) {
  const auto space = run.label.rfind(' ');
  if (key == "rotation") return run.label.substr(0, space);
  if (key == "bits") return space == std::string::npos ? "" : run.label.substr(space + 1);
  return setting(run, key);
}

bool is_full_precision(const store::RunRow& run) {
  return run.label == "none FP";
}

void check_keys(const std::vector<store::RunRow>& runs, const std::vector<std::string>& keys) {
  std::vector<std::string> known = {"rotation", "bits"};
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

std::vector<std::string> differing_settings(const store::RunRow& a, const store::RunRow& b) {
  std::vector<std::string> keys;
  for (const auto* run : {&a, &b})
    for (const auto& param : run->params) {
      const bool listed = std::find(keys.begin(), keys.end(), param.key) != keys.end();
      if (!listed && enters_digest(param.key) && setting(a, param.key) != setting(b, param.key))
        keys.push_back(param.key);
    }
  return keys;
}

void add_once(std::vector<std::string>& list, const std::string& text) {
  if (std::find(list.begin(), list.end(), text) == list.end()) list.push_back(text);
}

}  // namespace gyre::analysis
