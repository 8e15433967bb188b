#include "analysis/facts.h"

#include <charconv>

#include "analysis/keys.h"

namespace gyre::analysis {
namespace {

double number_of(const store::RunRow& run, const std::string& key, double otherwise) {
  const std::string text = setting(run, key);
  double value = otherwise;
  std::from_chars(text.data(), text.data() + text.size(), value);
  return value;
}

bool is_on(const std::string& scheme) {
  return !scheme.empty() && scheme != "none";
}

std::string bits_of_site(const store::RunRow& run, const std::string& site) {
  const std::string prefix = "quant." + site;
  return is_on(setting(run, prefix + ".scheme")) ? setting(run, prefix + ".n_bits") : "16";
}

}  // namespace

double bits_per_weight(const store::RunRow& run) {
  for (const auto& metric : run.metrics)
    if (metric.name.starts_with("bits_per_weight")) return metric.value;
  if (!is_on(setting(run, "quant.weight.scheme"))) {
    const std::string dtype = setting(run, "model.dtype");
    return dtype == "float64" ? 64 : dtype == "float32" ? 32 : 16;
  }
  const double bits = number_of(run, "quant.weight.n_bits", 16);
  const double group = number_of(run, "quant.weight.group_size", -1);
  if (group <= 0) return bits;
  const std::string zero_point = setting(run, "quant.weight.zero_point");
  const double offset = zero_point == "integer" ? bits : zero_point == "real" ? 16 : 0;
  return bits + (16 + offset) / group;
}

std::string online_name(const store::RunRow& run) {
  const std::string key = bits_of_site(run, "key"), value = bits_of_site(run, "value");
  std::string name = "A" + bits_of_site(run, "activation");
  if (key != "16" || value != "16") name += key == value ? " KV" + key : " K" + key + " V" + value;
  for (const char* site : {"3", "4"})
    if (is_on(setting(run, std::string("rotation.r") + site + ".scheme"))) name += std::string(" +R") + site;
  return name;
}

double total_seconds(const store::RunRow& run) {
  double seconds = 0;
  for (const auto& stage : run.stages) seconds += stage.seconds;
  return seconds;
}

double preparation_seconds(const store::RunRow& run) {
  double seconds = 0;
  for (const auto& stage : run.stages)
    if (stage.name != "evaluate") seconds += stage.seconds;
  return seconds;
}

std::string short_digest(const std::string& digest) {
  return digest.substr(0, 12);
}

}  // namespace gyre::analysis
