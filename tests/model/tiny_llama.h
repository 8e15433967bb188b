// Random LLaMAs small enough for tests in float64.
#pragma once

#include <torch/torch.h>

#include "model/llama.h"
#include "model/weights.h"

namespace gyre {

// 9 query heads on 3 key-value heads, head_dim 16 (so heads x head_dim = 144 differs from hidden),
// intermediate 160 = 20 * 8, hidden 96 = 12 * 8: Hadamard bases 12 and 20 are not symmetric.
inline LlamaConfig config_9_3() {
  LlamaConfig config;
  config.vocab_size = 61;
  config.hidden_size = 96;
  config.intermediate_size = 160;
  config.num_hidden_layers = 3;
  config.num_attention_heads = 9;
  config.num_key_value_heads = 3;
  config.head_dim = 16;
  config.max_position_embeddings = 64;
  config.attention_bias = config.mlp_bias = true;
  return config;
}

// 24 query heads on 8, tied, no biases, everything a power of two or three times one.
inline LlamaConfig config_24_8() {
  LlamaConfig config = config_9_3();
  config.hidden_size = 64;
  config.intermediate_size = 192;
  config.num_hidden_layers = 2;
  config.num_attention_heads = 24;
  config.num_key_value_heads = 8;
  config.head_dim = 8;
  config.tie_word_embeddings = true;
  config.attention_bias = config.mlp_bias = false;
  return config;
}

// The sizes of LLaMA-2-7B, for arithmetic on shapes alone.
inline LlamaConfig config_llama2_7b() {
  LlamaConfig config;
  config.vocab_size = 32000;
  config.hidden_size = 4096;
  config.intermediate_size = 11008;
  config.num_hidden_layers = 32;
  config.num_attention_heads = config.num_key_value_heads = 32;
  config.head_dim = 128;
  config.max_position_embeddings = 4096;
  return config;
}

// Gains well away from 1 and channels of unequal size, so that a forgotten fold or rotation shows.
inline Llama random_llama(const LlamaConfig& config, torch::ScalarType dtype = torch::kFloat64,
                          int seed = 1) {
  torch::manual_seed(seed);
  Llama model;
  model.config = config;
  for (const auto& slot : weight_slots(model)) {
    const bool gain = slot.name.ends_with("norm.weight");
    const auto values = torch::randn(slot.shape, torch::kFloat64);
    const auto scale = slot.shape.size() == 2 ? 1.0 / std::sqrt(static_cast<double>(slot.shape[1])) : 0.3;
    *slot.tensor = (gain ? 1 + 0.5 * torch::rand(slot.shape, torch::kFloat64) : values * scale).to(dtype);
  }
  model.embedding =
      (model.embedding * (1 + 3 * torch::rand({config.hidden_size}, torch::kFloat64))).to(dtype);
  if (config.tie_word_embeddings) model.head.weight = model.embedding;
  return model;
}

inline torch::Tensor random_tokens(const LlamaConfig& config, std::int64_t batch, std::int64_t length,
                                   int seed = 2) {
  torch::manual_seed(seed);
  return torch::randint(config.vocab_size, {batch, length}, torch::kInt64);
}

inline RotationSpec rotation_spec(std::string scheme, std::int64_t block = AutoSize::kAuto,
                                  bool signs = false) {
  RotationSpec spec;
  spec.scheme = std::move(scheme);
  spec.block_size = AutoSize{block};
  spec.random_signs = signs;
  return spec;
}

inline double largest_difference(const torch::Tensor& a, const torch::Tensor& b) {
  return (a.to(torch::kFloat64) - b.to(torch::kFloat64)).abs().max().item<double>();
}

}  // namespace gyre
