#include "model/smoothing.h"

#include <gtest/gtest.h>

#include "model/surgery.h"
#include "model/tiny_llama.h"

namespace gyre {
namespace {

SmoothingSpec spec_of(const char* scheme, double alpha = 0.5) {
  SmoothingSpec spec;
  spec.scheme = scheme;
  spec.alpha = alpha;
  return spec;
}

std::vector<InputMaxima> random_maxima(const LlamaConfig& config) {
  torch::manual_seed(4);
  const auto draw = [](std::int64_t n) { return torch::randn({n}, torch::kFloat64).exp(); };
  std::vector<InputMaxima> maxima;
  for (std::int64_t i = 0; i < config.num_hidden_layers; ++i)
    maxima.push_back({draw(config.hidden_size), draw(config.num_attention_heads * config.head_dim),
                      draw(config.hidden_size), draw(config.intermediate_size)});
  return maxima;
}

TEST(SmoothingFactors, FollowTheFormula) {
  const auto x = torch::tensor({4.0, 9.0, 0.0, 2.0}, torch::kFloat64);
  const auto w = torch::tensor({1.0, 4.0, 3.0, 0.0}, torch::kFloat64);
  const auto near = [](const torch::Tensor& a, std::vector<double> b) {
    return torch::allclose(a, torch::tensor(b, torch::kFloat64));
  };
  EXPECT_TRUE(near(smoothing_factors(x, w, 0.5), {2.0, 1.5, 1.0, 1.0}));
  EXPECT_TRUE(near(smoothing_factors(x, w, 1.0), {4.0, 9.0, 1.0, 1.0}));
  EXPECT_TRUE(near(smoothing_factors(x, w, 0.0), {1.0, 0.25, 1.0, 1.0}));
}

class Smoothing : public testing::TestWithParam<std::tuple<int, const char*, bool>> {};

TEST_P(Smoothing, LeavesLogitsAsTheyAre) {
  const auto [which, scheme, rotates] = GetParam();
  const auto model = random_llama(which == 0 ? config_9_3() : config_24_8());
  const auto tokens = random_tokens(model.config, 2, 24);
  const auto expected = model.forward(tokens);
  auto copy = model.shallow_copy();
  if (rotates) {
    fold_norms(copy);
    RotationPlan plan;
    plan.r1 = plan.r2 = plan.r3 = plan.r4 = rotation_spec("hadamard");
    const auto rotations = make_rotations(plan, copy.config, 0);
    fuse_rotations(copy, rotations);
    install_online(copy, rotations);
  }
  const auto before = copy.shallow_copy();
  const auto maxima = random_maxima(model.config);
  smooth(copy, spec_of(scheme, 0.7), maxima);
  EXPECT_LT(largest_difference(copy.forward(tokens), expected), 1e-9);
  EXPECT_LT(largest_difference(before.forward(tokens), expected), 1e-9);  // nothing shared was written

  const bool all = std::string(scheme) == "smoothquant_all";
  const auto changed = [&](const QuantLinear& now, const QuantLinear& then) {
    return largest_difference(now.weight, then.weight) > 1e-3;
  };
  const auto &now = copy.blocks[1], &then = before.blocks[1];
  EXPECT_TRUE(changed(now.attention.q, then.attention.q) && changed(now.mlp.up, then.mlp.up));
  EXPECT_EQ(changed(now.attention.o, then.attention.o), all);
  EXPECT_EQ(changed(now.mlp.down, then.mlp.down), all && !rotates);  // R4 stands in between
}

INSTANTIATE_TEST_SUITE_P(Models, Smoothing,
                         testing::Combine(testing::Values(0, 1),
                                          testing::Values("smoothquant", "smoothquant_all"),
                                          testing::Bool()));

// With alpha 1 every smoothed input channel has the largest magnitude 1.
TEST(Smooth, WithAlphaOneLevelsTheActivations) {
  auto model = random_llama(config_9_3());
  const auto maxima = random_maxima(model.config);
  const auto gain = model.blocks[0].input_norm, q = model.blocks[0].attention.q.weight;
  smooth(model, spec_of("smoothquant", 1.0), maxima);
  EXPECT_TRUE(torch::allclose(model.blocks[0].input_norm * maxima[0].attention, gain));
  EXPECT_TRUE(torch::allclose(model.blocks[0].attention.q.weight / maxima[0].attention, q));
}

}  // namespace
}  // namespace gyre
