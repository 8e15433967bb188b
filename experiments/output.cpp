#include "output.h"

#include <fmt/format.h>

#include <algorithm>
#include <cmath>
#include <cstdio>
#include <nlohmann/json.hpp>

#include "core/files.h"
#include "core/progress.h"

namespace gyre {
namespace {

nlohmann::ordered_json number(double value) {
  return std::isfinite(value) ? nlohmann::ordered_json(value) : nullptr;
}

nlohmann::ordered_json to_json(const store::RunRow& run) {
  auto metrics = nlohmann::ordered_json::array();
  for (const auto& metric : run.metrics)
    metrics.push_back({{"name", metric.name},
                       {"value", number(metric.value)},
                       {"stderr", number(metric.std_error)},
                       {"n", metric.n},
                       {"unit", metric.unit}});
  auto seconds = nlohmann::ordered_json::object();
  for (const auto& stage : run.stages) seconds[stage.name] = stage.seconds;
  auto params = nlohmann::ordered_json::object();
  // Values are TOML scalars: numbers, booleans and double-quoted texts, all of which JSON writes alike.
  for (const auto& [key, value] : run.params) {
    const auto parsed = nlohmann::ordered_json::parse(value, nullptr, false);
    params[key] = parsed.is_discarded() ? nlohmann::ordered_json(value) : parsed;
  }
  nlohmann::ordered_json out = {{"run", run.digest},    {"label", run.label},    {"sweep", run.sweep},
                                {"status", run.status}, {"metrics", metrics},    {"seconds", seconds},
                                {"params", params},     {"version", run.version}};
  if (!run.error.empty()) out["error"] = run.error;
  return out;
}

}  // namespace

std::string run_json(const store::RunRow& run) {
  return to_json(run).dump(2) + "\n";
}

std::string runs_json(const std::vector<store::RunRow>& runs) {
  auto list = nlohmann::ordered_json::array();
  for (const auto& run : runs) list.push_back(to_json(run));
  return list.dump(2) + "\n";
}

std::string columns(const std::vector<std::vector<std::string>>& rows) {
  std::vector<std::size_t> widths;
  for (const auto& row : rows) {
    widths.resize(std::max(widths.size(), row.size()));
    for (std::size_t i = 0; i < row.size(); ++i) widths[i] = std::max(widths[i], row[i].size());
  }
  std::string out;
  for (const auto& row : rows) {
    std::string line;
    for (std::size_t i = 0; i < row.size(); ++i)
      line += i + 1 < row.size() ? fmt::format("{:<{}}  ", row[i], widths[i]) : row[i];
    out += line + "\n";
  }
  return out;
}

std::string shell_word(const std::string& text) {
  const bool plain =
      !text.empty() &&
      text.find_first_not_of("abcdefghijklmnopqrstuvwxyzABCDEFGHIJKLMNOPQRSTUVWXYZ0123456789_-./:=+,@%") ==
          std::string::npos;
  if (plain) return text;
  std::string out = "'";
  for (const char c : text) out += c == '\'' ? "'\\''" : std::string(1, c);
  return out + "'";
}

void emit(std::string_view text, const std::string& file) {
  if (file.empty()) {
    std::fwrite(text.data(), 1, text.size(), stdout);
    std::fflush(stdout);
    return;
  }
  write_file_atomically(file, text);
  log_info(fmt::format("written: {}", file));
}

}  // namespace gyre
