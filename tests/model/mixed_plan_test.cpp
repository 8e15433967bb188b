// Rules by layer and role reach the linears, keys and values that they name, and no other.
#include <gmock/gmock.h>
#include <gtest/gtest.h>

#include "core/error.h"
#include "model/surgery.h"
#include "model/tiny_llama.h"
#include "spec/quant_rules.h"

namespace gyre {
namespace {

QuantSpec rtn(std::int64_t bits, const std::string& rules = "") {
  QuantSpec spec;
  spec.scheme = "rtn";
  spec.n_bits = bits;
  spec.rules = rules;
  return spec;
}

std::size_t distinct_values(const torch::Tensor& row) {
  return static_cast<std::size_t>(std::get<0>(at::_unique(row)).numel());
}

TEST(MixedPlan, RolesAreTheModelsLinears) {
  Llama model = random_llama(config_24_8());
  std::vector<std::string> names;
  model.for_each_linear([&](LinearRef ref) {
    if (ref.layer == 0) names.emplace_back(role_name(ref.role));
  });
  const auto roles = roles_of("quant.weight");
  EXPECT_EQ(names, std::vector<std::string>(roles.begin(), roles.end()));
}

TEST(MixedPlan, GivesEachWeightItsOwnBits) {
  Llama model = random_llama(config_9_3());
  quantize_weights(model, rtn(2, "down_proj: n_bits=3; layers.-1: n_bits=4; layers.1.o_proj: scheme=none"));
  const Llama original = random_llama(config_9_3());
  model.for_each_linear([&](LinearRef ref) {
    if (ref.role == LinearRole::kHead) return;
    const auto n = distinct_values(ref.linear.weight[0]);
    if (ref.layer == 1 && ref.role == LinearRole::kO) {
      EXPECT_TRUE(torch::equal(ref.linear.weight, original.blocks[1].attention.o.weight));
      return;
    }
    const std::size_t levels = ref.layer == 2 ? 16 : ref.role == LinearRole::kDown ? 8 : 4;
    EXPECT_LE(n, levels) << ref.name();
    EXPECT_GT(n, levels / 2) << ref.name();
  });
}

TEST(MixedPlan, IsTheUniformPlanWhereNoRuleMatches) {
  Llama mixed = random_llama(config_9_3()), uniform = random_llama(config_9_3());
  quantize_weights(mixed, rtn(3, "layers.0.q_proj: n_bits=8"));
  quantize_weights(uniform, rtn(3));
  EXPECT_TRUE(torch::equal(mixed.blocks[0].attention.k.weight, uniform.blocks[0].attention.k.weight));
  EXPECT_TRUE(torch::equal(mixed.blocks[2].attention.q.weight, uniform.blocks[2].attention.q.weight));
  EXPECT_FALSE(torch::equal(mixed.blocks[0].attention.q.weight, uniform.blocks[0].attention.q.weight));
}

TEST(MixedPlan, LinearsShareAnInputQuantizerOnlyWhereItIsTheSame) {
  Llama model = random_llama(config_9_3());
  QuantPlan plan;
  plan.activation = rtn(8, "layers.1.v_proj: n_bits=4; layers.2.up_proj: scheme=none");
  attach_quantizers(model, plan);
  for (std::size_t layer = 0; layer < 3; ++layer) {
    const auto& attention = model.blocks[layer].attention;
    const auto& mlp = model.blocks[layer].mlp;
    EXPECT_TRUE(attention.q.shares_input_with(attention.k));
    EXPECT_EQ(attention.v.shares_input_with(attention.q), layer != 1);
    EXPECT_EQ(mlp.up.shares_input_with(mlp.gate), layer != 2);
    EXPECT_NE(mlp.gate.input_quantizer, nullptr);
    EXPECT_EQ(mlp.up.input_quantizer == nullptr, layer == 2);
  }
  // Not only the pointers: v reads other values than q in layer 1.
  const auto x = torch::randn({1, 4, model.config.hidden_size}, torch::kFloat64);
  const auto& attention = model.blocks[1].attention;
  EXPECT_GT(largest_difference(attention.v.prepare(x), attention.q.prepare(x)), 1e-2);
}

TEST(MixedPlan, ReachesKeysAndValuesLayerByLayer) {
  Llama model = random_llama(config_24_8());
  QuantPlan plan;
  plan.key = rtn(4, "layers.0: scheme=none");
  plan.value.rules = "layers.1: scheme=rtn n_bits=2";
  attach_quantizers(model, plan);
  EXPECT_EQ(model.blocks[0].attention.key_quantizer, nullptr);
  EXPECT_NE(model.blocks[1].attention.key_quantizer, nullptr);
  EXPECT_EQ(model.blocks[0].attention.value_quantizer, nullptr);
  EXPECT_NE(model.blocks[1].attention.value_quantizer, nullptr);
}

TEST(MixedPlan, SizesAreCheckedWhereARuleMatches) {
  const LlamaConfig config = config_9_3();  // hidden 96, heads x head_dim 144, intermediate 160
  const auto refusal = [&](const QuantPlan& plan) -> std::string {
    RunConfig run;
    run.quant = plan;
    try {
      check_sizes(run, config);
    } catch (const Error& error) {
      EXPECT_EQ(error.code(), ErrorCode::kConfig);
      return error.what();
    }
    return "accepted";
  };
  QuantPlan plan;
  plan.weight = rtn(4);
  plan.weight.group_size.value = 48;
  EXPECT_THAT(refusal(plan), testing::HasSubstr("quant.weight along intermediate_size 160"));
  plan.weight.rules = "down_proj: group_size=32";
  EXPECT_EQ(refusal(plan), "accepted");
  plan.weight.rules += "; layers.2.q_proj: group_size=40";
  EXPECT_THAT(refusal(plan), testing::HasSubstr("quant.weight at layers.2.q_proj along hidden_size 96"));
  plan.weight = rtn(4, "layers.3: n_bits=8");
  EXPECT_THAT(refusal(plan), testing::HasSubstr("layers.0 to layers.2"));
}

TEST(MixedPlan, StoredBitsAreAveragedOverTheWeights) {
  Llama model = random_llama(config_24_8());
  calibrate_weights(model, rtn(4, "*: scheme=none; layers.0.q_proj: scheme=rtn"));
  // q_proj of layer 0: 192 x 64, whole rows share a scale of 32 bits.
  double total = 0;
  model.for_each_linear([&](LinearRef ref) {
    if (ref.role != LinearRole::kHead) total += static_cast<double>(ref.linear.weight.numel());
  });
  const double q = 192.0 * 64.0;
  EXPECT_DOUBLE_EQ(bits_per_weight(model, 16), ((4 + 32.0 / 64) * q + 16 * (total - q)) / total);
}

}  // namespace
}  // namespace gyre
