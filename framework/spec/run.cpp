#include "spec/run.h"

#include <fmt/format.h>

#include <string_view>

#include "core/text.h"
#include "spec/param_writer.h"

namespace gyre {
namespace {

std::string bits_of(const QuantSpec& spec) {
  return (spec.enabled() ? std::to_string(spec.n_bits) : "16") + (spec.rules.empty() ? "" : "*");
}

// The sizes of a shape with their names.
class SizeList {
 public:
  explicit SizeList(const ModelShape& shape) { ModelShape::describe(shape, *this); }
  void field(std::string_view name, std::int64_t value, std::string_view, const Limits&) {
    sizes.emplace_back(name, value);
  }
  std::vector<std::pair<std::string_view, std::int64_t>> sizes;
};

}  // namespace

RunConfig::RunConfig() = default;

std::vector<Param> params(const RunConfig& config) {
  std::vector<Param> out;
  RunConfig::describe(config, ParamWriter(out));
  return out;
}

bool enters_digest(std::string_view key) {
  return !key.starts_with("run.") && !key.starts_with("model.shape.") && key != "model.any_shape" &&
         key != "train.checkpoint_every" && key != "train.recompute" && key != "learn.save_every";
}

namespace {

// Settings of what the run does not have: they say nothing, and later ones do not change older runs' digests.
bool is_idle(const RunConfig& config, std::string_view key) {
  if (key.starts_with("measure.")) return !config.measure.enabled();
  if (key.starts_with("train.")) return !config.train.enabled();
  if (key.starts_with("learn.")) return !learns_rotations(config);
  if (!key.starts_with("rotation.") || (!key.ends_with(".init") && !key.ends_with(".keep_init")))
    return false;
  const auto& r = config.rotation;
  for (const auto& [spec, site] : {std::pair(&r.r1, "rotation.r1."), std::pair(&r.r2, "rotation.r2.")})
    if (key.starts_with(site)) return !spec->learned();
  return true;
}

}  // namespace

std::string canonical_text(const RunConfig& config) {
  std::string text;
  for (const auto& [key, value] : params(config))
    if (enters_digest(key) && !is_idle(config, key)) text += key + " = " + value + "\n";
  return text;
}

std::string bits_label(const RunConfig& config) {
  const auto& q = config.quant;
  std::string label = "FP";
  if (q.weight.used() || q.activation.used() || q.key.used() || q.value.used()) {
    label = "W" + bits_of(q.weight) + "A" + bits_of(q.activation);
    if (q.key.used() || q.value.used())
      label += bits_of(q.key) == bits_of(q.value) ? "KV" + bits_of(q.key)
                                                  : "K" + bits_of(q.key) + "V" + bits_of(q.value);
  }
  std::string online;
  if (config.rotation.r3.scheme != "none") online += "R3";
  if (config.rotation.r4.scheme != "none") online += "R4";
  return online.empty() ? label : label + "+" + online;
}

std::string to_text(const ModelShape& shape) {
  std::string text;
  for (const auto& [name, size] : SizeList(shape).sizes)
    if (size != 0) text += (text.empty() ? "" : ", ") + std::string(name) + " " + std::to_string(size);
  return text;
}

bool fits(const ModelShape& asked, const ModelShape& there) {
  const SizeList a(asked), b(there);
  for (std::size_t i = 0; i < a.sizes.size(); ++i)
    if (a.sizes[i].second != 0 && a.sizes[i].second != b.sizes[i].second) return false;
  return true;
}

}  // namespace gyre
