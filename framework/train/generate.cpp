#include "train/generate.h"

#include <algorithm>
#include <optional>
#include <string>

#include "core/error.h"
#include "core/seed.h"
#include "model/block_forward.h"
#include "model/rope.h"
#include "ops/llama_ops.h"

namespace gyre {
namespace {

constexpr std::int64_t kSamplesAtOnce = 16;

// A forward pass that keeps keys and values, so that each token is computed once.
class Decoder {
 public:
  Decoder(const Llama& model, std::int64_t batch, std::int64_t length)
      : model_(model), rope_(rope_table(model.config, length, model.device(), model.dtype())) {
    const auto& c = model.config;
    for (std::size_t i = 0; i < model.blocks.size(); ++i) {
      keys_.push_back(
          torch::empty({batch, length, c.num_key_value_heads, c.head_dim}, model.embedding.options()));
      values_.push_back(torch::empty_like(keys_.back()));
    }
  }

  // tokens: int64 [B, n], the next n of every sample; more than one only at the start. Logits of the token
  // that follows, [B, V].
  torch::Tensor next_logits(const torch::Tensor& tokens) {
    const auto eps = model_.config.rms_norm_eps;
    auto x = model_.embed(tokens);
    for (std::size_t i = 0; i < model_.blocks.size(); ++i) {
      const Block& block = model_.blocks[i];
      x = x + block.attention.o.forward(mixed(i, rms_norm(x, block.input_norm, eps)));
      x = x + block.mlp.down.forward(gated(block.mlp, rms_norm(x, block.post_attention_norm, eps)));
    }
    n_ += tokens.size(1);
    const auto last = x.narrow(1, x.size(1) - 1, 1).squeeze(1).contiguous();
    return model_.head.forward(rms_norm(last, model_.final_norm, eps));
  }

 private:
  torch::Tensor mixed(std::size_t layer, const torch::Tensor& x) {
    const auto& c = model_.config;
    const auto& attention = model_.blocks[layer].attention;
    GYRE_ASSERT(!attention.r3 && !attention.key_quantizer && !attention.value_quantizer);
    const auto b = x.size(0), n = x.size(1);
    GYRE_ASSERT(n == 1 || n_ == 0);
    const auto cos = rope_.cos.narrow(0, n_, n), sin = rope_.sin.narrow(0, n_, n);
    const auto heads = [&](const QuantLinear& linear, std::int64_t h) {
      return linear.forward(x).view({b, n, h, c.head_dim});
    };
    const auto q = apply_rope(heads(attention.q, c.num_attention_heads), cos, sin);
    keys_[layer].narrow(1, n_, n).copy_(apply_rope(heads(attention.k, c.num_key_value_heads), cos, sin));
    values_[layer].narrow(1, n_, n).copy_(heads(attention.v, c.num_key_value_heads));
    const auto so_far = [&](const torch::Tensor& t) { return t.narrow(1, 0, n_ + n).transpose(1, 2); };
    return at::scaled_dot_product_attention(q.transpose(1, 2), so_far(keys_[layer]), so_far(values_[layer]),
                                            {}, 0.0,
                                            /*is_causal=*/n > 1, std::nullopt,
                                            /*enable_gqa=*/c.num_attention_heads != c.num_key_value_heads)
        .transpose(1, 2)
        .reshape({b, n, c.num_attention_heads * c.head_dim});
  }

  const Llama& model_;
  RopeTable rope_;
  std::vector<torch::Tensor> keys_, values_;  // [B, length, KV, D], a layer each
  std::int64_t n_ = 0;                        // tokens seen
};

// The token at which the cumulative probability passes each sample's number.
torch::Tensor draw(const torch::Tensor& logits, double temperature, std::vector<Rng>& numbers) {
  const auto cumulative =
      torch::softmax(logits.to(torch::kCPU, torch::kFloat64) / temperature, 1).cumsum(1).contiguous();
  auto u = torch::empty({logits.size(0), 1}, torch::kFloat64);
  for (std::size_t i = 0; i < numbers.size(); ++i)
    u[static_cast<std::int64_t>(i)][0] =
        numbers[i].uniform() * cumulative[static_cast<std::int64_t>(i)][-1].item<double>();
  return torch::searchsorted(cumulative, u, /*out_int32=*/false, /*right=*/true)
      .clamp_max(logits.size(1) - 1);
}

}  // namespace

std::vector<std::int32_t> generate_text(const Llama& model, const std::vector<std::int32_t>& text,
                                        const GenerateSpec& spec, std::int64_t window, std::int64_t seed,
                                        const std::function<void(std::int64_t)>& on_batch) {
  const torch::InferenceMode inference;
  GYRE_CHECK(spec.prompt < window, ErrorCode::kConfig,
             "train.generate.prompt is {} and train.window {}; the teacher must have something to write",
             spec.prompt, window);
  GYRE_CHECK(std::ssize(text) >= spec.prompt, ErrorCode::kInput,
             "the training text has {} tokens, fewer than a prompt of {}", text.size(), spec.prompt);
  Rng places(derive_seed(static_cast<std::uint64_t>(seed), "generate/prompts"));
  std::vector<std::int32_t> out;
  for (std::int64_t first = 0; first < spec.samples; first += kSamplesAtOnce) {
    const auto n = std::min(kSamplesAtOnce, spec.samples - first);
    auto tokens = torch::empty({n, window}, torch::kInt64);
    std::vector<Rng> numbers;
    for (std::int64_t i = 0; i < n; ++i) {
      const auto start = places.below(static_cast<std::uint64_t>(std::ssize(text) - spec.prompt + 1));
      std::copy_n(text.begin() + static_cast<std::ptrdiff_t>(start), spec.prompt,
                  tokens.mutable_data_ptr<std::int64_t>() + i * window);
      numbers.emplace_back(
          derive_seed(static_cast<std::uint64_t>(seed), "generate/sample/" + std::to_string(first + i)));
    }
    Decoder decoder(model, n, window);
    auto fresh = tokens.narrow(1, 0, spec.prompt);
    for (auto at = spec.prompt; at < window; ++at) {
      const auto next = draw(decoder.next_logits(fresh.contiguous()), spec.temperature, numbers);
      tokens.narrow(1, at, 1).copy_(next);
      fresh = next;
    }
    const auto* values = tokens.const_data_ptr<std::int64_t>();
    for (std::int64_t i = 0; i < tokens.numel(); ++i) out.push_back(static_cast<std::int32_t>(values[i]));
    if (on_batch) on_batch(n);
  }
  return out;
}

}  // namespace gyre
