#include "eval/solve_weights.h"

#include <gtest/gtest.h>

#include "model/tiny_llama.h"

namespace gyre {
namespace {

QuantPlan plan_of(const char* solver, std::int64_t n_bits = 3, std::int64_t group = 16) {
  QuantPlan plan;
  plan.weight.scheme = "rtn";
  plan.weight.n_bits = n_bits;
  plan.weight.group_size = AutoSize{group};
  plan.weight.solver = solver;
  return plan;
}

struct Solved {
  Llama model;
  SolveSummary summary;
};

Solved solve(const Llama& model, const QuantPlan& plan, const torch::Tensor& windows,
             std::int64_t n_places = std::numeric_limits<std::int64_t>::max()) {
  Solved solved{model.shallow_copy(), {}};
  calibrate_weights(solved.model, plan.weight);
  solved.summary = solve_weights(solved.model, plan, windows, {}, {}, n_places);
  return solved;
}

bool same_weights(Llama a, Llama b) {
  std::vector<torch::Tensor> weights;
  a.for_each_linear([&](LinearRef ref) { weights.push_back(ref.linear.weight); });
  bool same = true;
  std::size_t i = 0;
  b.for_each_linear([&](LinearRef ref) { same = same && ref.linear.weight.equal(weights[i++]); });
  return same;
}

TEST(SolveWeights, WithNearestIsQuantizeWeights) {
  const auto model = random_llama(config_9_3(), torch::kFloat32);
  const auto plan = plan_of("nearest");
  const auto solved = solve(model, plan, random_tokens(model.config, 3, 40));
  auto plain = model.shallow_copy();
  const double error = quantize_weights(plain, plan.weight);
  EXPECT_TRUE(same_weights(solved.model, plain));
  EXPECT_NEAR(solved.summary.weight_error, error, 1e-5 * error);
  EXPECT_EQ(solved.summary.n_linears, count_quantized_linears(model));
  EXPECT_EQ(solved.summary.output_error, solved.summary.nearest_error);
  EXPECT_EQ(solved.summary.largest_damping, 0);
}

TEST(SolveWeights, WithGptqErrsLessOnTheOutput) {
  for (const auto& config : {config_9_3(), config_24_8()}) {
    const auto model = random_llama(config, torch::kFloat32);
    const auto windows = random_tokens(config, 8, 40);
    auto solved = solve(model, plan_of("gptq"), windows);
    EXPECT_LT(solved.summary.output_error, 0.9 * solved.summary.nearest_error);
    EXPECT_GT(solved.summary.output_error, 0);
    EXPECT_TRUE(solved.summary.raised.empty());
    solved.model.for_each_linear([&](LinearRef ref) {
      EXPECT_EQ(ref.linear.weight_quantizer, nullptr);
      EXPECT_EQ(ref.linear.input_quantizer, nullptr);
      EXPECT_TRUE(ref.linear.weight.isfinite().all().item<bool>());
    });
    EXPECT_TRUE(solved.model.head.weight.equal(model.head.weight));
  }
}

TEST(SolveWeights, GivesTheSameBitsTwiceAndOthersToAReplica) {
  const auto model = random_llama(config_9_3(), torch::kFloat32);
  const auto windows = random_tokens(model.config, 4, 40);
  const auto plan = plan_of("gptq", 2);
  const auto first = solve(model, plan, windows);
  EXPECT_TRUE(same_weights(first.model, solve(model, plan, windows).model));
  auto jittered = model.shallow_copy();
  jittered.replica = 1;
  const auto other = solve(jittered, plan, windows);
  EXPECT_NE(first.summary.output_error, other.summary.output_error);
  EXPECT_NEAR(first.summary.output_error, other.summary.output_error, 0.1 * first.summary.output_error);
}

TEST(SolveWeights, QuantizesActivationsMeanwhileWhenAsked) {
  const auto model = random_llama(config_9_3(), torch::kFloat32);
  const auto windows = random_tokens(model.config, 4, 40);
  auto plan = plan_of("gptq");
  plan.activation.scheme = plan.key.scheme = plan.value.scheme = "rtn";
  const auto off = solve(model, plan, windows);
  plan.gptq.quantize_activations = true;
  auto on = solve(model, plan, windows);
  EXPECT_FALSE(same_weights(off.model, on.model));
  on.model.for_each_linear([](LinearRef ref) { EXPECT_EQ(ref.linear.input_quantizer, nullptr); });
  EXPECT_EQ(on.model.blocks[0].attention.key_quantizer, nullptr);
}

TEST(SolveWeights, ReportsRaisedDamping) {
  const auto model = random_llama(config_9_3(), torch::kFloat32);
  const auto solved =
      solve(model, plan_of("gptq"), random_tokens(model.config, 1, 20));  // 20 tokens, 96 channels
  EXPECT_EQ(std::ssize(solved.summary.raised), count_quantized_linears(model));
  EXPECT_EQ(solved.summary.raised[0], "layers.0.q_proj");
  EXPECT_NEAR(solved.summary.largest_damping, 0.1, 1e-12);
  EXPECT_LE(solved.summary.output_error, solved.summary.nearest_error);
}

// 320 inputs of 60 places of a text: the Hessians of 96 and more channels have not full rank.
TEST(SolveWeights, ReportsRaisedDampingWhereWindowsOverlap) {
  const auto model = random_llama(config_9_3(), torch::kFloat32);
  const auto windows = random_tokens(model.config, 8, 40);
  EXPECT_TRUE(solve(model, plan_of("gptq"), windows).summary.raised.empty());
  EXPECT_EQ(std::ssize(solve(model, plan_of("gptq"), windows, 60).summary.raised),
            count_quantized_linears(model));
}

// Sequency order permutes channels inside a group: nothing for nearest, another order of columns for GPTQ.
TEST(SolveWeights, TellsGsrFromLocalHadamardOnlyByItsOrderOfColumns) {
  const auto model = random_llama(config_9_3());
  const auto tokens = random_tokens(model.config, 1, 24), windows = random_tokens(model.config, 4, 40);
  const auto logits = [&](const char* rotation, const char* solver) {
    auto copy = model.shallow_copy();
    fold_norms(copy);
    RotationPlan rotations;
    rotations.r1 = rotation_spec(rotation, 16);
    fuse_rotations(copy, make_rotations(rotations, copy.config, 0));
    return solve(copy, plan_of(solver, 2, 16), windows).model.forward(tokens);
  };
  EXPECT_LT(largest_difference(logits("gsr", "nearest"), logits("local_hadamard", "nearest")), 1e-9);
  EXPECT_GT(largest_difference(logits("gsr", "gptq"), logits("local_hadamard", "gptq")), 1e-3);
}

}  // namespace
}  // namespace gyre
