// The forward pass against a plain computation in float64, written from the equations.
#include "model/llama.h"

#include <gtest/gtest.h>

#include <cmath>

#include "core/error.h"
#include "model/rope.h"
#include "model/tiny_llama.h"

namespace gyre {
namespace {

torch::Tensor plain_norm(const torch::Tensor& x, const torch::Tensor& gain, double eps) {
  return x / (x.square().mean(-1, true) + eps).sqrt() * gain;
}

torch::Tensor plain_linear(const QuantLinear& linear, const torch::Tensor& x) {
  auto y = torch::matmul(x, linear.weight.t());
  return linear.bias.defined() ? y + linear.bias : y;
}

// One head's rows turned by position, pair (i, i + half) as a complex number.
torch::Tensor plain_rope(const torch::Tensor& x, const torch::Tensor& frequencies) {
  const auto half = x.size(1) / 2;
  const auto angles = torch::outer(torch::arange(x.size(0), torch::kFloat32), frequencies);
  const auto turn = torch::complex(angles.cos().to(torch::kFloat64), angles.sin().to(torch::kFloat64));
  const auto turned =
      torch::complex(x.narrow(1, 0, half).contiguous(), x.narrow(1, half, half).contiguous()) * turn;
  return torch::cat({torch::real(turned), torch::imag(turned)}, 1);
}

// Logits [T, vocab] of one sequence.
torch::Tensor plain_forward(const Llama& model, const torch::Tensor& tokens) {
  const auto& c = model.config;
  const auto frequencies = rope_frequencies(c);
  const auto length = tokens.size(0), group = c.num_attention_heads / c.num_key_value_heads;
  const auto future = torch::ones({length, length}, torch::kBool).triu(1);
  auto x = model.embedding.index_select(0, tokens);
  for (const auto& block : model.blocks) {
    const auto& a = block.attention;
    const auto normed = plain_norm(x, block.input_norm, c.rms_norm_eps);
    const auto q = plain_linear(a.q, normed), k = plain_linear(a.k, normed), v = plain_linear(a.v, normed);
    std::vector<torch::Tensor> heads;
    for (std::int64_t h = 0; h < c.num_attention_heads; ++h) {
      const auto qh = plain_rope(q.narrow(1, h * c.head_dim, c.head_dim), frequencies);
      const auto kh = plain_rope(k.narrow(1, h / group * c.head_dim, c.head_dim), frequencies);
      const auto scores = (torch::matmul(qh, kh.t()) / std::sqrt(c.head_dim)).masked_fill(future, -INFINITY);
      heads.push_back(torch::matmul(scores.softmax(1), v.narrow(1, h / group * c.head_dim, c.head_dim)));
    }
    x = x + plain_linear(a.o, torch::cat(heads, 1));
    const auto& m = block.mlp;
    const auto inner = plain_norm(x, block.post_attention_norm, c.rms_norm_eps);
    const auto gate = plain_linear(m.gate, inner);
    x = x + plain_linear(m.down, gate * gate.sigmoid() * plain_linear(m.up, inner));
  }
  return plain_linear(model.head, plain_norm(x, model.final_norm, c.rms_norm_eps));
}

class LlamaForward : public testing::TestWithParam<LlamaConfig (*)()> {};

TEST_P(LlamaForward, EqualsThePlainEquations) {
  const auto model = random_llama(GetParam()());
  const auto tokens = random_tokens(model.config, 2, 20);
  const auto logits = model.forward(tokens);
  ASSERT_EQ(logits.sizes(), (torch::IntArrayRef{2, 20, model.config.vocab_size}));
  for (std::int64_t b = 0; b < 2; ++b)
    EXPECT_LT(largest_difference(logits[b], plain_forward(model, tokens[b])), 1e-10);
}

TEST_P(LlamaForward, LowerPrecisionsFollow) {
  const auto model = random_llama(GetParam()());
  const auto tokens = random_tokens(model.config, 1, 33);
  const auto expected = model.forward(tokens);
  for (const auto& [dtype, tolerance] : {std::pair(torch::kFloat32, 1e-5), std::pair(torch::kFloat16, 0.03),
                                         std::pair(torch::kBFloat16, 0.25)}) {
    auto low = model.shallow_copy();
    low.to(torch::kCPU, dtype);
    const auto logits = low.forward(tokens);
    EXPECT_EQ(logits.scalar_type(), dtype);
    EXPECT_LT(largest_difference(logits, expected), tolerance * expected.std().item<double>()) << dtype;
  }
}

TEST_P(LlamaForward, GradientPathGivesTheSameLogits) {
  auto model = random_llama(GetParam()(), torch::kFloat32);
  const auto tokens = random_tokens(model.config, 1, 16);
  const auto without = model.forward(tokens).clone();
  auto& weight = model.blocks[0].attention.v.weight;
  weight = weight.clone().requires_grad_();
  const auto with = model.forward(tokens);
  EXPECT_LT(largest_difference(with, without), 2e-5);
  with.square().mean().backward();
  EXPECT_GT(weight.grad().abs().max().item<double>(), 0);
}

INSTANTIATE_TEST_SUITE_P(Heads, LlamaForward, testing::Values(config_9_3, config_24_8),
                         [](const auto& tested) {
                           return tested.index == 0 ? "Heads9Kv3Bias" : "Heads24Kv8Tied";
                         });

TEST(Llama, RefusesTokensOutsideTheVocabularyAndLongWindows) {
  const auto model = random_llama(config_24_8());
  const auto code_of = [&](const torch::Tensor& tokens) {
    try {
      model.forward(tokens);
    } catch (const Error& error) {
      return error.code();
    }
    return ErrorCode::kUsage;
  };
  EXPECT_EQ(code_of(torch::full({1, 4}, 61, torch::kInt64)), ErrorCode::kInput);
  EXPECT_EQ(code_of(torch::full({1, 4}, -1, torch::kInt64)), ErrorCode::kInput);
  EXPECT_EQ(code_of(torch::zeros({1, 65}, torch::kInt64)), ErrorCode::kConfig);
}

TEST(Llama, ProbeSeesTheStreamAfterEachBlock) {
  auto model = random_llama(config_9_3());
  std::vector<std::int64_t> layers;
  torch::Tensor last;
  model.probe = [&](std::int64_t layer, const torch::Tensor& hidden) {
    layers.push_back(layer);
    last = hidden.clone();
  };
  const auto tokens = random_tokens(model.config, 1, 7);
  const auto hidden = model.hidden(tokens);
  EXPECT_EQ(layers, (std::vector<std::int64_t>{0, 1, 2}));
  EXPECT_LT(largest_difference(hidden, plain_norm(last, model.final_norm, model.config.rms_norm_eps)), 1e-12);
}

TEST(Llama, ReplicasDifferByRoundingAndRepeat) {
  auto model = random_llama(config_9_3(), torch::kFloat32);
  const auto tokens = random_tokens(model.config, 1, 16);
  const auto exact = model.forward(tokens);
  model.replica = 1;
  const auto first = model.forward(tokens);
  EXPECT_TRUE(torch::equal(first, model.forward(tokens)));
  model.replica = 2;
  const auto second = model.forward(tokens);
  EXPECT_FALSE(torch::equal(first, second));
  for (const auto& replica : {first, second}) {
    EXPECT_FALSE(torch::equal(replica, exact));
    EXPECT_LT(largest_difference(replica, exact), 1e-4);
  }
}

TEST(Llama, KeepsATiedHeadTiedWhenMoved) {
  auto model = random_llama(config_24_8());
  const auto bytes = model.weight_bytes();
  model.to(torch::kCPU, torch::kFloat32);
  EXPECT_TRUE(model.head.weight.is_same(model.embedding));
  EXPECT_EQ(model.weight_bytes(), bytes / 2);
}

TEST(Llama, VisitsEveryLinearByName) {
  auto model = random_llama(config_24_8());
  std::vector<std::string> names;
  model.for_each_linear([&](LinearRef ref) { names.push_back(ref.name()); });
  ASSERT_EQ(names.size(), 15u);
  EXPECT_EQ(names[0], "layers.0.q_proj");
  EXPECT_EQ(names[13], "layers.1.down_proj");
  EXPECT_EQ(names[14], "lm_head");
}

// LLaMA-3.1's own constants: theta 500000, factor 8, low 1, high 4, original 8192, head_dim 128. Frequency 0
// turns once in 2 pi tokens and is kept; the slowest, with wavelength 2 pi 500000^(126/128) > 8192, is
// divided by 8.
TEST(Rope, Llama3ScalingKeepsFastAndStretchesSlowFrequencies) {
  LlamaConfig config;
  config.head_dim = 128;
  config.rope_theta = 500000;
  const auto plain = rope_frequencies(config);
  config.rope_scaling = Llama3RopeScaling{};
  const auto scaled = rope_frequencies(config);
  EXPECT_EQ(scaled[0].item<float>(), 1.0f);
  EXPECT_FLOAT_EQ(scaled[63].item<float>(), plain[63].item<float>() / 8);
  EXPECT_FLOAT_EQ(plain[63].item<float>(), static_cast<float>(std::pow(500000.0, -126.0 / 128)));
  EXPECT_TRUE((scaled.diff() < 0).all().item<bool>());
}

}  // namespace
}  // namespace gyre
