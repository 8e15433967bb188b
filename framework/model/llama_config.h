// Sizes of a LLaMA-architecture model, in Hugging Face's names.
#pragma once

#include <cstdint>
#include <optional>
#include <string>
#include <vector>

namespace gyre {

// RoPE scaling of LLaMA-3.1 ("rope_type": "llama3").
struct Llama3RopeScaling {
  double factor = 8, low_freq_factor = 1, high_freq_factor = 4;
  std::int64_t original_max_position_embeddings = 8192;
};

struct LlamaConfig {
  std::int64_t vocab_size = 0, hidden_size = 0, intermediate_size = 0, num_hidden_layers = 0;
  std::int64_t num_attention_heads = 0, num_key_value_heads = 0, head_dim = 0, max_position_embeddings = 0;
  double rms_norm_eps = 1e-5, rope_theta = 10000;
  bool tie_word_embeddings = false, attention_bias = false, mlp_bias = false;
  std::optional<Llama3RopeScaling> rope_scaling;
  std::vector<float> rope_freq_factors;  // GGUF's rope_freqs.weight, [head_dim / 2], or empty
};

// Throws kInput, naming source and size, when a size is not positive or absurd, heads do not divide, head_dim
// is odd, or a constant is not a positive number.
void check_config(const LlamaConfig& config, const std::string& source);

}  // namespace gyre
