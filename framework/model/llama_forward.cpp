// The forward pass, in the numerics of transformers' LlamaModel: norms and angles in float32, attention by
// LibTorch's scaled dot product.
#include <optional>
#include <tuple>

#include "core/error.h"
#include "core/seed.h"
#include "model/block_forward.h"
#include "model/llama.h"
#include "model/online.h"
#include "model/rope.h"
#include "ops/llama_ops.h"

namespace gyre {

torch::Tensor mix_heads(const Attention& attention, const torch::Tensor& x, const RopeTable& rope,
                        const LlamaConfig& config) {
  const auto batch = x.size(0), length = x.size(1);
  const auto heads = [&](const torch::Tensor& y, std::int64_t n) {
    return y.view({batch, length, n, config.head_dim});
  };
  const auto input = attention.q.prepare(x);
  const auto shared = [&](const QuantLinear& linear) {
    return linear.shares_input_with(attention.q) ? input : linear.prepare(x);
  };
  auto q = heads(attention.q.multiply(input), config.num_attention_heads);                // [B, T, H, D]
  auto k = heads(attention.k.multiply(shared(attention.k)), config.num_key_value_heads);  // [B, T, KV, D]
  auto v = heads(attention.v.multiply(shared(attention.v)), config.num_key_value_heads);
  if (attention.key_quantizer && attention.key_before_rope) k = attention.key_quantizer->forward(k);
  q = apply_rope(q, rope.cos, rope.sin);
  k = apply_rope(k, rope.cos, rope.sin);
  if (attention.r3) q = attention.r3->rotate(q);
  k = rotate_and_quantize(attention.r3, attention.key_before_rope ? nullptr : attention.key_quantizer, k);
  if (attention.value_quantizer) v = attention.value_quantizer->forward(v);
  return causal_attention(q, k, v).reshape({batch, length, config.num_attention_heads * config.head_dim});
}

torch::Tensor gated(const Mlp& mlp, const torch::Tensor& x) {
  const auto input = mlp.gate.prepare(x);
  const auto gate = mlp.gate.multiply(input);
  const auto up = mlp.up.multiply(mlp.up.shares_input_with(mlp.gate) ? input : mlp.up.prepare(x));
  return silu_multiply(gate, up);
}

torch::Tensor block_forward(const Block& block, const torch::Tensor& x, const RopeTable& rope,
                            const LlamaConfig& config) {
  const auto eps = config.rms_norm_eps;
  const auto mixed = mix_heads(block.attention, rms_norm(x, block.input_norm, eps), rope, config);
  const auto between = x + block.attention.o.forward(mixed);
  return between +
         block.mlp.down.forward(gated(block.mlp, rms_norm(between, block.post_attention_norm, eps)));
}

namespace {

double unit_in_last_place(torch::ScalarType dtype) {
  switch (dtype) {
    case torch::kFloat64:
      return 0x1p-52;
    case torch::kFloat16:
      return 0x1p-10;
    case torch::kBFloat16:
      return 0x1p-7;
    default:
      return 0x1p-23;
  }
}

// Every value times 1 + u ulp with u uniform in [-1, 1]: another rounding of the same computation.
torch::Tensor jitter(const torch::Tensor& x, std::int64_t replica) {
  Rng rng(derive_seed(0, "replica/" + std::to_string(replica)));
  auto noise = torch::empty(x.sizes(), torch::kFloat64);
  auto* values = noise.mutable_data_ptr<double>();
  for (std::int64_t i = 0; i < noise.numel(); ++i) values[i] = 2 * rng.uniform() - 1;
  const double ulp = unit_in_last_place(x.scalar_type());
  return (x.to(torch::kFloat64) * (1 + ulp * noise.to(x.device()))).to(x.scalar_type());
}

}  // namespace

torch::Tensor Llama::embed(const torch::Tensor& tokens) const {
  GYRE_ASSERT(tokens.dim() == 2 && tokens.scalar_type() == torch::kInt64);
  const auto length = tokens.size(1);
  GYRE_CHECK(length >= 1 && length <= config.max_position_embeddings, ErrorCode::kConfig,
             "a window of {} tokens; the model has positions for 1 to {}", length,
             config.max_position_embeddings);
  const auto largest = tokens.max().item<std::int64_t>(), smallest = tokens.min().item<std::int64_t>();
  GYRE_CHECK(smallest >= 0 && largest < config.vocab_size, ErrorCode::kInput,
             "token {} is outside the model's vocabulary of {}; the tokenizer belongs to another model",
             smallest < 0 ? smallest : largest, config.vocab_size);

  const auto stream = at::embedding(embedding, tokens.to(device()));  // [B, T, hidden]
  return replica > 0 ? jitter(stream, replica) : stream;
}

torch::Tensor Llama::hidden(const torch::Tensor& tokens) const {
  auto stream = embed(tokens);
  const RopeTable rope = rope_table(config, tokens.size(1), device(), dtype());
  auto normed = rms_norm(stream, blocks[0].input_norm, config.rms_norm_eps);
  for (std::size_t i = 0; i < blocks.size(); ++i) {
    const Block& block = blocks[i];
    const auto mixed = mix_heads(block.attention, normed, rope, config);
    std::tie(stream, normed) = add_rms_norm(stream, block.attention.o.forward(mixed),
                                            block.post_attention_norm, config.rms_norm_eps);
    const auto& next_norm = i + 1 < blocks.size() ? blocks[i + 1].input_norm : final_norm;
    std::tie(stream, normed) = add_rms_norm(stream, block.mlp.down.forward(gated(block.mlp, normed)),
                                            next_norm, config.rms_norm_eps);
    if (probe) probe(static_cast<std::int64_t>(i), stream);
  }
  return normed;
}

}  // namespace gyre
