// A forward pass during which the input of every linear and the cached keys and values can be looked at.
#pragma once

#include <torch/torch.h>

#include <memory>

#include "eval/calibration_walk.h"
#include "model/llama.h"

namespace gyre {

class ForwardWatcher {
 public:
  virtual ~ForwardWatcher() = default;
  // x: [1, T, size], before the online rotation and the quantizer of these linears.
  virtual void see_input(const SharedInput& input, const torch::Tensor& x) = 0;
  // x: [1, T, key-value heads, head_dim], as it would be cached, before its quantizer (which may be null).
  // role: "key" or "value". Keys: after RoPE and R3, or before both where the model quantizes them there.
  virtual void see_cache(std::int64_t layer, const char* role, const torch::Tensor& x,
                         const std::shared_ptr<Quantizer>& quantizer) = 0;
};

// tokens: int64 [1, T]. The residual stream after the final norm, [1, T, hidden]: Llama::hidden's own
// arithmetic. Keys and values are computed once more to be seen; lm_head's input is the result.
torch::Tensor watch_forward(Llama& model, const torch::Tensor& tokens, ForwardWatcher& watcher);

}  // namespace gyre
