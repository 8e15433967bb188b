// Whole models of the geometry of SmolLM2 (9 heads on 3) and with 24 heads on 8: every rotation at every site
// leaves the function as it is; quantized, rotations that differ by a permutation inside a group give the
// same function.
#include "eval/invariance.h"

#include <gtest/gtest.h>

#include "model/surgery.h"
#include "model/tiny_llama.h"

namespace gyre {
namespace {

// hidden 576 = 36 * 16, tied, no biases.
LlamaConfig heads_9_on_3() {
  LlamaConfig config = config_24_8();
  config.hidden_size = 576;
  config.intermediate_size = 768;  // 12 * 64
  config.num_attention_heads = 9;
  config.num_key_value_heads = 3;
  config.head_dim = 64;
  return config;
}

// hidden 640 = 20 * 32, which is not heads x head_dim = 768; untied, with biases.
LlamaConfig heads_24_on_8() {
  LlamaConfig config = config_9_3();
  config.hidden_size = 640;
  config.intermediate_size = 896;  // 28 * 32
  config.num_hidden_layers = 2;
  config.num_attention_heads = 24;
  config.num_key_value_heads = 8;
  config.head_dim = 32;
  return config;
}

RotationPlan plan_at(const std::string& site, const RotationSpec& spec) {
  RotationPlan plan;
  for (const auto& [name, slot] : {std::pair("r1", &plan.r1), std::pair("r2", &plan.r2),
                                   std::pair("r3", &plan.r3), std::pair("r4", &plan.r4)})
    if (site == name || site == "all") *slot = spec;
  return plan;
}

struct Rotated {
  Llama model;
  Rotations rotations;
};

Rotated rotate(const Llama& model, const RotationPlan& plan) {
  Rotated result{model.shallow_copy(), make_rotations(plan, model.config, 0)};
  if (result.rotations.r1) fold_norms(result.model);
  fuse_rotations(result.model, result.rotations);
  install_online(result.model, result.rotations);
  return result;
}

std::vector<RotationSpec> all_rotations() {
  std::vector<RotationSpec> specs;
  for (const auto& scheme : rotation_schemes())
    for (const bool signs : {false, true})
      if (!signs || scheme.uses_random_signs)
        specs.push_back(rotation_spec(std::string(scheme.name), AutoSize::kAuto, signs));
  return specs;
}

using Geometry = LlamaConfig (*)();

class Invariance : public testing::TestWithParam<std::tuple<Geometry, const char*>> {
 protected:
  const char* site() const { return std::get<1>(GetParam()); }
  LlamaConfig config() const { return std::get<0>(GetParam())(); }
};

TEST_P(Invariance, LogitsAreUnchangedInFloat64) {
  const auto model = random_llama(config());
  const auto tokens = random_tokens(model.config, 1, 16);
  const auto expected = model.forward(tokens);
  const double spread = expected.std().item<double>();
  for (const auto& spec : all_rotations()) {
    SCOPED_TRACE(spec.scheme + (spec.random_signs ? " with signs" : ""));
    const auto turned = rotate(model, plan_at(site(), spec)).model;
    EXPECT_LT(largest_difference(turned.forward(tokens), expected), 1e-10 * spread);
  }
}

TEST_P(Invariance, GatePassesInFloat32) {
  const auto model = random_llama(config(), torch::kFloat32);
  std::vector<std::int32_t> tokens;
  for (int i = 0; i < 16; ++i) tokens.push_back(i * 7 % 61);
  const auto reference = gate_reference(model, tokens);
  for (const auto& spec : all_rotations()) {
    const auto [turned, rotations] = rotate(model, plan_at(site(), spec));
    const auto result = check_invariance(turned, reference, rotations.r1);
    EXPECT_TRUE(result.passed && result.first_layer == -1) << spec.scheme << ": " << describe(result);
    EXPECT_LT(result.max_difference, 1e-4) << spec.scheme;  // a tenth of the gate's limit
  }
}

std::string heads_name(Geometry geometry) {
  return geometry == heads_9_on_3 ? "Heads9Kv3" : "Heads24Kv8";
}

INSTANTIATE_TEST_SUITE_P(Sites, Invariance,
                         testing::Combine(testing::Values(heads_9_on_3, heads_24_on_8),
                                          testing::Values("r1", "r2", "r3", "r4", "all")),
                         [](const auto& tested) {
                           return heads_name(std::get<0>(tested.param)) + "_" + std::get<1>(tested.param);
                         });

// --- Quantized, in float64
// ----------------------------------------------------------------------------------------

QuantSpec rtn(std::int64_t n_bits, std::int64_t group) {
  QuantSpec spec;
  spec.scheme = "rtn";
  spec.n_bits = n_bits;
  spec.group_size = AutoSize{group};
  return spec;
}

// Values and o_proj's input are never quantized together: what attention mixes of two tokens' values on their
// grids can lie exactly halfway between two levels of the mixture's grid, where rounding noise decides.
enum class Sites { kActivationsAndKeys, kKeysAndValues };

class QuantizedOracle : public testing::TestWithParam<std::tuple<Geometry, const char*>> {
 protected:
  QuantizedOracle()
      : model_(random_llama(std::get<0>(GetParam())())), tokens_(random_tokens(model_.config, 1, 16)) {}

  torch::Tensor logits(const RotationSpec& rotation, std::int64_t group, Sites sites) const {
    auto copy = rotate(model_, plan_at(std::get<1>(GetParam()), rotation)).model;
    QuantPlan plan;
    plan.key = rtn(4, group);
    (sites == Sites::kKeysAndValues ? plan.value : plan.activation) = rtn(4, group);
    quantize_weights(copy, rtn(4, group));
    attach_quantizers(copy, plan);
    return copy.forward(tokens_);
  }

  // The two rotations, quantized in such groups, give the same function, and it is not the original's.
  void expect_same(const char* a, const char* b, std::int64_t block, std::int64_t group) const {
    for (const auto sites : {Sites::kActivationsAndKeys, Sites::kKeysAndValues})
      for (const bool signs : {false, true}) {
        const auto one = logits(rotation_spec(a, block, signs), group, sites);
        const auto other = logits(rotation_spec(b, block, signs), group, sites);
        EXPECT_LT(largest_difference(one, other), 1e-9) << "block " << block << " signs " << signs;
        EXPECT_GT(largest_difference(one, model_.forward(tokens_)), 1e-2);
      }
  }

  Llama model_;
  torch::Tensor tokens_;
};

TEST_P(QuantizedOracle, SequencyEqualsHadamardPerRow) {
  expect_same("hadamard", "sequency", AutoSize::kAuto, -1);
}

TEST_P(QuantizedOracle, GsrEqualsLocalHadamardWhenBlocksAreGroups) {
  for (const std::int64_t size : {32, 16}) expect_same("local_hadamard", "gsr", size, size);
}

TEST_P(QuantizedOracle, GsrDiffersWhenGroupsCutBlocks) {
  const auto l = logits(rotation_spec("local_hadamard", 32), 16, Sites::kActivationsAndKeys);
  const auto g = logits(rotation_spec("gsr", 32), 16, Sites::kActivationsAndKeys);
  EXPECT_GT(largest_difference(l, g), 1e-3);
}

INSTANTIATE_TEST_SUITE_P(Sites, QuantizedOracle,
                         testing::Combine(testing::Values(heads_9_on_3, heads_24_on_8),
                                          testing::Values("r1", "r2", "r3", "r4", "all")),
                         [](const auto& tested) {
                           return heads_name(std::get<0>(tested.param)) + "_" + std::get<1>(tested.param);
                         });

}  // namespace
}  // namespace gyre
