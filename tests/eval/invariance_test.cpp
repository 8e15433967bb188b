// The gate passes what is exact and catches the mistakes that rotation code is known for, naming the layer.
#include "eval/invariance.h"

#include <gmock/gmock.h>
#include <gtest/gtest.h>

#include "model/surgery.h"
#include "model/tiny_llama.h"

namespace gyre {
namespace {

class Gate : public testing::TestWithParam<LlamaConfig (*)()> {
 protected:
  Gate() : model_(random_llama(GetParam()(), torch::kFloat32)) {
    tokens_ = std::vector<std::int32_t>(40);
    for (std::size_t i = 0; i < tokens_.size(); ++i) tokens_[i] = static_cast<std::int32_t>(i * 7 % 61);
    reference_ = gate_reference(model_, tokens_);
    RotationPlan plan;
    plan.r1 = plan.r2 = plan.r3 = plan.r4 = rotation_spec("hadamard");
    rotations_ = make_rotations(plan, model_.config, 0);
  }

  Llama folded() const {
    auto copy = model_.shallow_copy();
    fold_norms(copy);
    return copy;
  }
  Llama fused() const {
    auto copy = folded();
    fuse_rotations(copy, rotations_);
    return copy;
  }
  GateResult check(const Llama& rotated) const {
    return check_invariance(rotated, reference_, rotations_.r1);
  }
  void expect_caught(const Llama& rotated, std::int64_t layer) const {
    const auto result = check(rotated);
    EXPECT_FALSE(result.passed);
    EXPECT_EQ(result.first_layer, layer) << describe(result);
    EXPECT_GT(result.kl, 0);
  }

  Llama model_;
  std::vector<std::int32_t> tokens_;
  GateReference reference_;
  Rotations rotations_;
};

TEST_P(Gate, PassesAnExactRotation) {
  auto rotated = fused();
  install_online(rotated, rotations_);
  const auto result = check(rotated);
  EXPECT_TRUE(result.passed) << describe(result);
  EXPECT_LT(result.max_difference, 1e-4);
  EXPECT_LT(std::abs(result.kl), 1e-7);
  EXPECT_EQ(result.top1_agreement, 1.0);
  EXPECT_EQ(result.first_layer, -1);
  EXPECT_THAT(describe(result), testing::EndsWith("first layer that differs: none"));
}

TEST_P(Gate, CatchesAMissingNormFold) {
  auto rotated = folded();
  rotated.blocks[1].mlp.up.weight = model_.blocks[1].mlp.up.weight;
  fuse_rotations(rotated, rotations_);
  expect_caught(rotated, 1);
}

TEST_P(Gate, CatchesAMissingFinalNorm) {
  auto rotated = folded();
  rotated.head.weight = model_.head.weight;  // a tied head that was not untied looks the same
  fuse_rotations(rotated, rotations_);
  expect_caught(rotated, -1);
  EXPECT_THAT(describe(check(rotated)), testing::HasSubstr("lm_head"));
}

TEST_P(Gate, CatchesATransposedR4) {
  RotationPlan plan;
  plan.r4 = rotation_spec("random");
  const auto r4 = make_rotations(plan, model_.config, 3).r4;
  auto rotated = fused();
  auto& down = rotated.blocks[1].mlp.down;
  down.online_rotation = r4;
  down.weight = r4->unrotate(down.weight);
  expect_caught(rotated, 1);
}

TEST_P(Gate, CatchesATransposedR1) {
  auto rotated = folded();
  RotationPlan plan;
  plan.r1 = rotation_spec("random");
  rotations_ = make_rotations(plan, model_.config, 3);
  const auto original = rotated.blocks[1].attention.k.weight;
  fuse_rotations(rotated, rotations_);
  rotated.blocks[1].attention.k.weight = rotations_.r1->unrotate(original);
  expect_caught(rotated, 1);
}

TEST_P(Gate, CatchesHeadsInTheWrongOrderForR2) {
  auto rotated = fused();
  const auto heads = model_.config.num_attention_heads;
  auto& o = rotated.blocks[0].attention.o.weight;
  o = o.unflatten(1, {-1, heads}).transpose(1, 2).flatten(1).contiguous();
  expect_caught(rotated, 0);
}

TEST_P(Gate, CatchesWrongGroupingOfKeyValueHeads) {
  auto rotated = fused();
  const auto heads = model_.config.num_key_value_heads;
  auto& k = rotated.blocks[0].attention.k;
  k.weight = k.weight.unflatten(0, {heads, -1}).flip(0).flatten(0, 1).contiguous();
  expect_caught(rotated, 0);
}

TEST_P(Gate, CatchesAStreamLeftUnrotated) {
  auto rotated = fused();
  rotated.blocks[1].attention.o.weight = folded().blocks[1].attention.o.weight;
  expect_caught(rotated, 1);
}

TEST_P(Gate, CatchesNotANumber) {
  auto rotated = fused();
  rotated.blocks[0].mlp.gate.weight = rotated.blocks[0].mlp.gate.weight * NAN;
  const auto result = check(rotated);
  EXPECT_FALSE(result.passed);
  EXPECT_EQ(result.first_layer, 0);
}

TEST_P(Gate, ComparesHalfPrecisionModelsInFloat32) {
  auto half = model_.shallow_copy();
  half.to(torch::kCPU, torch::kBFloat16);
  const auto reference = gate_reference(half, tokens_);
  EXPECT_EQ(reference.logits.scalar_type(), torch::kFloat32);
  EXPECT_TRUE(check_invariance(half, reference, nullptr).passed);
  EXPECT_EQ(half.dtype(), torch::kBFloat16);
}

INSTANTIATE_TEST_SUITE_P(Heads, Gate, testing::Values(config_9_3, config_24_8), [](const auto& tested) {
  return tested.index == 0 ? "Heads9Kv3Bias" : "Heads24Kv8Tied";
});

}  // namespace
}  // namespace gyre
