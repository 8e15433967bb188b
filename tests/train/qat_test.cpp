// Quantization-aware training of random small LLaMAs: gradients of the whole student, what is trained, that
// losses fall, and that an interruption at any step moves no bit.
#include "train/qat.h"

#include <gmock/gmock.h>
#include <gtest/gtest.h>

#include <cmath>
#include <map>

#include "core/error.h"
#include "core/progress.h"
#include "core/seed.h"
#include "model/surgery.h"
#include "model/tiny_llama.h"
#include "store/store_testing.h"

namespace gyre {
namespace {

std::vector<std::int32_t> text_of(const LlamaConfig& config, std::size_t n) {
  Rng rng(derive_seed(0, "text"));
  std::vector<std::int32_t> tokens;
  std::int64_t t = 3;
  while (tokens.size() < n) {
    tokens.push_back(static_cast<std::int32_t>(t));
    t = rng.below(8) == 0
            ? static_cast<std::int64_t>(rng.below(static_cast<std::uint64_t>(config.vocab_size)))
            : (5 * t + 2) % config.vocab_size;
  }
  return tokens;
}

QuantPlan plan_of(const std::string& scheme) {
  QuantPlan plan;
  plan.weight.scheme = scheme;
  plan.weight.n_bits = 2;
  plan.weight.group_size = AutoSize{};
  plan.weight.clip = {Clip::Method::kMse, 1};
  if (scheme != "lsq") {
    plan.weight.symmetric = false;
    plan.weight.zero_point = scheme == "rtn" ? "integer" : "real";
  }
  plan.activation.scheme = plan.key.scheme = plan.value.scheme = "rtn";
  plan.activation.clip = {Clip::Method::kRatio, 0.9};
  return plan;
}

// Rotated by R1 to R4, with quantizers in their slots.
Llama prepared(const LlamaConfig& config, const QuantPlan& plan, torch::ScalarType dtype = torch::kFloat32) {
  Llama model = random_llama(config, dtype);
  fold_norms(model);
  RotationPlan rotations;
  rotations.r1 = rotations.r2 = rotations.r3 = rotations.r4 = rotation_spec("hadamard");
  const auto made = make_rotations(rotations, config, 1);
  fuse_rotations(model, made);
  install_online(model, made);
  calibrate_weights(model, plan.weight);
  attach_quantizers(model, plan);
  return model;
}

TrainSpec spec_of(const std::string& loss) {
  TrainSpec spec;
  spec.scheme = "qat";
  spec.loss = loss;
  spec.loop.steps = 10;
  spec.loop.batch = 2;
  spec.loop.window = 20;
  spec.loop.lr = 2e-3;
  spec.clip_lr = spec.partition_lr = 1e-2;
  spec.step_lr = 1e-3;
  spec.beta_windows = 3;
  return spec;
}

LoopOptions quiet(const std::filesystem::path& state = {}, std::int64_t every = 0) {
  set_verbosity(Verbosity::kQuiet);
  LoopOptions options;
  options.label = "test";
  options.checkpoint = state;
  options.checkpoint_every = every;
  options.fingerprint = "test = 1\n";
  return options;
}

std::map<std::string, torch::Tensor> weights_of(Llama& model) {
  std::map<std::string, torch::Tensor> out = {{"embedding", model.embedding}};
  model.for_each_linear([&](LinearRef ref) { out[ref.name()] = ref.linear.weight; });
  return out;
}

// Straight through rounding there is no derivative to compare with, so here nothing is rounded.
TEST(Student, HasTheGradientsOfFiniteDifferences) {
  for (const auto& config : {config_9_3(), config_24_8()}) {
    const QuantPlan full_precision;
    const TrainSpec spec;
    const Student student(prepared(config, full_precision, torch::kFloat64), spec);
    const auto windows = random_tokens(config, 2, 17);
    const auto loss = [&] {
      return vocabulary_loss({1, 0, 0}, student.head(student.hidden(windows)), targets_of(windows), {});
    };
    loss().backward();
    torch::manual_seed(9);
    for (auto& group : student.groups())
      for (auto& [name, parameter] : group.parameters) {
        const auto direction = torch::randn_like(parameter.detach());
        const double expected = (parameter.grad() * direction).sum().item<double>(), h = 1e-5;
        const torch::NoGradGuard no_grad;
        auto values = parameter.detach();
        const auto at = [&](double step) {
          values.add_(direction, step);
          const double value = loss().item<double>();
          values.sub_(direction, step);
          return value;
        };
        EXPECT_NEAR((at(h) - at(-h)) / (2 * h), expected, 1e-6 * std::max(1.0, std::abs(expected))) << name;
      }
  }
}

TEST(Student, TrainsEverythingUnderItsName) {
  const auto config = config_9_3();
  const Student student(prepared(config, plan_of("ldp")), spec_of("ce"));
  std::map<std::string, std::size_t> sizes;
  std::vector<std::string> names;
  for (const auto& group : student.groups()) {
    sizes[group.name] = group.parameters.size();
    for (const auto& [name, parameter] : group.parameters) names.push_back(name);
  }
  // 7 linears with biases in 3 layers, the embedding and lm_head; norms are folded. The norm gains are gone.
  EXPECT_EQ(sizes,
            (std::map<std::string, std::size_t>{{"weights", 2 + 3 * 14}, {"clips", 42}, {"partitions", 21}}));
  EXPECT_THAT(names, testing::IsSupersetOf({"embedding", "lm_head.weight", "layers.2.down_proj.weight",
                                            "layers.0.q_proj.bias", "layers.1.v_proj.weight.clip_low",
                                            "layers.1.v_proj.weight.partition"}));
  auto frozen = spec_of("ce");
  frozen.embeddings = false;
  for (const auto& group : Student(prepared(config, plan_of("ldp")), frozen).groups())
    for (const auto& [name, parameter] : group.parameters)
      EXPECT_FALSE(name == "embedding" || name == "lm_head.weight");
}

TEST(Student, KeepsATiedHeadTied) {
  const auto config = config_24_8();
  Llama model = random_llama(config, torch::kFloat32);
  const auto before = model.embedding.clone();
  auto result = train_quantized(model, nullptr, TokenWindows(text_of(config, 200), 20, 1, "text"),
                                spec_of("ce"), quiet());
  EXPECT_TRUE(result.model.head.weight.is_same(result.model.embedding));
  EXPECT_FALSE(torch::equal(result.model.embedding, before));
  EXPECT_TRUE(torch::equal(model.embedding, before));  // others may share it
}

TEST(Qat, EverySchemeLearnsAndEndsOnItsCodes) {
  const auto config = config_24_8();
  const Llama teacher = random_llama(config, torch::kFloat32);
  const TokenWindows windows(text_of(config, 200), 20, 1, "text");
  for (const std::string scheme : {"rtn", "lsq", "lwc", "ldp"}) {
    auto spec = spec_of("cakld");
    spec.loop.steps = 40;
    const auto model = prepared(config, plan_of(scheme));
    auto result = train_quantized(model, &teacher, windows, spec, quiet());
    ASSERT_EQ(result.loop.losses.size(), 40u);
    EXPECT_LT(result.loop.losses[39], 0.9 * result.loop.losses[0]) << scheme;
    EXPECT_GT(result.beta, 1.0 / static_cast<double>(config.vocab_size));
    EXPECT_LT(result.beta, 1);
    std::map<std::string, torch::Tensor> expected;
    result.model.for_each_linear([&](LinearRef ref) {
      if (ref.role != LinearRole::kHead)
        expected[ref.name()] = dequantize(ref.linear.weight_quantizer->quantize(ref.linear.weight));
    });
    const auto tokens = windows.at(0, 1);
    quantize_weights(result.model);
    for (const auto& [name, weight] : expected)
      EXPECT_TRUE(torch::equal(weights_of(result.model)[name], weight));
    EXPECT_TRUE(result.model.forward(tokens).isfinite().all().item<bool>());
  }
}

TEST(Qat, ContinuesBitForBitAfterAnyStep) {
  const auto config = config_24_8();
  const Llama teacher = random_llama(config, torch::kFloat32);
  const TokenWindows windows(text_of(config, 200), 20, 1, "text");
  auto spec = spec_of("cakld");
  spec.loop.schedule = "cosine";
  spec.loop.accumulation = 2;
  spec.teacher_top_k = 7;
  const auto model = prepared(config, plan_of("ldp"));
  auto whole = train_quantized(model, &teacher, windows, spec, quiet());
  const auto expected = weights_of(whole.model);
  store::testing::TemporaryFolder folder;
  Rng random(derive_seed(0, "stops"));
  for (int i = 0; i < 5; ++i) {
    const auto stop = static_cast<int>(1 + random.below(9));
    auto options = quiet(folder / std::to_string(i), 3);
    int calls = 0;
    options.on_step = [&] {
      if (calls++ == stop) fail(ErrorCode::kRun, "killed");  // what was not saved is lost
    };
    EXPECT_THROW(train_quantized(model, &teacher, windows, spec, options), Error);
    options.on_step = nullptr;
    auto again = train_quantized(model, &teacher, windows, spec, options);
    EXPECT_EQ(again.loop.resumed_at, stop / 3 * 3);
    EXPECT_EQ(again.loop.losses, whole.loop.losses);
    for (const auto& [name, weight] : weights_of(again.model))
      EXPECT_TRUE(torch::equal(weight, expected.at(name))) << "after " << stop << ": " << name;
  }
}

TEST(Qat, NearlyAllTokensKeptAreTheWholeTeacher) {
  const auto config = config_24_8();
  const Llama teacher = random_llama(config, torch::kFloat32);
  const TokenWindows windows(text_of(config, 200), 20, 1, "text");
  auto spec = spec_of("kl");
  spec.loop.steps = 2;
  const auto model = prepared(config, plan_of("lwc"));
  const auto whole = train_quantized(model, &teacher, windows, spec, quiet());
  spec.teacher_top_k = config.vocab_size - 1;
  const auto top = train_quantized(model, &teacher, windows, spec, quiet());
  EXPECT_NEAR(top.loop.losses[0], whole.loop.losses[0], 1e-4);
  spec.teacher_top_k = config.vocab_size;
  EXPECT_THROW(train_quantized(model, &teacher, windows, spec, quiet()), Error);
}

TEST(Qat, BfloatPassesTrainFloatWeights) {
  const auto config = config_24_8();
  const TokenWindows windows(text_of(config, 200), 20, 1, "text");
  auto spec = spec_of("ce");
  spec.dtype = "bfloat16";
  spec.loop.steps = 40;
  const auto result = train_quantized(prepared(config, plan_of("ldp")), nullptr, windows, spec, quiet());
  EXPECT_LT(result.loop.losses[39], result.loop.losses[0]);
  EXPECT_EQ(result.model.dtype(), torch::kFloat32);
}

TEST(Qat, RefusesAWindowWithoutPositions) {
  const auto config = config_24_8();
  auto spec = spec_of("ce");
  spec.loop.window = config.max_position_embeddings + 1;
  const TokenWindows windows(text_of(config, 200), spec.loop.window, 1, "text");
  EXPECT_THROW(train_quantized(random_llama(config, torch::kFloat32), nullptr, windows, spec, quiet()),
               Error);
}

}  // namespace
}  // namespace gyre
