// The invariance gate: a rotated model must compute the original's function before anything is quantized.
#pragma once

#include <string>
#include <vector>

#include "model/llama.h"

namespace gyre {

// What is kept of the original: its logits and residual streams on some tokens, in float32.
struct GateReference {
  torch::Tensor tokens;               // int64 [1, T]
  torch::Tensor logits;               // float32 [T, vocab]
  std::vector<torch::Tensor> hidden;  // float32 [T, hidden] after each block
};
GateReference gate_reference(const Llama& original, const std::vector<std::int32_t>& tokens);

struct GateResult {
  double max_difference =
      0;          // largest |logit difference| over the standard deviation of the original's logits
  double kl = 0;  // mean KL(original || rotated), nats
  double top1_agreement = 0;  // share of positions
  std::int64_t first_layer =
      -1;  // first layer whose residual stream differs (relative to its own size), -1 none
  bool passed = false;
};
inline constexpr double kGateLimit = 1e-3;

// r1: the fused rotation (or null), to carry the original's residual streams into the rotated basis.
GateResult check_invariance(const Llama& rotated, const GateReference& reference,
                            const std::shared_ptr<Rotation>& r1);
// "largest logit difference 3.1e-05 of their spread, KL 1e-9, top-1 100.0 %; first layer that differs: none"
std::string describe(const GateResult& result);

}  // namespace gyre
