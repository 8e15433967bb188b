// Sizes from the header of a llama2.c file.
#include <cstdlib>

#include "model/config_readers.h"

namespace gyre {

LlamaConfig read_llama2c_config(const format::Llama2c& file, const std::string& source) {
  const auto& h = file.header();
  LlamaConfig config;
  config.vocab_size = std::abs(h.vocab_size);
  config.hidden_size = h.dim;
  config.intermediate_size = h.hidden_dim;
  config.num_hidden_layers = h.n_layers;
  config.num_attention_heads = h.n_heads;
  config.num_key_value_heads = h.n_kv_heads;
  config.head_dim = h.dim / h.n_heads;
  config.max_position_embeddings = h.seq_len;
  config.rms_norm_eps = 1e-5;
  config.rope_theta = 10000;
  config.tie_word_embeddings = h.vocab_size > 0;
  check_config(config, source);
  return config;
}

}  // namespace gyre
