// Every rotation at every site leaves a random LLaMA's function as it is; quantized, schemes that differ by a
// permutation inside a group agree.
#include "model/surgery.h"

#include <gtest/gtest.h>

#include <functional>

#include "core/error.h"
#include "model/tiny_llama.h"

namespace gyre {
namespace {

constexpr double kExact = 1e-9;

LlamaConfig (*const kConfigs[])() = {config_9_3, config_24_8};

// (scheme, random signs): every row of the table, signs where the scheme has them.
std::vector<RotationSpec> all_rotations() {
  std::vector<RotationSpec> specs;
  for (const auto& scheme : rotation_schemes()) {
    if (scheme.name == "none") continue;
    specs.push_back(rotation_spec(std::string(scheme.name)));
    if (scheme.uses_random_signs)
      specs.push_back(rotation_spec(std::string(scheme.name), AutoSize::kAuto, true));
  }
  return specs;
}

RotationPlan plan_at(const std::string& site, const RotationSpec& spec) {
  RotationPlan plan;
  for (const auto& [name, slot] : {std::pair("r1", &plan.r1), std::pair("r2", &plan.r2),
                                   std::pair("r3", &plan.r3), std::pair("r4", &plan.r4)})
    if (site == name || site == "all") *slot = spec;
  return plan;
}

Llama rotated(const Llama& model, const RotationPlan& plan) {
  auto copy = model.shallow_copy();
  if (plan.r1.scheme != "none") fold_norms(copy);
  const auto rotations = make_rotations(plan, copy.config, 0);
  fuse_rotations(copy, rotations);
  install_online(copy, rotations);
  return copy;
}

class Invariance : public testing::TestWithParam<std::tuple<int, const char*>> {};

TEST_P(Invariance, LogitsAreUnchanged) {
  const auto [config, site] = GetParam();
  const auto model = random_llama(kConfigs[config]());
  const auto tokens = random_tokens(model.config, 2, 24);
  const auto expected = model.forward(tokens);
  for (const auto& spec : all_rotations()) {
    SCOPED_TRACE(spec.scheme + (spec.random_signs ? " with signs" : ""));
    const auto turned = rotated(model, plan_at(site, spec));
    EXPECT_LT(largest_difference(turned.forward(tokens), expected), kExact);
    if (std::string(site) == "all" && spec.scheme != "identity") {
      EXPECT_GT(largest_difference(turned.blocks[0].mlp.down.weight, model.blocks[0].mlp.down.weight), 1e-3);
      EXPECT_GT(largest_difference(turned.blocks[0].attention.v.weight, model.blocks[0].attention.v.weight),
                1e-3);
    }
  }
}

INSTANTIATE_TEST_SUITE_P(Sites, Invariance,
                         testing::Combine(testing::Values(0, 1),
                                          testing::Values("r1", "r2", "r3", "r4", "all")),
                         [](const auto& tested) {
                           return std::string(std::get<0>(tested.param) == 0 ? "Heads9Kv3_" : "Heads24Kv8_") +
                                  std::get<1>(tested.param);
                         });

LlamaConfig config_with_heads(std::int64_t heads, std::int64_t key_value_heads) {
  LlamaConfig config = config_24_8();
  config.num_attention_heads = heads;
  config.num_key_value_heads = key_value_heads;
  return config;
}

TEST(AcrossHeads, LeaveLogitsAsTheyAre) {
  for (const auto& [heads, key_value_heads] : {std::pair(4, 4), std::pair(8, 2), std::pair(12, 4),
                                               std::pair(24, 8), std::pair(32, 8), std::pair(40, 40)}) {
    const auto model = random_llama(config_with_heads(heads, key_value_heads));
    const auto tokens = random_tokens(model.config, 1, 24);
    const auto expected = model.forward(tokens);
    for (const auto* scheme : {"hadamard", "random"}) {
      RotationPlan plan = plan_at("all", rotation_spec(scheme));
      plan.r2.scope = "all_heads";
      const auto turned = rotated(model, plan);
      EXPECT_LT(largest_difference(turned.forward(tokens), expected), kExact) << heads << " heads";
      ASSERT_NE(turned.blocks[0].attention.o.online_rotation, nullptr);
      const auto per_head = rotated(model, plan_at("all", rotation_spec(scheme)));
      EXPECT_EQ(per_head.blocks[0].attention.o.online_rotation, nullptr);
      EXPECT_GT(
          largest_difference(turned.blocks[1].attention.o.weight, per_head.blocks[1].attention.o.weight),
          1e-3);
    }
  }
}

// With a Hadamard R2, o_proj's weight is rotated by the Hadamard matrix of its whole width (QuaRot): every
// entry of the rotation has the same size.
TEST(AcrossHeads, RotateTheInputOfOAsAWhole) {
  auto model = random_llama(config_with_heads(12, 4));
  for (auto& block : model.blocks)
    block.attention.o.weight = torch::eye(96, torch::kFloat64).narrow(0, 0, 64).contiguous();
  RotationPlan plan = plan_at("r2", rotation_spec("hadamard"));
  plan.r2.scope = "all_heads";
  const auto w = rotated(model, plan).blocks[0].attention.o.weight;
  EXPECT_LT((w.abs() - 1 / std::sqrt(96.0)).abs().max().item<double>(), 1e-12);
}

TEST(FoldNorms, LeavesLogitsAndUntiesTheHead) {
  const auto model = random_llama(config_24_8());
  auto folded = model.shallow_copy();
  fold_norms(folded);
  EXPECT_FALSE(folded.blocks[0].input_norm.defined() || folded.final_norm.defined());
  EXPECT_FALSE(folded.config.tie_word_embeddings);
  EXPECT_TRUE(torch::equal(folded.embedding, model.embedding));
  EXPECT_FALSE(torch::equal(folded.head.weight, model.head.weight));
  const auto tokens = random_tokens(model.config, 1, 24);
  EXPECT_LT(largest_difference(folded.forward(tokens), model.forward(tokens)), kExact);
}

TEST(Surgery, NeverWritesIntoSharedTensors) {
  const auto model = random_llama(config_24_8());
  const auto tokens = random_tokens(model.config, 1, 24);
  const auto before = model.forward(tokens);
  auto copy = rotated(model, plan_at("all", rotation_spec("gsr")));
  QuantPlan plan;
  plan.weight.scheme = plan.activation.scheme = plan.key.scheme = plan.value.scheme = "rtn";
  quantize_weights(copy, plan.weight);
  attach_quantizers(copy, plan);
  EXPECT_GT(largest_difference(copy.forward(tokens), before), 1e-3);
  EXPECT_TRUE(torch::equal(model.forward(tokens), before));
}

TEST(Surgery, RoundsOnceToTheWeightsDtype) {
  const auto wide = random_llama(config_9_3(), torch::kFloat64);
  auto narrow = wide.shallow_copy();
  narrow.to(torch::kCPU, torch::kFloat32);
  auto exact = narrow.shallow_copy();
  exact.to(torch::kCPU, torch::kFloat64);
  for (auto* model : {&narrow, &exact}) {
    for (auto& block : model->blocks) block.input_norm.reset(), block.post_attention_norm.reset();
    model->final_norm.reset();
    RotationPlan plan = plan_at("r1", rotation_spec("hadamard"));
    plan.r2 = rotation_spec("hadamard");
    fuse_rotations(*model, make_rotations(plan, model->config, 0));
  }
  for (std::size_t i = 0; i < exact.blocks.size(); ++i) {
    const auto &a = exact.blocks[i], &b = narrow.blocks[i];
    EXPECT_TRUE(torch::equal(a.attention.v.weight.to(torch::kFloat32), b.attention.v.weight));
    EXPECT_TRUE(torch::equal(a.attention.o.weight.to(torch::kFloat32), b.attention.o.weight));
    EXPECT_TRUE(torch::equal(a.mlp.down.weight.to(torch::kFloat32), b.mlp.down.weight));
  }
}

TEST(MakeRotations, GivesEachSiteAndLayerItsOwnSeed) {
  RotationPlan plan = plan_at("all", rotation_spec("random"));
  const auto config = config_9_3();
  const auto a = make_rotations(plan, config, 0), b = make_rotations(plan, config, 0),
             other = make_rotations(plan, config, 1);
  EXPECT_TRUE(torch::equal(a.r1->matrix(), b.r1->matrix()));
  EXPECT_FALSE(torch::equal(a.r1->matrix(), other.r1->matrix()));
  EXPECT_FALSE(torch::equal(a.r2[0]->matrix(), a.r2[1]->matrix()));
  EXPECT_FALSE(torch::equal(a.r2[0]->matrix(), a.r3->matrix()));
}

// --- Quantized: what the schemes have in common
// -------------------------------------------------------------------

QuantSpec rtn(std::int64_t n_bits, std::int64_t group) {
  QuantSpec spec;
  spec.scheme = "rtn";
  spec.n_bits = n_bits;
  spec.group_size = AutoSize{group};
  return spec;
}

torch::Tensor quantized_logits(const Llama& model, const RotationSpec& r1, const QuantSpec& weight,
                               const QuantSpec& activation, const torch::Tensor& tokens) {
  RotationPlan rotation;
  rotation.r1 = r1;
  auto copy = rotated(model, rotation);
  QuantPlan plan;
  plan.weight = weight;
  plan.activation = activation;
  quantize_weights(copy, plan.weight);
  attach_quantizers(copy, plan);
  return copy.forward(tokens);
}

class Oracle : public testing::TestWithParam<int> {};

// A Walsh rotation is the Hadamard rotation with its channels permuted, and a row's range knows no order.
TEST_P(Oracle, SequencyEqualsHadamardPerChannel) {
  const auto model = random_llama(kConfigs[GetParam()]());
  const auto tokens = random_tokens(model.config, 1, 24);
  for (const std::int64_t bits : {2, 4}) {
    const auto h = quantized_logits(model, rotation_spec("hadamard"), rtn(bits, -1), rtn(8, -1), tokens);
    const auto w = quantized_logits(model, rotation_spec("sequency"), rtn(bits, -1), rtn(8, -1), tokens);
    EXPECT_LT(largest_difference(h, w), kExact);
    EXPECT_GT(largest_difference(h, model.forward(tokens)), 1e-3);
  }
}

TEST_P(Oracle, GsrEqualsLocalHadamardWhenBlocksAreGroups) {
  const auto model = random_llama(kConfigs[GetParam()]());
  const auto tokens = random_tokens(model.config, 1, 24);
  for (const std::int64_t size : {16, 8}) {
    const auto l =
        quantized_logits(model, rotation_spec("local_hadamard", size), rtn(3, size), rtn(4, size), tokens);
    const auto g = quantized_logits(model, rotation_spec("gsr", size), rtn(3, size), rtn(4, size), tokens);
    EXPECT_LT(largest_difference(l, g), kExact);
    const auto mixed =
        quantized_logits(model, rotation_spec("gsr", size), rtn(3, size / 2), rtn(4, size), tokens);
    EXPECT_GT(largest_difference(mixed, g), 1e-3);
  }
}

INSTANTIATE_TEST_SUITE_P(Heads, Oracle, testing::Values(0, 1));

TEST(QuantizeWeights, ReturnsTheRelativeErrorAndSparesTheHead) {
  const auto model = random_llama(config_9_3());
  auto copy = model.shallow_copy();
  int steps = 0;
  calibrate_weights(copy, rtn(3, 16), [&] { ++steps; });
  const double relative = quantize_weights(copy, [&] { ++steps; });
  EXPECT_EQ(steps, 2 * count_quantized_linears(copy));
  double error = 0, total = 0;
  auto original = model.shallow_copy();
  std::vector<torch::Tensor> weights;
  original.for_each_linear([&](LinearRef ref) { weights.push_back(ref.linear.weight); });
  std::size_t i = 0;
  copy.for_each_linear([&](LinearRef ref) {
    const auto& w = weights[i++];
    EXPECT_EQ(ref.linear.weight_quantizer, nullptr);
    if (ref.role == LinearRole::kHead) {
      EXPECT_TRUE(torch::equal(ref.linear.weight, w));
      return;
    }
    error += (ref.linear.weight - w).square().sum().item<double>();
    total += w.square().sum().item<double>();
  });
  EXPECT_NEAR(relative, error / total, 1e-12);
  EXPECT_GT(relative, 0.001);
}

// Quantizing every site with many bits changes little; the sites are in fact reached.
TEST(AttachQuantizers, ReachesEverySite) {
  const auto model = random_llama(config_9_3());
  const auto tokens = random_tokens(model.config, 1, 24);
  const auto expected = model.forward(tokens);
  for (const char* site : {"activation", "key", "key before RoPE", "value"}) {
    QuantPlan plan;
    const std::string name = site;
    auto& spec = name == "activation" ? plan.activation : name == "value" ? plan.value : plan.key;
    spec = rtn(8, -1);
    spec.before_rope = name == "key before RoPE";
    auto copy = model.shallow_copy();
    attach_quantizers(copy, plan);
    const double difference = largest_difference(copy.forward(tokens), expected);
    EXPECT_GT(difference, 1e-6) << site;
    EXPECT_LT(difference, 0.2) << site;
  }
}

// --- Sizes
// --------------------------------------------------------------------------------------------------------

std::string message_of(const std::function<void()>& act, ErrorCode code) {
  try {
    act();
  } catch (const Error& error) {
    EXPECT_EQ(error.code(), code) << error.what();
    return error.what();
  }
  ADD_FAILURE() << "nothing was thrown";
  return "";
}

TEST(CheckSizes, NamesTheSettingAndTheSize) {
  RunConfig run;
  check_sizes(run, config_9_3());
  run.rotation = plan_at("all", rotation_spec("hadamard"));
  run.quant.weight = run.quant.activation = run.quant.key = run.quant.value = rtn(4, 16);
  check_sizes(run, config_9_3());

  const auto changed = [&](const std::function<void(RunConfig&)>& change, ErrorCode code) {
    RunConfig bad = run;
    change(bad);
    return message_of([&] { check_sizes(bad, config_9_3()); }, code);
  };
  using testing::PrintToString;
  EXPECT_NE(changed([](auto& r) { r.rotation.r4 = rotation_spec("gsr", 64); }, ErrorCode::kConfig)
                .find("rotation.r4 along intermediate_size 160"),
            std::string::npos);
  EXPECT_NE(changed([](auto& r) { r.quant.key.group_size = AutoSize{32}; }, ErrorCode::kConfig)
                .find("quant.key along head_dim 16"),
            std::string::npos);
  EXPECT_NE(changed([](auto& r) { r.quant.weight.group_size = AutoSize{32}; }, ErrorCode::kConfig)
                .find("quant.weight along heads x head_dim 144"),
            std::string::npos);
  const auto nine = message_of(
      [&] {
        RunConfig bad = run;
        bad.rotation.r2.scope = "all_heads";
        check_sizes(bad, config_9_3());
      },
      ErrorCode::kUnsupported);
  EXPECT_NE(nine.find("rotation.r2.scope=all_heads across 9 heads"), std::string::npos) << nine;
  LlamaConfig odd = config_9_3();
  odd.hidden_size = 94;  // 2 * 47: no Hadamard matrix
  EXPECT_NE(message_of([&] { check_sizes(run, odd); }, ErrorCode::kUnsupported)
                .find("rotation.r1 along hidden_size 94"),
            std::string::npos);
}

}  // namespace
}  // namespace gyre
