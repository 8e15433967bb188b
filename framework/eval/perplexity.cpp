#include "eval/perplexity.h"

#include <fmt/format.h>

#include <algorithm>
#include <cmath>
#include <limits>

#include "core/error.h"
#include "ops/llama_ops.h"

namespace gyre {
namespace {

constexpr std::int64_t kBlockTargets = 128;

std::string metric_name(const EvalSpec& spec, const std::string& dataset, std::int64_t used,
                        std::int64_t available) {
  auto name = fmt::format("ppl/{}@gptq{}", dataset, spec.window);
  if (used < available) name += fmt::format("[{} {}]", used, used == 1 ? "window" : "windows");
  if (spec.bos != "auto") name += "+bos=" + spec.bos;
  return name;
}

// NLL of the window - 1 targets, float64 on the CPU.
torch::Tensor window_nll(const Llama& model, const torch::Tensor& tokens) {
  const auto hidden = model.hidden(tokens.unsqueeze(0)).squeeze(0);  // [T, hidden]
  const auto inputs = model.head.prepare(hidden.narrow(0, 0, hidden.size(0) - 1));
  return vocabulary_nll(inputs, model.head.weight, model.head.bias, tokens.narrow(0, 1, tokens.size(0) - 1))
      .to(torch::kCPU, torch::kFloat64)
      .contiguous();
}

// Standard error of sum / n over clusters of unequal size (a ratio estimator); not-a-number for a single
// cluster.
double cluster_error(const std::vector<std::pair<double, std::int64_t>>& clusters) {
  if (clusters.size() < 2) return std::numeric_limits<double>::quiet_NaN();
  double sum = 0, n = 0, squares = 0;
  for (const auto& [value, count] : clusters) sum += value, n += static_cast<double>(count);
  const double mean = sum / n;
  for (const auto& [value, count] : clusters) {
    const double residual = value - mean * static_cast<double>(count);
    squares += residual * residual;
  }
  const auto k = static_cast<double>(clusters.size());
  return std::sqrt(squares * k / (k - 1)) / n;
}

}  // namespace

Perplexity perplexity(const Llama& model, const std::vector<std::int32_t>& tokens, const EvalSpec& spec,
                      const std::string& dataset_name,
                      const std::function<void(std::int64_t done, std::int64_t total)>& on_window) {
  const torch::InferenceMode inference;
  const auto window = spec.window;
  GYRE_CHECK(window >= 2 && window <= model.config.max_position_embeddings, ErrorCode::kConfig,
             "eval.window is {}; the model has positions for windows of 2 to {}", window,
             model.config.max_position_embeddings);
  const auto available = std::ssize(tokens) / window;
  GYRE_CHECK(available >= 1, ErrorCode::kInput,
             "'{}' has {} tokens, fewer than one window of {}; take a shorter window", dataset_name,
             tokens.size(), window);
  Perplexity result;
  result.n_windows = spec.max_windows > 0 ? std::min(spec.max_windows, available) : available;
  result.name = metric_name(spec, dataset_name, result.n_windows, available);

  std::vector<std::pair<double, std::int64_t>> per_window, per_block;
  double mean = 0;
  for (std::int64_t w = 0; w < result.n_windows; ++w) {
    const std::vector<std::int64_t> ids(tokens.begin() + w * window, tokens.begin() + (w + 1) * window);
    const auto nll = window_nll(model, torch::tensor(ids, torch::kInt64));
    const double* values = nll.const_data_ptr<double>();
    double sum = 0;
    for (std::int64_t first = 0; first < nll.numel(); first += kBlockTargets) {
      NllBlock block{w, first / kBlockTargets, 0, std::min(kBlockTargets, nll.numel() - first)};
      for (std::int64_t i = 0; i < block.n; ++i) block.sum += values[first + i];
      sum += block.sum;
      result.blocks.push_back(block);
      per_block.emplace_back(block.sum, block.n);
    }
    per_window.emplace_back(sum, nll.numel());
    result.n_targets += nll.numel();
    mean += sum / static_cast<double>(nll.numel());
    if (on_window) on_window(w + 1, result.n_windows);
  }
  result.value = std::exp(mean / static_cast<double>(result.n_windows));
  result.std_error = result.value * cluster_error(result.n_windows > 1 ? per_window : per_block);
  return result;
}

BitsPerByte bits_per_byte(const Perplexity& ppl, std::size_t n_tokens, std::size_t n_bytes) {
  const double bits =
      static_cast<double>(n_tokens) / static_cast<double>(n_bytes) / std::log(2.0);  // of a nat
  return {"bits_per_byte" + ppl.name.substr(ppl.name.find('/')), bits * std::log(ppl.value),
          bits * ppl.std_error / ppl.value};
}

}  // namespace gyre
