// A LLaMA's linears under rotations that are still being learned: weights made from the frozen ones as
// differentiable functions of R1 and R2, one block at a time, so that no second model is ever held.
#pragma once

#include <torch/torch.h>

#include <memory>

#include "model/llama.h"
#include "model/rope.h"
#include "quant/quantizer.h"

namespace gyre {

// Block-diagonal matrices, [n, b, b]: n = 1 is a whole one. R acts on rows, x' = x R.
// x R and x R^T along the last dimension, of size n * b.
torch::Tensor times(const torch::Tensor& x, const torch::Tensor& r);
torch::Tensor times_transposed(const torch::Tensor& x, const torch::Tensor& r);

// The rotations of one block; undefined where nothing is rotated. r1 [n, b, b]; r2 [m, c, c], m * c =
// head_dim.
struct BlockRotations {
  torch::Tensor r1, r2;
};

// Copies of the block's slots with rotated weights: W R1 at inputs from the residual stream, R1^T W at
// outputs into it, R2 per head between v and o; biases too. Products in the rotations' dtype, results in that
// of the weights. Needs folded norms where there is an R1.
Block rotate_block(const Block& block, const BlockRotations& rotations);

// A quantizer whose gradient passes everywhere, clipped values included (SpinQuant's rule); the given one's
// own rule is to stop it where clipping moved a value.
std::shared_ptr<Quantizer> passing_all(std::shared_ptr<Quantizer> quantizer);

// Puts calibrated weights through the quantizers in the weight slots; calibrate: fixes what they search
// first.
void quantize_block(Block& block, bool calibrate);

// One block's forward pass in two parts, differentiable: `stream` is the residual stream before the block,
// `middle` that after attention, `down_input` what down_proj multiplies (rotated online and quantized).
struct BlockPass {
  torch::Tensor middle, down_input;
  torch::Tensor output(const Block& block) const { return middle + block.mlp.down.multiply(down_input); }
};
BlockPass pass_block(const Block& block, const torch::Tensor& stream, const RopeTable& rope,
                     const LlamaConfig& config);

// The block's seven linears, q k v o gate up down.
std::vector<QuantLinear*> linears_of(Block& block);

}  // namespace gyre
