// Sizes from GGUF metadata, keys as llama.cpp writes them.
#include <fmt/format.h>

#include <cmath>

#include "core/error.h"
#include "model/config_readers.h"

namespace gyre {
namespace {

void check_architecture(const format::Gguf& gguf, const std::string& source) {
  const auto refuse = [&](const std::string& found) {
    fail(ErrorCode::kUnsupported,
         "{}: {}. gyre reads GGUF of architecture llama: dense, full attention, RoPE unscaled or with "
         "rope_freqs.weight",
         source, found);
  };
  if (!gguf.find("general.architecture")) refuse("general.architecture is missing");
  const auto architecture = gguf.get_string("general.architecture");
  if (architecture != "llama") refuse(fmt::format("general.architecture is '{}'", architecture));
  if (gguf.find("llama.expert_count") && gguf.get_uint("llama.expert_count") > 0)
    refuse("a mixture of experts");
  if (gguf.find("llama.attention.sliding_window")) refuse("llama.attention.sliding_window is set");
  if (gguf.find("llama.rope.scaling.type")) {
    const auto type = gguf.get_string("llama.rope.scaling.type");
    if (type != "none") refuse(fmt::format("llama.rope.scaling.type is '{}'", type));
  }
}

}  // namespace

LlamaConfig read_gguf_config(const format::Gguf& gguf, const std::string& source) {
  check_architecture(gguf, source);
  const auto has = [&](const std::string& key) { return gguf.find("llama." + key) != nullptr; };
  const auto size = [&](const std::string& key) {
    return static_cast<std::int64_t>(gguf.get_uint("llama." + key));
  };
  LlamaConfig config;
  const auto embedding = gguf.at("token_embd.weight").shape;
  GYRE_CHECK(embedding.size() == 2, ErrorCode::kInput, "{}: token_embd.weight has {} dimensions, expected 2",
             source, embedding.size());
  config.vocab_size = embedding[0];
  config.hidden_size = size("embedding_length");
  config.intermediate_size = size("feed_forward_length");
  config.num_hidden_layers = size("block_count");
  config.num_attention_heads = size("attention.head_count");
  config.num_key_value_heads =
      has("attention.head_count_kv") ? size("attention.head_count_kv") : config.num_attention_heads;
  config.max_position_embeddings = size("context_length");
  config.rms_norm_eps = gguf.get_double("llama.attention.layer_norm_rms_epsilon");
  if (has("rope.freq_base")) config.rope_theta = gguf.get_double("llama.rope.freq_base");
  if (has("attention.key_length")) {
    config.head_dim = size("attention.key_length");
  } else {
    GYRE_CHECK(config.num_attention_heads > 0 && config.hidden_size % config.num_attention_heads == 0,
               ErrorCode::kInput,
               "{}: embedding_length {} is no multiple of {} heads and attention.key_length is not given",
               source, config.hidden_size, config.num_attention_heads);
    config.head_dim = config.hidden_size / config.num_attention_heads;
  }
  for (const char* key : {"attention.value_length", "rope.dimension_count"})
    GYRE_CHECK(!has(key) || size(key) == config.head_dim, ErrorCode::kUnsupported,
               "{}: llama.{} is {}, but heads have {} channels; gyre needs them equal", source, key,
               size(key), config.head_dim);
  config.tie_word_embeddings = !gguf.contains("output.weight");
  config.attention_bias = gguf.contains("blk.0.attn_q.bias");
  config.mlp_bias = gguf.contains("blk.0.ffn_down.bias");
  check_config(config, source);
  if (gguf.contains("rope_freqs.weight")) {
    const auto factors = gguf.at("rope_freqs.weight");
    GYRE_CHECK(factors.numel() == config.head_dim / 2, ErrorCode::kInput,
               "{}: rope_freqs.weight has {} values, expected head_dim / 2 = {}", source, factors.numel(),
               config.head_dim / 2);
    config.rope_freq_factors.resize(static_cast<std::size_t>(config.head_dim / 2));
    format::to_float(factors, config.rope_freq_factors);
    for (const float factor : config.rope_freq_factors)
      GYRE_CHECK(std::isfinite(factor) && factor > 0, ErrorCode::kInput,
                 "{}: rope_freqs.weight holds {}, expected positive numbers", source, factor);
  }
  return config;
}

}  // namespace gyre
