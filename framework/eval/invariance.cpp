#include "eval/invariance.h"

#include <fmt/format.h>

#include <algorithm>
#include <cmath>

#include "core/error.h"

namespace gyre {
namespace {

// Rows of logits that are compared at once in float64.
constexpr std::int64_t kRows = 64;

// A token's residual stream differs when the difference exceeds this share of the stream's own length.
// Rounding in float32 leaves some 1e-6 to 1e-5 even behind an attention sink; a mistake leaves more than a
// per cent.
constexpr double kStreamLimit = 1e-3;

// Half-precision models are compared in float32, since rounding rotated weights to 16 bits alone exceeds the
// limit.
Llama in_full_precision(const Llama& model) {
  Llama copy = model.shallow_copy();
  copy.replica = 0;
  if (model.dtype() != torch::kFloat64 && model.dtype() != torch::kFloat32)
    copy.to(model.device(), torch::kFloat32);
  return copy;
}

struct Pass {
  torch::Tensor logits;               // [T, vocab]
  std::vector<torch::Tensor> hidden;  // [T, hidden] after each block
};

Pass pass_through(Llama model, const torch::Tensor& tokens) {
  Pass pass;
  model.probe = [&](std::int64_t, const torch::Tensor& stream) {
    pass.hidden.push_back(
        stream.squeeze(0).to(torch::kCPU, torch::kFloat32, /*non_blocking=*/false, /*copy=*/true));
  };
  pass.logits = model.forward(tokens).squeeze(0).to(torch::kCPU, torch::kFloat32);
  return pass;
}

std::int64_t first_difference(const Pass& pass, const GateReference& reference,
                              const std::shared_ptr<Rotation>& r1) {
  for (std::size_t i = 0; i < pass.hidden.size(); ++i) {
    const auto expected = reference.hidden[i].to(torch::kFloat64);  // [T, hidden]
    auto found = pass.hidden[i].to(torch::kFloat64);
    if (r1) found = r1->unrotate(found);
    const auto size = torch::linalg_vector_norm(expected, 2, torch::IntArrayRef{1}, false, std::nullopt);
    const auto difference =
        torch::linalg_vector_norm(found - expected, 2, torch::IntArrayRef{1}, false, std::nullopt);
    // Written so that not-a-number counts as different.
    if (!(difference <= kStreamLimit * size + 1e-12).all().item<bool>()) return static_cast<std::int64_t>(i);
  }
  return -1;
}

}  // namespace

GateReference gate_reference(const Llama& original, const std::vector<std::int32_t>& tokens) {
  const torch::InferenceMode inference;
  GYRE_ASSERT(!tokens.empty());
  GateReference reference;
  reference.tokens = torch::tensor(tokens, torch::kInt32).to(torch::kInt64).unsqueeze(0);
  auto pass = pass_through(in_full_precision(original), reference.tokens);
  reference.logits = std::move(pass.logits);
  reference.hidden = std::move(pass.hidden);
  return reference;
}

GateResult check_invariance(const Llama& rotated, const GateReference& reference,
                            const std::shared_ptr<Rotation>& r1) {
  const torch::InferenceMode inference;
  const Pass pass = pass_through(in_full_precision(rotated), reference.tokens);
  GYRE_ASSERT(pass.logits.sizes() == reference.logits.sizes() &&
              pass.hidden.size() == reference.hidden.size());
  GateResult result;
  double largest = 0, sum = 0, squares = 0, kl = 0;
  std::int64_t agree = 0;
  const auto rows = reference.logits.size(0);
  for (std::int64_t i = 0; i < rows; i += kRows) {
    const auto n = std::min(kRows, rows - i);
    const auto expected = reference.logits.narrow(0, i, n).to(torch::kFloat64);
    const auto found = pass.logits.narrow(0, i, n).to(torch::kFloat64);
    const double difference = (found - expected).abs().max().item<double>();
    if (std::isnan(difference) || difference > largest) largest = difference;  // once not-a-number, it stays
    sum += expected.sum().item<double>();
    squares += expected.square().sum().item<double>();
    const auto log_p = torch::log_softmax(expected, 1), log_q = torch::log_softmax(found, 1);
    kl += (log_p.exp() * (log_p - log_q)).sum().item<double>();
    agree += (expected.argmax(1) == found.argmax(1)).sum().item<std::int64_t>();
  }
  const auto count = static_cast<double>(reference.logits.numel());
  const double spread = std::sqrt(std::max(0.0, squares / count - (sum / count) * (sum / count)));
  result.max_difference = largest == 0 ? 0 : largest / spread;
  result.kl = kl / static_cast<double>(rows);
  result.top1_agreement = static_cast<double>(agree) / static_cast<double>(rows);
  result.passed = result.max_difference <= kGateLimit;
  result.first_layer = first_difference(pass, reference, r1);
  return result;
}

std::string describe(const GateResult& result) {
  const std::string layer = result.first_layer >= 0 ? std::to_string(result.first_layer)
                            : result.passed         ? "none"
                                                    : "none, so the final norm or lm_head";
  return fmt::format(
      "largest logit difference {:.2g} of their spread, KL {:.2g}, top-1 {:.1f} %; first layer that differs: "
      "{}",
      result.max_difference, result.kl, 100 * result.top1_agreement, layer);
}

}  // namespace gyre
