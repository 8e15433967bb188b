// Statistics of a model before quantization.
#include <algorithm>
#include <tuple>

#include "core/error.h"
#include "eval/forward_watch.h"
#include "eval/measure.h"
#include "eval/measure_parts.h"

namespace gyre {
namespace {

// Histograms of one role, averaged over layers.
class MeanHistograms {
 public:
  void add(const std::string& site, const std::string& tensor, const ValueStatistics& statistics) {
    const auto bins = statistics.histogram();
    if (bins.empty()) return;
    auto& [sums, layers] = sums_[{site, tensor}];
    if (sums.empty()) sums = std::vector<NamedValue>(bins.size());
    for (std::size_t i = 0; i < bins.size(); ++i) {
      sums[i].name = bins[i].name;
      sums[i].value += bins[i].value;
      sums[i].n += bins[i].n;
    }
    ++layers;
  }
  void write(std::vector<TensorStat>& out) const {
    for (const auto& [where, entry] : sums_)
      for (auto bin : entry.first) {
        bin.value /= entry.second;
        out.push_back({-1, where.second, where.first, bin});
      }
  }

 private:
  std::map<std::pair<std::string, std::string>, std::pair<std::vector<NamedValue>, double>> sums_;
};

class ShapeWatcher final : public ForwardWatcher {
 public:
  explicit ShapeWatcher(std::int64_t n_windows) : n_windows_(n_windows) {}

  void see_input(const SharedInput& input, const torch::Tensor& x) override {
    const auto& linear = input.linears[0].linear;
    add({input.layer, "activation", role_name(input.linears[0].role)},
        linear.online_rotation ? linear.online_rotation->rotate(x) : x, input.size());
  }
  void see_cache(std::int64_t layer, const char* role, const torch::Tensor& x,
                 const std::shared_ptr<Quantizer>&) override {
    add({layer, role, role}, x, x.size(-1));
  }

  void write(std::vector<TensorStat>& out, MeanHistograms& histograms) const {
    for (const auto& [key, entry] : entries_) {
      const auto& [layer, site, tensor] = key;
      for (const auto& stat : entry.rest.values()) out.push_back({layer, tensor, site, stat});
      histograms.add(site, tensor, entry.rest);
      const Moments& first = entry.first;
      const double largest = std::max(std::abs(first.min), std::abs(first.max));
      out.push_back({layer, tensor, site + "_token0", {"max_abs", largest, first.n}});
      out.push_back({layer, tensor, site + "_token0", {"max_over_rms", first.max_over_rms(), first.n}});
    }
  }

 private:
  using Key = std::tuple<std::int64_t, std::string, std::string>;  // layer, site, tensor
  struct Entry {
    ValueStatistics rest;
    Moments first;  // each window's token 0
  };

  void add(const Key& key, const torch::Tensor& x, std::int64_t group_size) {
    auto& entry = entries_[key];
    const auto step = sampling_step(n_windows_ * x.numel());
    entry.first.merge(moments_of(x.narrow(1, 0, 1)));
    if (x.size(1) > 1) entry.rest.add(x.slice(1, 1, std::nullopt, step), group_size);
  }

  std::int64_t n_windows_;
  std::map<Key, Entry> entries_;
};

}  // namespace

torch::Tensor measured_windows(const std::vector<std::int32_t>& tokens, const MeasureSpec& spec,
                               const std::string& text) {
  const auto needed = spec.samples * spec.window;
  GYRE_CHECK(std::ssize(tokens) >= needed, ErrorCode::kInput,
             "'{}' has {} tokens; measure.samples = {} windows of measure.window = {} need {}. Take fewer or "
             "shorter ones",
             text, tokens.size(), spec.samples, spec.window, needed);
  auto windows = torch::empty({spec.samples, spec.window}, torch::kInt64);
  std::copy_n(tokens.begin(), needed, windows.mutable_data_ptr<std::int64_t>());
  return windows;
}

std::int64_t count_measure_steps(const Llama& model, const torch::Tensor& windows) {
  return std::ssize(model.blocks) + windows.size(0);
}

ShapeMeasurement measure_shape(Llama& model, const torch::Tensor& windows, const MeasureSpec& spec,
                               bool keep_logits, const std::function<void()>& on_step) {
  const torch::NoGradGuard no_grad;
  ShapeMeasurement result;
  MeanHistograms histograms;
  model.for_each_linear([&](LinearRef ref) {
    if (ref.role == LinearRole::kHead) return;
    const auto& weight = ref.linear.weight;
    ValueStatistics statistics;
    statistics.add(weight.slice(0, 0, std::nullopt, sampling_step(weight.numel())),
                   resolve_size(spec.group_size, weight.size(1), "measure.group_size"));
    for (const auto& stat : statistics.values())
      result.stats.push_back({ref.layer, role_name(ref.role), "weight", stat});
    histograms.add("weight", role_name(ref.role), statistics);
    if (ref.role == LinearRole::kDown) on_step();
  });
  ShapeWatcher watcher(windows.size(0));
  std::vector<torch::Tensor> logits;
  for (std::int64_t w = 0; w < windows.size(0); ++w) {
    const auto hidden = watch_forward(model, windows.narrow(0, w, 1), watcher);
    if (keep_logits) logits.push_back(compared_logits(model, hidden));
    on_step();
  }
  watcher.write(result.stats, histograms);
  histograms.write(result.stats);
  if (keep_logits) result.logits = torch::cat(logits);
  return result;
}

}  // namespace gyre
