// Training as a stage: what is refused before it, what a run records of it, and that it ends on codes.
#include "pipeline/train_stage.h"

#include <gmock/gmock.h>
#include <gtest/gtest.h>

#include <cmath>
#include <fstream>

#include "config/compose.h"
#include "core/error.h"
#include "core/files.h"
#include "core/progress.h"
#include "model/packed.h"
#include "pipeline/plan.h"
#include "pipeline/runner.h"
#include "store/store_testing.h"
#include "text/corpus.h"

namespace gyre {
namespace {

using store::testing::TemporaryFolder;
using testing::HasSubstr;

std::vector<std::string> words(const std::vector<std::string>& more) {
  std::vector<std::string> all = {"quant=w2a4kv4_ldp",    "train=qat",       "train.steps=6",
                                  "train.batch=2",        "train.window=64", "train.warmup=1",
                                  "train.lr=1e-3",        "eval.window=64",  "eval.max_windows=4",
                                  "train.beta_windows=2", "run.threads=1"};
  all.insert(all.end(), more.begin(), more.end());
  return all;
}

struct TrainStage : ::testing::Test {
  TrainStage() { set_verbosity(Verbosity::kQuiet); }
  FrozenRun frozen(const std::vector<std::string>& more = {}) {
    return freeze(config::compose(experiments_dir(), words(more)), inputs);
  }
  store::RunRow run(const FrozenRun& point, store::RunStore& store) {
    run_points({point}, inputs, store, {.sweep = "", .fail_fast = true});
    return store.run(point.point.digest);
  }
  std::string refusal(const std::vector<std::string>& more) {
    try {
      frozen(more);
    } catch (const Error& error) {
      return error.what();
    }
    return "accepted";
  }
  static double metric(const store::RunRow& row, const std::string& name) {
    for (const auto& m : row.metrics)
      if (m.name == name) return m.value;
    return NAN;
  }
  Inputs inputs;
  TemporaryFolder folder;
};

TEST_F(TrainStage, RecordsItsCurveAndEndsOnCodes) {
  store::RunStore store(folder / "gyre.sqlite");
  const auto point = frozen({"run.packed=" + (folder / "packed").string(), "train.checkpoint_every=2"});
  const auto row = run(point, store);
  EXPECT_EQ(row.status, "ok");
  EXPECT_EQ(row.label, "gsr W2A4KV4+ldp+qat");
  const auto curve = store.curve(row.run_id);
  ASSERT_EQ(curve.size(), 18u);
  EXPECT_EQ(curve[0].name, "train/grad_norm");
  EXPECT_EQ(curve[6].name, "train/loss");
  EXPECT_LT(curve[11].value, curve[6].value);
  EXPECT_EQ(metric(row, "train/tokens"), 6 * 2 * 64);
  EXPECT_GT(metric(row, "train/beta"), 0);
  EXPECT_NEAR(metric(row, "bits_per_weight"), 2.5, 0.51);
  // What was saved is what was judged.
  const auto packed = load_packed(folder / "packed" / (row.digest.substr(0, 32) + ".safetensors"));
  EvalSpec eval = point.config.eval;
  const auto& tokens = inputs.tokens("default", eval.dataset, eval.bos);
  EXPECT_EQ(perplexity(packed.model, tokens, eval, eval.dataset, {}).value, row.metrics[0].value);
  EXPECT_FALSE(
      std::filesystem::exists(folder / "cache/training" / (row.digest.substr(0, 32) + ".safetensors")));
}

TEST_F(TrainStage, ImprovesOnRoundingAlone) {
  store::RunStore store(folder / "gyre.sqlite");
  const auto trained = run(frozen({"train.steps=20", "train.batch=4", "rotation=hadamard"}), store);
  const auto rounded = run(frozen({"train=none", "rotation=hadamard"}), store);
  EXPECT_LT(trained.metrics[0].value, rounded.metrics[0].value);
}

// Each step multiplies the weights by 1 - 100.
TEST_F(TrainStage, ADivergedTrainingIsAResult) {
  store::RunStore store(folder / "gyre.sqlite");
  const auto row =
      run(frozen({"train.lr=10", "train.weight_decay=10", "train.steps=60", "train.batch=1"}), store);
  EXPECT_EQ(row.status, "diverged");
  EXPECT_EQ(row.metrics[0].name, "diverged_at_step");
  EXPECT_GT(row.metrics[0].value, 1);
  EXPECT_LT(row.metrics[0].value, 60);
}

TEST_F(TrainStage, RefusesTextThatIsEvaluated) {
  const auto leaking = folder / "leaking.txt";
  store::testing::write_bytes(
      leaking, load_corpus("wikitext2-valid").text + load_corpus("wikitext2").text.substr(50000, 2000));
  EXPECT_THAT(refusal({"train.path=" + leaking.string()}), HasSubstr("holds text of eval.dataset"));
  EXPECT_THAT(refusal({"train.path=wikitext2"}), HasSubstr("train.path and eval.dataset are both"));
  EXPECT_THAT(refusal({"train.window=513"}), HasSubstr("the model has 512 positions"));
  EXPECT_THAT(refusal({"quant=none"}), HasSubstr("nothing is quantized"));
  EXPECT_THAT(refusal({"quant.weight.solver=gptq"}), HasSubstr("rounded to nearest"));
  EXPECT_THAT(refusal({"train.generate.samples=4", "train.generate.prompt=64"}),
              HasSubstr("something to write"));
  EXPECT_THAT(refusal({"data=wikitext2", "eval.window=64"}), HasSubstr("train.path is unset"));
  store::testing::write_bytes(folder / "brief.txt", "Once upon a time.");
  EXPECT_THAT(refusal({"train.path=" + (folder / "brief.txt").string()}),
              HasSubstr("fewer than one window of 64"));
}

TEST_F(TrainStage, LearnedStepsOfActivationsNeedTraining) {
  for (const auto* site : {"activation", "key", "value"}) {
    const std::string scheme = std::string("quant.") + site + ".scheme=lsq";
    EXPECT_THAT(refusal({"train=none", scheme}), HasSubstr("train.scheme is 'none'")) << site;
  }
}

TEST_F(TrainStage, SettingsCountOnlyWhereTheyMatter) {
  const auto digest = [&](const std::vector<std::string>& more) { return frozen(more).point.digest; };
  EXPECT_EQ(digest({}), digest({"train.recompute=true", "train.checkpoint_every=7"}));
  EXPECT_NE(digest({}), digest({"train.lr=2e-3"}));
  EXPECT_EQ(digest({"train=none"}), digest({"train=none", "train.lr=2e-3"}));
  EXPECT_EQ(frozen({"train=none"}).point.canonical.find("train."), std::string::npos);
  const auto a = stage_keys(frozen({}).config, "i"),
             b = stage_keys(frozen({"train.recompute=true"}).config, "i");
  EXPECT_EQ(a, b);
}

TEST_F(TrainStage, TextWrittenByTheTeacherIsTrainedOn) {
  store::RunStore store(folder / "gyre.sqlite");
  const auto row =
      run(frozen({"train.generate.samples=4", "train.generate.prompt=8", "train.steps=2"}), store);
  EXPECT_EQ(row.status, "ok");
}

TEST_F(TrainStage, SaysWhatMemoryItTakes) {
  EXPECT_THAT(
      training_memory_text(frozen({}).config, inputs),
      testing::AllOf(HasSubstr("training takes about"), HasSubstr("AdamW's moments"), HasSubstr("teacher")));
  EXPECT_EQ(training_memory_text(frozen({"train=none"}).config, inputs), "");
}

}  // namespace
}  // namespace gyre
