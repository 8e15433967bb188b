// The gradient of whole networks with respect to their rotations, against finite differences in float64, with
// rounding replaced by the identity and clipping kept.
#include "train/rotation_gradient.h"

#include <gmock/gmock.h>
#include <gtest/gtest.h>

#include <cmath>
#include <limits>

#include "core/error.h"
#include "model/surgery.h"
#include "model/tiny_llama.h"
#include "train/cayley.h"

namespace gyre {
namespace {

// Clips at fixed bounds and rounds nothing; differentiable almost everywhere.
class Clamp final : public Quantizer {
 public:
  explicit Clamp(double bound) : bound_(bound) {}
  void calibrate(const torch::Tensor&) override {}
  torch::Tensor forward(const torch::Tensor& x) override { return x.clamp(-bound_, bound_); }
  QuantizedTensor quantize(const torch::Tensor&) const override { return {}; }
  double bits_per_value() const override { return 0; }

 private:
  double bound_;
};

struct Chain {
  Llama frozen, quantized;
  RotationParameters parameters;
  std::vector<torch::Tensor> windows;
};

// A tiny network with R3, R4, and clamps in every slot that clip some tenths of the values.
Chain chain(const LlamaConfig& config, std::int64_t r1_blocks = 1) {
  Chain out;
  out.frozen = random_llama(config);
  fold_norms(out.frozen);
  RotationPlan plan;
  plan.r1 = plan.r2 = rotation_spec("random");
  plan.r3 = plan.r4 = rotation_spec("hadamard");
  auto rotations = make_rotations(plan, config, 3);
  install_online(out.frozen, {nullptr, {}, nullptr, rotations.r3, rotations.r4});
  out.quantized = out.frozen.shallow_copy();
  out.quantized.for_each_linear([](LinearRef ref) {
    if (ref.role == LinearRole::kHead) return;
    ref.linear.weight_quantizer = std::make_shared<Clamp>(0.15);
    ref.linear.input_quantizer = std::make_shared<Clamp>(0.8);
  });
  for (auto& block : out.quantized.blocks) {
    block.attention.key_quantizer = std::make_shared<Clamp>(0.9);
    block.attention.value_quantizer = std::make_shared<Clamp>(0.7);
  }
  const auto b = config.hidden_size / r1_blocks;
  std::vector<torch::Tensor> r1, r2;
  for (std::int64_t i = 0; i < r1_blocks; ++i)
    r1.push_back(make_rotation(rotation_spec("random"), b, 40 + static_cast<std::uint64_t>(i))->matrix());
  for (const auto& rotation : rotations.r2) r2.push_back(rotation->matrix().unsqueeze(0));
  out.parameters = {torch::stack(r1), torch::stack(r2)};
  out.windows = {random_tokens(config, 2, 7, 5), random_tokens(config, 2, 7, 6)};
  return out;
}

// Central differences along a direction of each parameter against the inner product with the gradient. The
// matrices need not stay orthogonal: the loss is a function of any. A step across a clamp's corner spoils a
// difference, so that the nearest of three steps counts.
void expect_matches_differences(const Chain& c, const RotationObjective& objective) {
  const auto windows = objective.reads_text ? c.windows : std::vector<torch::Tensor>{};
  const auto loss = [&](const RotationParameters& at) {
    return rotation_loss(c.frozen, c.quantized, at, windows, objective);
  };
  const auto result = rotation_gradient(c.frozen, c.quantized, c.parameters, windows, objective);
  EXPECT_NEAR(result.loss, loss(c.parameters), 1e-13);
  for (const bool first : {true, false}) {
    const auto& at = first ? c.parameters.r1 : c.parameters.r2;
    const auto& gradient = first ? result.gradient.r1 : result.gradient.r2;
    ASSERT_EQ(gradient.sizes(), at.sizes());
    for (int trial = 0; trial < 2; ++trial) {
      torch::manual_seed(50 + trial);
      const auto direction = torch::randn_like(at);
      const double found = (gradient * direction).sum().item<double>();
      double nearest = std::numeric_limits<double>::infinity();
      for (const double h : {1e-6, 1e-7, 1e-8}) {
        auto ahead = c.parameters, behind = c.parameters;
        (first ? ahead.r1 : ahead.r2) = at + h * direction;
        (first ? behind.r1 : behind.r2) = at - h * direction;
        const double expected = (loss(ahead) - loss(behind)) / (2 * h);
        nearest = std::min(nearest, std::abs(found - expected) / std::max(1.0, std::abs(expected)));
      }
      EXPECT_LT(nearest, 1e-6) << objective.name << (first ? " R1" : " R2") << " trial " << trial;
      EXPECT_GT(std::abs(found), 1e-5) << objective.name;
    }
  }
}

class Objectives : public testing::TestWithParam<const RotationObjective*> {};

TEST_P(Objectives, GradientOfTheWholeChainMatchesFiniteDifferences) {
  expect_matches_differences(chain(config_9_3()), *GetParam());
}

TEST_P(Objectives, GradientOfBlockDiagonalRotationsMatchesFiniteDifferences) {
  expect_matches_differences(chain(config_24_8(), 4), *GetParam());
}

// A few steps along the gradient make it smaller, with real quantizers and rounding.
TEST_P(Objectives, DescentLowersIt) {
  auto c = chain(config_9_3());
  QuantPlan plan;
  for (auto* site : {&plan.weight, &plan.activation, &plan.key, &plan.value}) {
    site->scheme = "rtn";
    site->n_bits = 3;
    site->group_size = AutoSize{site == &plan.key || site == &plan.value ? 16 : -1};
  }
  const auto quantized = quantize_slots(c.frozen, plan, /*pass_clipped=*/true);
  const auto windows = GetParam()->reads_text ? c.windows : std::vector<torch::Tensor>{};
  std::vector<double> losses;
  for (int step = 0; step < 30; ++step) {
    const auto at = rotation_gradient(c.frozen, quantized, c.parameters, windows, *GetParam());
    losses.push_back(at.loss);
    c.parameters.r1 = cayley_sgd_step(c.parameters.r1, at.gradient.r1, 1.5);
    const auto shape = c.parameters.r2.sizes().vec();
    c.parameters.r2 =
        cayley_sgd_step(c.parameters.r2.flatten(0, 1), at.gradient.r2.flatten(0, 1), 1.5).view(shape);
  }
  double end = 0;
  for (std::size_t i = losses.size() - 5; i < losses.size(); ++i) end += losses[i] / 5;
  EXPECT_LT(end, losses[0]) << GetParam()->name;
}

std::vector<const RotationObjective*> all_objectives() {
  std::vector<const RotationObjective*> all;
  for (const auto& objective : rotation_objectives()) all.push_back(&objective);
  return all;
}
INSTANTIATE_TEST_SUITE_P(Table, Objectives, testing::ValuesIn(all_objectives()),
                         [](const auto& tested) { return std::string(tested.param->name); });

// Unquantized, an orthogonal rotation changes nothing: the loss is the original's cross-entropy.
TEST(RotationGradient, LossWithoutQuantizersIsTheOriginals) {
  auto c = chain(config_9_3());
  const auto found =
      rotation_gradient(c.frozen, c.frozen, c.parameters, c.windows, find_rotation_objective("ce")).loss;
  double expected = 0;
  for (const auto& tokens : c.windows) {
    const auto logits = c.frozen.forward(tokens).narrow(1, 0, 6).flatten(0, 1);
    expected +=
        torch::nn::functional::cross_entropy(logits, tokens.narrow(1, 1, 6).flatten()).item<double>() / 2;
  }
  EXPECT_NEAR(found, expected, 1e-12);
  const auto kl =
      rotation_gradient(c.frozen, c.frozen, c.parameters, c.windows, find_rotation_objective("kl"));
  EXPECT_NEAR(kl.loss, 0, 1e-12);
}

// How windows are split into batches changes nothing but rounding.
TEST(RotationGradient, SumsOverBatches) {
  const auto c = chain(config_24_8());
  const auto& ce = find_rotation_objective("ce");
  const auto split = rotation_gradient(c.frozen, c.quantized, c.parameters, c.windows, ce);
  const auto whole = rotation_gradient(c.frozen, c.quantized, c.parameters, {torch::cat(c.windows)}, ce);
  EXPECT_NEAR(split.loss, whole.loss, 1e-12);
  EXPECT_LT(largest_difference(split.gradient.r1, whole.gradient.r1), 1e-12);
  EXPECT_LT(largest_difference(split.gradient.r2, whole.gradient.r2), 1e-12);
}

TEST(PassingAll, LetsTheGradientOfClippedValuesThrough) {
  QuantSpec spec;
  spec.scheme = "rtn";
  spec.group_size = AutoSize{4};
  spec.clip = *parse_clip("0.5");
  auto x = torch::tensor({{1.0, 0.1, -0.2, 0.3}}, torch::kFloat64).requires_grad_();
  make_quantizer(spec, 4)->forward(x).sum().backward();
  EXPECT_EQ(x.grad()[0][0].item<double>(), 0);
  const auto stopped = make_quantizer(spec, 4)->forward(x).detach();
  x.mutable_grad().reset();
  const auto passing = passing_all(make_quantizer(spec, 4));
  const auto y = passing->forward(x);
  EXPECT_TRUE(torch::equal(y.detach(), stopped));
  (y * torch::tensor({2.0, 3.0, 4.0, 5.0}, torch::kFloat64)).sum().backward();
  EXPECT_TRUE(torch::equal(x.grad()[0], torch::tensor({2.0, 3.0, 4.0, 5.0}, torch::kFloat64)));
}

TEST(RotationObjectives, AnUnknownNameIsRefusedWithTheNearest) {
  try {
    find_rotation_objective("kurtosi");
    FAIL() << "accepted";
  } catch (const Error& error) {
    EXPECT_EQ(error.code(), ErrorCode::kConfig);
    EXPECT_THAT(error.what(), testing::HasSubstr("kurtosis"));
  }
}

}  // namespace
}  // namespace gyre
