// What rotations are learned for: the table of objectives.
#pragma once

#include <torch/torch.h>

#include <span>
#include <string_view>

#include "model/llama.h"

namespace gyre {

// What one block of the full-precision network, unrotated but for R4, feeds its linears with: [B, T, ...].
struct BlockInputs {
  torch::Tensor attention;  // q, k, v
  torch::Tensor mixed;      // o
  torch::Tensor mlp;        // gate, up
  torch::Tensor gated;      // down, before its online rotation
};

// One block under the rotations being learned. inputs are undefined for objectives that read no text.
struct BlockView {
  const Block& rotated;    // weights rotated, nothing quantized
  const Block& quantized;  // weights rotated and quantized, activation quantizers in their slots
  torch::Tensor r1, r2;    // [n, b, b], [m, c, c], or undefined
  BlockInputs inputs;
};

// One of the two functions is set.
struct RotationObjective {
  std::string_view name;
  std::string_view summary;
  bool reads_text;      // needs windows of tokens
  bool reads_original;  // needs the full-precision network's logits
  // Summed over rows: logits of the quantized network and of the original [n, vocab] (undefined where not
  // read), targets int64 [n]. Minimized through the whole network.
  torch::Tensor (*of_logits)(const torch::Tensor& logits, const torch::Tensor& original,
                             const torch::Tensor& targets);
  // A number per block, whose mean over blocks is minimized; no gradient leaves the block.
  torch::Tensor (*of_block)(const BlockView& block);
};
std::span<const RotationObjective> rotation_objectives();
// kConfig on an unknown name, with the nearest one.
const RotationObjective& find_rotation_objective(std::string_view name);

}  // namespace gyre
