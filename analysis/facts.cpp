#include "analysis/facts.h"

#include <algorithm>
#include <charconv>
#include <filesystem>
#include <utility>

#include "analysis/keys.h"
#include "core/text.h"

namespace gyre::analysis {
namespace {

double number_of(const store::RunRow& run, const std::string& key, double otherwise) {
  const std::string text = setting(run, key);
  double value = otherwise;
  std::from_chars(text.data(), text.data() + text.size(), value);
  return value;
}

// What a run measures of itself is no part of what its method costs.
bool measures(const store::StageRow& stage) {
  return stage.name.starts_with("measure");
}

bool is_on(const std::string& scheme) {
  return !scheme.empty() && scheme != "none";
}

// Bits of a scale or a real offset, as the quantizer rtn counts them.
constexpr double kScaleBits = 32;

// Of the linears that are quantized: their groups over their weights. The sizes are the run's own
// model.shape.*; 0 without them where the group follows from a size.
double groups_per_weight(const store::RunRow& run) {
  const double given = number_of(run, "quant.weight.group_size", AutoSize::kAuto);
  if (given > 0) return 1 / given;
  const auto size = [&](const char* name) { return number_of(run, std::string("model.shape.") + name, 0); };
  const double hidden = size("hidden_size"), inner = size("intermediate_size");
  const double heads = size("num_attention_heads") * size("head_dim");
  const double cached = size("num_key_value_heads") * size("head_dim");
  if (!(hidden > 0 && inner > 0 && heads > 0 && cached > 0)) return 0;
  const auto group = [&](double width) {
    return static_cast<double>(resolve_size({static_cast<std::int64_t>(given)},
                                            static_cast<std::int64_t>(width), "quant.weight.group_size"));
  };
  // q, k, v; o; gate, up; down: outputs times inputs.
  const std::pair<double, double> linears[] = {
      {heads + 2 * cached, hidden}, {hidden, heads}, {2 * inner, hidden}, {hidden, inner}};
  double groups = 0, weights = 0;
  for (const auto& [out, in] : linears) {
    groups += out * in / group(in);
    weights += out * in;
  }
  return groups / weights;
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
  const std::string zero_point = setting(run, "quant.weight.zero_point");
  const double offset = zero_point == "integer" ? bits : zero_point == "real" ? kScaleBits : 0;
  return bits + (kScaleBits + offset) * groups_per_weight(run);
}

std::string online_name(const store::RunRow& run) {
  const std::string key = bits_of_site(run, "key"), value = bits_of_site(run, "value");
  std::string name = "A" + bits_of_site(run, "activation");
  if (key != "16" || value != "16") name += key == value ? " KV" + key : " K" + key + " V" + value;
  return name + online_rotations(run);
}

std::string online_rotations(const store::RunRow& run) {
  std::string name;
  for (const char* site : {"3", "4"})
    if (is_on(setting(run, std::string("rotation.r") + site + ".scheme"))) name += std::string(" +R") + site;
  return name;
}

double total_seconds(const store::RunRow& run) {
  double seconds = 0;
  for (const auto& stage : run.stages)
    if (!measures(stage)) seconds += stage.seconds;
  return seconds;
}

double preparation_seconds(const store::RunRow& run) {
  double seconds = 0;
  for (const auto& stage : run.stages)
    if (stage.name != "evaluate" && !measures(stage)) seconds += stage.seconds;
  return seconds;
}

std::string model_name(const store::RunRow& run) {
  const std::string path = setting(run, "model.path");
  if (path == "default") return "wiki-tiny";
  const std::filesystem::path parsed(path);
  return (parsed.has_filename() ? parsed : parsed.parent_path()).filename().string();
}

std::string short_model_name(const store::RunRow& run) {
  const std::string name = model_name(run);
  return name.ends_with(".gguf") ? name.substr(0, name.size() - 5) : name;
}

std::string method_text(const store::RunRow& run) {
  static const auto defaults = split(canonical_text(RunConfig{}), '\n');
  constexpr const char* kOthers[] = {"model.", "calibration.", "eval.", "measure.", "seed ", "replica "};
  std::vector<std::string> out;
  for (const auto& line : split(run.canonical, '\n'))
    if (!line.empty() && std::find(defaults.begin(), defaults.end(), line) == defaults.end() &&
        std::none_of(std::begin(kOthers), std::end(kOthers),
                     [&](const char* other) { return line.starts_with(other); }))
      out.push_back(line);
  return join(out, "; ");
}

std::string short_digest(const std::string& digest) {
  return digest.substr(0, 12);
}

}  // namespace gyre::analysis
