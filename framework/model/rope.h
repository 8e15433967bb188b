// Rotary position embedding, half-split as in Hugging Face: channel i turns with channel i + head_dim / 2.
#pragma once

#include <torch/torch.h>

#include "model/llama_config.h"

namespace gyre {

// Angular frequencies, float32 [head_dim / 2] on the CPU, with the model's scaling (llama3 or stored
// factors).
torch::Tensor rope_frequencies(const LlamaConfig& config);

// Cosines and sines of positions 0..T-1, [T, head_dim / 2]. Made in float32 and rounded to dtype, as
// transformers does; kept in float32 (float64 for a float64 model).
struct RopeTable {
  torch::Tensor cos, sin;
};
RopeTable rope_table(const LlamaConfig& config, std::int64_t positions, torch::Device device,
                     torch::ScalarType dtype);

}  // namespace gyre
