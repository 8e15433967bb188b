// Statistics of a quantized model beside the one that it was made of.
#include <cmath>
#include <limits>
#include <tuple>

#include "core/error.h"
#include "eval/forward_watch.h"
#include "eval/measure.h"
#include "eval/measure_parts.h"
#include "spec/quant_rules.h"

namespace gyre {
namespace {

// Rows of logits that are compared at once in float64.
constexpr std::int64_t kRows = 64;

// The weight that the linear multiplies with, in float32.
torch::Tensor effective_weight(const QuantLinear& linear) {
  const auto weight =
      linear.weight_quantizer ? linear.weight_quantizer->forward(linear.weight) : linear.weight;
  return weight.to(torch::kFloat32);
}

// Of one linear; squares summed over tokens, one that stands for `kComparedStride` counted so often.
struct OutputSums {
  double energy = 0, error = 0;              // all tokens, weights quantized
  double layer_energy = 0, layer_error = 0;  // without token 0, everything quantized
  void add(const OutputSums& other) {
    energy += other.energy;
    error += other.error;
    layer_energy += other.layer_energy;
    layer_error += other.layer_error;
  }
};

double ratio(double part, double whole) {
  return whole == 0 ? 0 : part / whole;
}

class QuantizedWatcher final : public ForwardWatcher {
 public:
  QuantizedWatcher(const Llama& reference, const QuantPlan& plan, std::int64_t n_windows)
      : plan_(plan), n_layers_(reference.config.num_hidden_layers), n_windows_(n_windows) {
    Llama shared = reference.shallow_copy();
    shared.for_each_linear([&](LinearRef ref) { reference_[{ref.layer, ref.role}] = ref.linear.weight; });
  }

  void see_input(const SharedInput& input, const torch::Tensor& x) override {
    const auto& [layer, role, linear] = input.linears[0];
    const auto rotated = linear.online_rotation ? linear.online_rotation->rotate(x) : x;
    const auto quantized =
        add({layer, "activation", role_name(role)}, rotated, linear.input_quantizer, plan_.activation);
    const auto compared = [](const torch::Tensor& t) {
      return t.squeeze(0).slice(0, 0, std::nullopt, kComparedStride).to(torch::kFloat32).contiguous();
    };
    const auto given = compared(rotated);
    const auto read = linear.input_quantizer ? compared(quantized) : given;
    for (const auto& ref : input.linears) {
      const auto sums = compare(ref, given, read);
      outputs_[{ref.layer, ref.role}].add(sums);
      window_.emplace_back(ratio(sums.error, sums.energy), ratio(sums.layer_error, sums.layer_energy));
    }
  }
  void see_cache(std::int64_t layer, const char* role, const torch::Tensor& x,
                 const std::shared_ptr<Quantizer>& quantizer) override {
    add({layer, role, role}, x, quantizer, std::string_view(role) == "key" ? plan_.key : plan_.value);
  }

  // Means over linears of this window's relative errors.
  std::pair<double, double> end_window() {
    std::pair<double, double> mean{0, 0};
    for (const auto& [output, layer] : window_) {
      mean.first += output / static_cast<double>(window_.size());
      mean.second += layer / static_cast<double>(window_.size());
    }
    window_.clear();
    return mean;
  }

  std::pair<double, double> mean_errors() const {
    std::pair<double, double> mean{0, 0};
    for (const auto& [key, sums] : outputs_) {
      mean.first += ratio(sums.error, sums.energy) / static_cast<double>(outputs_.size());
      mean.second += ratio(sums.layer_error, sums.layer_energy) / static_cast<double>(outputs_.size());
    }
    return mean;
  }

  const torch::Tensor& reference(const LinearRef& ref) const { return reference_.at({ref.layer, ref.role}); }

  void write(std::vector<TensorStat>& out, std::int64_t n_tokens) const {
    for (const auto& [key, entry] : entries_) {
      const auto& [layer, site, tensor] = key;
      for (const auto& stat : named_values(entry.values)) out.push_back({layer, tensor, site, stat});
      if (entry.error.n > 0)
        out.push_back({layer, tensor, site, {"sqnr_db", entry.error.sqnr_db(), entry.error.n}});
      write_codes(out, layer, tensor, site, entry.codes);
    }
    for (const auto& [key, sums] : outputs_) {
      const auto add = [&](const char* name, double value) {
        out.push_back({key.first, role_name(key.second), "weight", {name, value, n_tokens}});
      };
      add("output_error", ratio(sums.error, sums.energy));
      add("layer_error", ratio(sums.layer_error, sums.layer_energy));
    }
  }

  static void write_codes(std::vector<TensorStat>& out, std::int64_t layer, const std::string& tensor,
                          const std::string& site, const CodeUse& codes) {
    if (codes.n() == 0) return;
    out.push_back({layer, tensor, site, {"code_entropy", codes.entropy(), codes.n()}});
    out.push_back({layer, tensor, site, {"unused_levels", codes.unused_levels(), codes.n()}});
  }

 private:
  using Key = std::tuple<std::int64_t, std::string, std::string>;  // layer, site, tensor
  struct Entry {
    Moments values;
    CodeUse codes;
    SquaredError error;
  };

  // Statistics of all tokens but the first; returns the quantized values of all.
  torch::Tensor add(const Key& key, const torch::Tensor& x, const std::shared_ptr<Quantizer>& quantizer,
                    const QuantSpec& spec) {
    auto& entry = entries_[key];
    const auto quantized = quantizer ? quantizer->forward(x) : x;
    if (x.size(1) < 2) return quantized;
    const auto step = sampling_step(n_windows_ * x.numel());
    const auto sampled = [&](const torch::Tensor& t) { return t.slice(1, 1, std::nullopt, step); };
    entry.values.merge(moments_of(sampled(quantized)));
    if (!quantizer) return quantized;
    entry.error.add(sampled(x), sampled(quantized));
    const auto parts = quantizer->quantize(sampled(x).contiguous());
    const auto n_bits = resolve_rules(spec, std::get<0>(key), std::get<2>(key), n_layers_).n_bits;
    entry.codes.add(parts.codes, parts.group_size, std::int64_t{1} << n_bits);
    return quantized;
  }

  OutputSums compare(const LinearRef& ref, const torch::Tensor& given, const torch::Tensor& read) const {
    const auto squares = [](const torch::Tensor& y) {
      return y.square().sum(torch::IntArrayRef{1}, false, torch::kFloat64).to(torch::kCPU);
    };
    const auto all = [](const torch::Tensor& rows) {
      return rows[0].item<double>() +
             static_cast<double>(kComparedStride) * rows.narrow(0, 1, rows.size(0) - 1).sum().item<double>();
    };
    const auto rest = [](const torch::Tensor& rows) {
      return rows.narrow(0, 1, rows.size(0) - 1).sum().item<double>();
    };
    const auto& original = reference(ref);
    const bool kept = !ref.linear.weight_quantizer && ref.linear.weight.is_same(original);
    const bool same_input = read.is_same(given);
    if (kept && same_input) return {};
    const auto expected = at::linear(given, original.to(torch::kFloat32));
    const auto energy = squares(expected);
    OutputSums sums{.energy = all(energy), .layer_energy = rest(energy)};
    const auto weight = effective_weight(ref.linear);
    const auto error = squares(at::linear(given, weight) - expected);
    if (!kept) sums.error = all(error);
    sums.layer_error = rest(same_input ? error : squares(at::linear(read, weight) - expected));
    return sums;
  }

  const QuantPlan& plan_;
  std::int64_t n_layers_, n_windows_;
  std::map<std::pair<std::int64_t, LinearRole>, torch::Tensor> reference_;
  std::map<Key, Entry> entries_;
  std::map<std::pair<std::int64_t, LinearRole>, OutputSums> outputs_;
  std::vector<std::pair<double, double>> window_;  // relative errors of the linears in this window
};

// Standard error of a sum over counts, windows as clusters.
double error_over_windows(const std::vector<std::pair<double, std::int64_t>>& windows) {
  const auto k = static_cast<double>(windows.size());
  if (windows.size() < 2) return std::numeric_limits<double>::quiet_NaN();
  double sum = 0, n = 0, squares = 0;
  for (const auto& [value, count] : windows) sum += value, n += static_cast<double>(count);
  for (const auto& [value, count] : windows) {
    const double residual = value - sum / n * static_cast<double>(count);
    squares += residual * residual;
  }
  return std::sqrt(squares * k / (k - 1)) / n;
}

void measure_weights(Llama& model, const QuantizedWatcher& watcher, const WeightCodes& codes,
                     const std::function<void()>& on_step, std::vector<TensorStat>& out) {
  model.for_each_linear([&](LinearRef ref) {
    if (ref.role == LinearRole::kHead) return;
    const auto sampled = [&](const torch::Tensor& w) {
      return w.slice(0, 0, std::nullopt, sampling_step(w.numel()));
    };
    const auto& original = watcher.reference(ref);
    const auto weight = sampled(effective_weight(ref.linear));
    const std::string tensor = role_name(ref.role);
    for (const auto& stat : named_values(moments_of(weight)))
      out.push_back({ref.layer, tensor, "weight", stat});
    if (ref.linear.weight_quantizer || !ref.linear.weight.is_same(original)) {
      SquaredError error;
      error.add(sampled(original).to(torch::kFloat32), weight);
      out.push_back({ref.layer, tensor, "weight", {"sqnr_db", error.sqnr_db(), error.n}});
    }
    if (const auto it = codes.find(ref.name()); it != codes.end())
      QuantizedWatcher::write_codes(out, ref.layer, tensor, "weight", it->second);
    if (ref.role == LinearRole::kDown) on_step();
  });
}

}  // namespace

torch::Tensor kl_of_logits(const torch::Tensor& p, const torch::Tensor& q) {
  GYRE_ASSERT(p.sizes() == q.sizes() && p.dim() == 2);
  auto out = torch::empty({p.size(0)}, torch::kFloat64);
  for (std::int64_t i = 0; i < p.size(0); i += kRows) {
    const auto n = std::min(kRows, p.size(0) - i);
    const auto log_p = torch::log_softmax(p.narrow(0, i, n).to(torch::kFloat64), 1);
    const auto log_q = torch::log_softmax(q.narrow(0, i, n).to(torch::kFloat64), 1);
    out.narrow(0, i, n).copy_((log_p.exp() * (log_p - log_q)).sum(1));
  }
  return out;
}

QuantizedMeasurement measure_quantized(Llama& model, const Llama& reference, const torch::Tensor& logits,
                                       const torch::Tensor& windows, const QuantPlan& plan,
                                       const WeightCodes& codes, const std::function<void()>& on_step) {
  const torch::NoGradGuard no_grad;
  QuantizedMeasurement result;
  QuantizedWatcher watcher(reference, plan, windows.size(0));
  measure_weights(model, watcher, codes, on_step, result.stats);
  const auto n_windows = windows.size(0), per_window = logits.size(0) / n_windows;
  double kl = 0;
  for (std::int64_t w = 0; w < n_windows; ++w) {
    const auto hidden = watch_forward(model, windows.narrow(0, w, 1), watcher);
    const double sum =
        kl_of_logits(logits.narrow(0, w * per_window, per_window), compared_logits(model, hidden))
            .sum()
            .item<double>();
    kl += sum;
    result.kl.windows.emplace_back(sum, per_window);
    const auto [output, layer] = watcher.end_window();
    result.output_error.windows.emplace_back(output, 1);
    result.layer_error.windows.emplace_back(layer, 1);
    on_step();
  }
  watcher.write(result.stats, logits.size(0));
  result.kl.n = logits.size(0);
  result.kl.value = kl / static_cast<double>(result.kl.n);
  result.output_error.n = result.layer_error.n =
      static_cast<std::int64_t>(model.blocks.size()) * static_cast<std::int64_t>(LinearRole::kHead);
  std::tie(result.output_error.value, result.layer_error.value) = watcher.mean_errors();
  for (auto* measured : {&result.output_error, &result.layer_error, &result.kl})
    measured->std_error = error_over_windows(measured->windows);
  result.stats.push_back({-1, "lm_head", "logits", {"kl", result.kl.value, result.kl.n}});
  return result;
}

}  // namespace gyre
