// Which tensors make a LLaMA: their names in each container, their shapes and their places in the model.
#pragma once

#include <functional>
#include <string>
#include <string_view>

#include "model/llama.h"

namespace gyre {

struct WeightSlot {
  std::string name;  // Hugging Face's: "model.layers.3.self_attn.q_proj.weight"
  std::vector<std::int64_t> shape;
  torch::Tensor* tensor;
  std::int64_t rope_heads = 0;  // rows of q and k: heads that RoPE turns; 0 for all others
};

// Every tensor that config demands, in a fixed order; blocks of the model are made. A tied head has no slot.
std::vector<WeightSlot> weight_slots(Llama& model);

// Hugging Face's name in GGUF: "blk.3.attn_q.weight".
std::string gguf_weight_name(std::string_view name);

// Rows [heads * D, ...] of interleaved RoPE pairs (0,1)(2,3)... to halves: 0,2,4,... then 1,3,5,...
torch::Tensor interleaved_to_halves(const torch::Tensor& rows, std::int64_t heads);

}  // namespace gyre
