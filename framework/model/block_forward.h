// The two halves of a block, each up to the input of the linear that ends it: for the forward pass, and for
// walks that stop there to look at the input or to replace the linear's weight.
#pragma once

#include <torch/torch.h>

#include "model/llama.h"
#include "model/rope.h"

namespace gyre {

// x: the normed residual stream [B, T, hidden]. The heads' outputs side by side, [B, T, heads * head_dim];
// o_proj ends this half.
torch::Tensor mix_heads(const Attention& attention, const torch::Tensor& x, const RopeTable& rope,
                        const LlamaConfig& config);

// x: the normed residual stream after attention. silu(gate) * up, [B, T, intermediate]; down_proj ends this
// half.
torch::Tensor gated(const Mlp& mlp, const torch::Tensor& x);

// The residual stream behind a block from the one before it, [B, T, hidden], norms included; x is left as it
// is.
torch::Tensor block_forward(const Block& block, const torch::Tensor& x, const RopeTable& rope,
                            const LlamaConfig& config);

}  // namespace gyre
