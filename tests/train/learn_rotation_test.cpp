// Learning on tiny networks: the loss falls, states survive interruption, what does not fit is refused.
#include "train/learn_rotation.h"

#include <gmock/gmock.h>
#include <gtest/gtest.h>

#include "core/error.h"
#include "core/files.h"
#include "core/seed.h"
#include "model/tiny_llama.h"
#include "rotation/learned.h"
#include "store/store_testing.h"
#include "train/cayley.h"

namespace gyre {
namespace {

using store::testing::TemporaryFolder;

struct Setting {
  Llama folded;
  TokenWindows windows;
  LearnTask task;

  explicit Setting(const LlamaConfig& config = config_9_3())
      : folded(folded_llama(config)), windows(text(config), 12, 5, "text") {
    task.folded = &folded;
    task.rotations.r1 = learned_spec("hadamard");
    task.rotations.r2 = learned_spec("random");
    task.rotations.r3 = task.rotations.r4 = rotation_spec("hadamard");
    for (auto* site : {&task.quant.weight, &task.quant.activation, &task.quant.key, &task.quant.value}) {
      site->scheme = "rtn";
      site->n_bits = 3;
    }
    task.spec.loop.steps = 9;
    task.spec.loop.accumulation = 2;
    task.spec.save_every = 2;
    task.seed = 5;
    task.windows = &windows;
  }
  static RotationSpec learned_spec(const std::string& init) {
    auto spec = rotation_spec("learned");
    spec.init = init;
    return spec;
  }
  static Llama folded_llama(const LlamaConfig& config) {
    auto model = random_llama(config, torch::kFloat32);
    fold_norms(model);
    return model;
  }
  static std::vector<std::int32_t> text(const LlamaConfig& config) {
    Rng rng(3);
    std::vector<std::int32_t> tokens;
    for (int i = 0; i < 500; ++i)
      tokens.push_back(static_cast<std::int32_t>(rng.below(static_cast<std::uint64_t>(config.vocab_size))));
    return tokens;
  }
};

LearnOptions options_for(const std::filesystem::path& state, const std::string& fingerprint = "seed = 5\n") {
  LearnOptions options;
  options.state = state;
  options.fingerprint = fingerprint;
  options.label = "test";
  return options;
}

void expect_same(const LearnResult& a, const LearnResult& b) {
  EXPECT_TRUE(torch::equal(a.factors.r1, b.factors.r1));
  EXPECT_TRUE(torch::equal(a.factors.r2, b.factors.r2));
  EXPECT_EQ(a.losses, b.losses);
  EXPECT_EQ(a.loss_after, b.loss_after);
}

class Learning : public testing::TestWithParam<const char*> {};

TEST_P(Learning, ResumedAnywhereItEndsInTheSameBits) {
  const TemporaryFolder folder;
  Setting setting;
  setting.task.spec.optimizer = GetParam();
  const auto whole = learn_rotations(setting.task, options_for({}));
  ASSERT_FALSE(whole.diverged);
  EXPECT_EQ(whole.steps, 9);
  // Interrupted at a layer of the sixth step (state saved on the way out), and again by a crash that saves
  // nothing beyond the state of step 8.
  auto options = options_for(folder / "state.safetensors");
  int layers = 0, stop_at = 35, code = 0;
  options.on_piece = [&] {
    if (++layers == stop_at) throw Error(code == 0 ? ErrorCode::kInterrupted : ErrorCode::kRun, "stopped");
  };
  EXPECT_THROW(learn_rotations(setting.task, options), Error);
  EXPECT_TRUE(std::filesystem::exists(options.state));
  layers = 0, stop_at = 20, code = 1;
  EXPECT_THROW(learn_rotations(setting.task, options), Error);
  layers = -1000000;
  std::vector<TrainPoint> points;
  options.on_points = [&](const auto& more) { points.insert(points.end(), more.begin(), more.end()); };
  const auto resumed = learn_rotations(setting.task, options);
  EXPECT_EQ(resumed.resumed_at, 8);
  expect_same(resumed, whole);
  // The whole curve is there.
  std::vector<double> losses;
  for (const auto& point : points)
    if (point.name == "loss") losses.push_back(point.value);
  EXPECT_EQ(losses, whole.losses);
}

TEST_P(Learning, StaysOrthogonalForHundredStepsAndIsCorrected) {
  Setting setting(config_24_8());
  setting.task.spec.optimizer = GetParam();
  setting.task.spec.loop.steps = 100;
  setting.task.spec.loop.accumulation = 1;
  if (setting.task.spec.optimizer == "adam") setting.task.spec.loop.lr = 0.02;
  const auto result = learn_rotations(setting.task, options_for({}));
  EXPECT_LT(result.orthogonality_error, 1e-4);
  EXPECT_GT(result.orthogonality_error, 0);
  EXPECT_LT(orthogonality_error(result.factors.r1), 1e-10);
  EXPECT_LT(orthogonality_error(result.factors.r2.flatten(0, 1)), 1e-10);
  EXPECT_EQ(result.factors.r1.scalar_type(), torch::kFloat64);
}

INSTANTIATE_TEST_SUITE_P(Optimizers, Learning, testing::Values("sgd", "adam"),
                         [](const auto& tested) { return std::string(tested.param); });

TEST(LearnRotations, IsAFunctionOfTheSeed) {
  Setting setting;
  setting.task.spec.loop.steps = 2;
  const auto a = learn_rotations(setting.task, options_for({}));
  expect_same(a, learn_rotations(setting.task, options_for({})));
  setting.task.seed = 6;
  EXPECT_FALSE(torch::equal(a.factors.r2, learn_rotations(setting.task, options_for({})).factors.r2));
}

TEST(LearnRotations, LowersTheDataFreeObjectiveFromEveryInit) {
  for (const char* init : {"identity", "random", "hadamard", "gsr"})
    for (const bool keep : {false, true}) {
      Setting setting;
      setting.task.rotations.r1 = Setting::learned_spec(init);
      setting.task.rotations.r1.keep_init = keep;
      setting.task.spec.objective = "l4";
      setting.task.spec.loop.steps = 20;
      setting.task.windows = nullptr;
      const auto result = learn_rotations(setting.task, options_for({}));
      EXPECT_LT(result.losses.back(), result.losses.front()) << init << keep;
      EXPECT_LT(result.loss_after, result.losses.back()) << init << keep;
    }
}

// What was learned, fused like any rotation, computes the original's function; and the quantized fused model
// has the loss that the next step of learning sees.
TEST(LearnRotations, FusedTheyGiveTheLossThatWasLearned) {
  for (const bool keep : {false, true})
    for (const std::int64_t block : {AutoSize::kAuto, std::int64_t{16}}) {
      SCOPED_TRACE(std::to_string(block) + (keep ? " kept" : ""));
      Setting setting;
      setting.folded.to(torch::kCPU, torch::kFloat64);
      setting.task.rotations.r1.keep_init = keep;
      setting.task.rotations.r1.block_size = AutoSize{block};
      setting.task.spec.dtype = "float64";
      setting.task.spec.loop.schedule = "constant";
      setting.task.spec.loop.steps = 3;
      const auto learned = learn_rotations(setting.task, options_for({}));
      auto rotations = make_rotations(setting.task.rotations, setting.folded.config, setting.task.seed);
      apply_factors(rotations, learned.factors);
      auto model = setting.folded.shallow_copy();
      fuse_rotations(model, rotations);
      install_online(model, {nullptr, {}, nullptr, rotations.r3, rotations.r4});
      const auto tokens = setting.windows.at(0, 1);
      EXPECT_LT(largest_difference(model.forward(tokens), setting.folded.forward(tokens)), 1e-9);

      setting.task.spec.loop.steps = 4;
      const auto further = learn_rotations(setting.task, options_for({}));
      quantize_weights(model, setting.task.quant.weight);
      attach_quantizers(model, setting.task.quant);
      double loss = 0;
      for (const std::int64_t position : {6, 7}) {
        const auto window = setting.windows.at(position, 1);
        const auto logits = model.forward(window).narrow(1, 0, 11).flatten(0, 1);
        loss +=
            0.5 *
            torch::nn::functional::cross_entropy(logits, window.narrow(1, 1, 11).flatten()).item<double>();
      }
      EXPECT_NEAR(further.losses[3], loss, 1e-6);
    }
}

TEST(LearnRotations, ADivergingRateIsReportedWithItsStep) {
  Setting setting;
  setting.task.spec.step_bound = false;
  setting.task.spec.loop.lr = 1e4;
  setting.task.spec.loop.grad_clip = 0;
  const auto result = learn_rotations(setting.task, options_for({}));
  EXPECT_TRUE(result.diverged);
  EXPECT_LT(result.steps, 9);
  EXPECT_THAT(result.reason, testing::HasSubstr("from orthogonal"));
  EXPECT_FALSE(result.factors.r1.defined());
}

TEST(LearnRotations, RefusesTheStateOfAnotherConfigurationAndLeavesIt) {
  const TemporaryFolder folder;
  Setting setting;
  setting.task.spec.loop.steps = 2;
  learn_rotations(setting.task, options_for(folder / "s.safetensors", "model = a\nlr = 1.5\n"));
  const auto before = read_file(folder / "s.safetensors");
  try {
    learn_rotations(setting.task, options_for(folder / "s.safetensors", "model = b\nlr = 1.5\n"));
    FAIL() << "accepted";
  } catch (const Error& error) {
    EXPECT_EQ(error.code(), ErrorCode::kInput);
    EXPECT_THAT(error.what(),
                testing::AllOf(testing::HasSubstr("model = a"), testing::HasSubstr("model = b")));
  }
  EXPECT_EQ(read_file(folder / "s.safetensors"), before);
}

TEST(LearnRotations, RefusesATextObjectiveWithoutText) {
  Setting setting;
  setting.task.windows = nullptr;
  try {
    learn_rotations(setting.task, options_for({}));
    FAIL() << "accepted";
  } catch (const Error& error) {
    EXPECT_EQ(error.code(), ErrorCode::kConfig);
    EXPECT_THAT(error.what(), testing::HasSubstr("'ce', which reads text"));
  }
}

}  // namespace
}  // namespace gyre
