#include "model/weights.h"

#include <fmt/format.h>

#include <array>
#include <utility>

#include "core/error.h"

namespace gyre {

std::vector<WeightSlot> weight_slots(Llama& model) {
  const LlamaConfig& c = model.config;
  const auto q_size = c.num_attention_heads * c.head_dim, kv_size = c.num_key_value_heads * c.head_dim;
  model.blocks.resize(static_cast<std::size_t>(c.num_hidden_layers));
  std::vector<WeightSlot> slots{
      {"model.embed_tokens.weight", {c.vocab_size, c.hidden_size}, &model.embedding}};
  const auto linear = [&](const std::string& name, QuantLinear& l, std::int64_t out, std::int64_t in,
                          bool bias, std::int64_t rope_heads = 0) {
    slots.push_back({name + ".weight", {out, in}, &l.weight, rope_heads});
    if (bias) slots.push_back({name + ".bias", {out}, &l.bias, rope_heads});
  };
  for (std::size_t i = 0; i < model.blocks.size(); ++i) {
    Block& block = model.blocks[i];
    Attention& attention = block.attention;
    const auto layer = fmt::format("model.layers.{}.", i);
    slots.push_back({layer + "input_layernorm.weight", {c.hidden_size}, &block.input_norm});
    linear(layer + "self_attn.q_proj", attention.q, q_size, c.hidden_size, c.attention_bias,
           c.num_attention_heads);
    linear(layer + "self_attn.k_proj", attention.k, kv_size, c.hidden_size, c.attention_bias,
           c.num_key_value_heads);
    linear(layer + "self_attn.v_proj", attention.v, kv_size, c.hidden_size, c.attention_bias);
    linear(layer + "self_attn.o_proj", attention.o, c.hidden_size, q_size, c.attention_bias);
    slots.push_back({layer + "post_attention_layernorm.weight", {c.hidden_size}, &block.post_attention_norm});
    linear(layer + "mlp.gate_proj", block.mlp.gate, c.intermediate_size, c.hidden_size, c.mlp_bias);
    linear(layer + "mlp.up_proj", block.mlp.up, c.intermediate_size, c.hidden_size, c.mlp_bias);
    linear(layer + "mlp.down_proj", block.mlp.down, c.hidden_size, c.intermediate_size, c.mlp_bias);
  }
  slots.push_back({"model.norm.weight", {c.hidden_size}, &model.final_norm});
  if (!c.tie_word_embeddings)
    slots.push_back({"lm_head.weight", {c.vocab_size, c.hidden_size}, &model.head.weight});
  return slots;
}

std::string gguf_weight_name(std::string_view name) {
  static constexpr std::array<std::pair<std::string_view, std::string_view>, 12> kNames{
      {{"model.embed_tokens", "token_embd"},
       {"model.norm", "output_norm"},
       {"lm_head", "output"},
       {"input_layernorm", "attn_norm"},
       {"self_attn.q_proj", "attn_q"},
       {"self_attn.k_proj", "attn_k"},
       {"self_attn.v_proj", "attn_v"},
       {"self_attn.o_proj", "attn_output"},
       {"post_attention_layernorm", "ffn_norm"},
       {"mlp.gate_proj", "ffn_gate"},
       {"mlp.up_proj", "ffn_up"},
       {"mlp.down_proj", "ffn_down"}}};
  static constexpr std::string_view kLayers = "model.layers.";
  std::string prefix;
  std::string_view rest = name;
  if (rest.starts_with(kLayers)) {
    rest.remove_prefix(kLayers.size());
    const auto dot = rest.find('.');
    prefix = fmt::format("blk.{}.", rest.substr(0, dot));
    rest.remove_prefix(dot + 1);
  }
  const auto last = rest.rfind('.');  // ".weight" or ".bias"
  for (const auto& [hf, gguf] : kNames)
    if (rest.substr(0, last) == hf) return fmt::format("{}{}{}", prefix, gguf, rest.substr(last));
  GYRE_ASSERT(false);
}

torch::Tensor interleaved_to_halves(const torch::Tensor& rows, std::int64_t heads) {
  return rows.unflatten(0, {heads, rows.size(0) / heads / 2, 2}).transpose(1, 2).flatten(0, 2).contiguous();
}

}  // namespace gyre
