// The elementwise operations of a LLaMA forward pass: fused kernels on the CPU where nothing asks for a
// gradient, tensor expressions of the same arithmetic elsewhere. Arithmetic in float32 (float64 for float64),
// one rounding.
#pragma once

#include <torch/torch.h>

#include <utility>

namespace gyre {

// x / sqrt(mean(x^2) + eps) * weight along the last dimension; weight undefined counts as 1.
torch::Tensor rms_norm(const torch::Tensor& x, const torch::Tensor& weight, double eps);

// {x + delta, rms_norm(x + delta)}. Without autograd the sum is written into x.
std::pair<torch::Tensor, torch::Tensor> add_rms_norm(const torch::Tensor& x, const torch::Tensor& delta,
                                                     const torch::Tensor& weight, double eps);

// silu(gate) * up.
torch::Tensor silu_multiply(const torch::Tensor& gate, const torch::Tensor& up);

// RoPE, half-split: x [B, T, heads, D], cos and sin [T, D / 2], float32 (float64 for float64 x). Without
// autograd it is written into x.
torch::Tensor apply_rope(const torch::Tensor& x, const torch::Tensor& cos, const torch::Tensor& sin);

// Causal softmax attention with scores scaled by 1 / sqrt(D): q [B, T, H, D], k and v [B, T, KV, D], KV
// dividing H; out [B, T, H, D]. By the kernel where it may be used, by LibTorch's scaled dot product
// elsewhere.
torch::Tensor causal_attention(const torch::Tensor& q, const torch::Tensor& k, const torch::Tensor& v);

// Negative log-likelihood of targets (int64 [N]) under softmax(hidden weight^T + bias): float32 (float64 for
// float64) [N]. Over the vocabulary in blocks, so that the logits never exist as a whole; differentiable
// through the whole logits where a gradient is asked for.
torch::Tensor vocabulary_nll(const torch::Tensor& hidden, const torch::Tensor& weight,
                             const torch::Tensor& bias, const torch::Tensor& targets);

}  // namespace gyre
