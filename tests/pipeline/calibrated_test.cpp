// Points that read the calibration text: what their keys depend on, what they record, what is refused.
#include "pipeline/calibrated_stages.h"

#include <gmock/gmock.h>
#include <gtest/gtest.h>

#include <cmath>

#include "config/compose.h"
#include "core/error.h"
#include "core/files.h"
#include "core/progress.h"
#include "pipeline/plan.h"
#include "pipeline/runner.h"
#include "store/store_testing.h"
#include "text/corpus.h"

namespace gyre {
namespace {

FrozenRun frozen(Inputs& inputs, const std::vector<std::string>& settings,
                 const char* quant = "quant=w3a16_g64") {
  std::vector<std::string> overrides = {quant,
                                        "quant.weight.group_size=auto",
                                        "eval.window=64",
                                        "eval.max_windows=2",
                                        "calibration.window=64",
                                        "calibration.samples=8",
                                        "run.threads=1"};
  // Later ones win.
  overrides.insert(overrides.end(), settings.begin(), settings.end());
  return freeze(config::compose(experiments_dir(), overrides), inputs);
}

double metric(const store::RunRow& row, const std::string& prefix) {
  for (const auto& m : row.metrics)
    if (m.name.starts_with(prefix)) return m.value;
  ADD_FAILURE() << "no metric " << prefix;
  return NAN;
}

std::string first_changed(const RunConfig& a, const RunConfig& b) {
  const auto x = stage_keys(a, "inputs"), y = stage_keys(b, "inputs");
  for (std::size_t i = 0; i < x.size(); ++i)
    if (x[i] != y[i]) return std::string(stages()[i].name);
  return "none";
}

TEST(StageKeys, DependOnTheCalibrationTextForGptqAlone) {
  RunConfig nearest;
  nearest.quant.weight.scheme = "rtn";
  RunConfig gptq = nearest;
  gptq.quant.weight.solver = "gptq";
  EXPECT_EQ(first_changed(nearest, gptq), "quantize");
  const auto reads = [](const RunConfig& base, auto change) {
    RunConfig other = base;
    change(other);
    return first_changed(base, other);
  };
  const auto samples = [](RunConfig& c) { c.calibration.samples = 3; };
  const auto replica = [](RunConfig& c) { c.replica = 1; };
  const auto damping = [](RunConfig& c) { c.quant.gptq.damping = 0.1; };
  const auto bits = [](RunConfig& c) { c.quant.activation.n_bits = 7; };
  const auto seed = [](RunConfig& c) { c.seed = 7; };
  EXPECT_EQ(reads(nearest, samples), "none");
  EXPECT_EQ(reads(nearest, replica), "evaluate");
  EXPECT_EQ(reads(nearest, damping), "none");
  EXPECT_EQ(reads(gptq, samples), "quantize");
  EXPECT_EQ(reads(gptq, replica), "quantize");
  EXPECT_EQ(reads(gptq, damping), "quantize");
  EXPECT_EQ(reads(gptq, bits), "none");
  EXPECT_EQ(reads(gptq, seed), "none");
  gptq.quant.gptq.quantize_activations = true;
  gptq.calibration.order = "random";
  EXPECT_EQ(reads(gptq, bits), "quantize");
  EXPECT_EQ(reads(gptq, seed), "quantize");
  RunConfig smooth = nearest;
  smooth.smoothing.scheme = "smoothquant";
  EXPECT_EQ(first_changed(nearest, smooth), "smooth");
  EXPECT_EQ(reads(smooth, samples), "smooth");
  EXPECT_EQ(reads(smooth, [](RunConfig& c) { c.smoothing.alpha = 0.9; }), "smooth");
}

TEST(Gptq, RunsRecordsAndRepeats) {
  set_verbosity(Verbosity::kQuiet);
  const store::testing::TemporaryFolder folder;
  Inputs inputs;
  const auto run = [&](const char* database, std::vector<std::string> overrides) {
    store::RunStore store(folder / database);
    const auto point = frozen(inputs, std::move(overrides));
    EXPECT_EQ(run_points({point}, inputs, store, {}).ok, 1);
    return store.run(point.point.digest);
  };
  const auto gptq = run("a.sqlite", {"rotation=gsr", "quant.weight.solver=gptq"});
  EXPECT_THAT(gptq.label, testing::EndsWith("gptq"));
  EXPECT_GT(metric(gptq, "output_error/"), 0);
  EXPECT_LT(metric(gptq, "output_error/"), metric(gptq, "output_error_of_nearest/"));
  EXPECT_GE(metric(gptq, "kept_nearest/"), 0);
  EXPECT_EQ(metric(gptq, "calibration_places/"), 8 * 64);
  EXPECT_THAT(gptq.params, testing::Contains(testing::Field(&Param::key, "model.digest")));
  const auto nearest = run("a.sqlite", {"rotation=gsr"});
  EXPECT_GT(metric(gptq, "weight_error"), metric(nearest, "weight_error"));

  const auto again = run("b.sqlite", {"rotation=gsr", "quant.weight.solver=gptq"});
  for (const char* name : {"ppl/", "output_error/", "weight_error"})
    EXPECT_EQ(metric(gptq, name), metric(again, name));
  const auto replica = run("a.sqlite", {"rotation=gsr", "quant.weight.solver=gptq", "replica=1"});
  EXPECT_NE(metric(gptq, "ppl/"), metric(replica, "ppl/"));
  const auto narrow = run("a.sqlite", {"rotation=gsr", "quant.weight.solver=gptq", "model.dtype=bfloat16"});
  EXPECT_NE(metric(gptq, "output_error/"), metric(narrow, "output_error/"));
  EXPECT_NEAR(metric(gptq, "output_error/"), metric(narrow, "output_error/"),
              0.05 * metric(gptq, "output_error/"));
}

// 320 tokens in five windows, more than the 256 channels of most linears, but of fewer places.
TEST(Gptq, OverlappingWindowsOfAShortTextRaiseTheDamping) {
  set_verbosity(Verbosity::kQuiet);
  const store::testing::TemporaryFolder folder;
  std::string text;
  for (int i = 0; i < 80; ++i) text += "the " + std::to_string(i) + " rivers ";
  store::testing::write_bytes(folder / "short.txt", text);
  Inputs inputs;
  store::RunStore store(folder / "gyre.sqlite");
  const auto point =
      frozen(inputs, {"quant.weight.solver=gptq", "calibration.order=random", "calibration.samples=5",
                      "calibration.path=" + (folder / "short.txt").string()});
  EXPECT_EQ(run_points({point}, inputs, store, {}).ok, 1);
  const auto row = store.run(point.point.digest);
  EXPECT_LT(metric(row, "calibration_places/"), 256);
  EXPECT_EQ(metric(row, "raised_damping/"), 28);  // all linears
}

TEST(Smoothing, PassesTheGateAndComposesWithRotationsAndGptq) {
  set_verbosity(Verbosity::kQuiet);
  const store::testing::TemporaryFolder folder;
  Inputs inputs;
  store::RunStore store(folder / "gyre.sqlite");
  std::vector<FrozenRun> runs;
  for (const char* rotation : {"rotation=none", "rotation=hadamard"})
    for (const char* scheme : {"smoothing.scheme=smoothquant", "smoothing.scheme=smoothquant_all"})
      runs.push_back(frozen(inputs, {rotation, scheme, "quant.weight.solver=gptq"}, "quant=w4a8kv8"));
  EXPECT_EQ(run_points(runs, inputs, store, {.sweep = "smooth"}).ok, 4);
  for (const auto& row : store.runs("smooth")) EXPECT_LT(metric(row, "output_error/"), 0.1) << row.label;
}

std::string refusal(Inputs& inputs, std::vector<std::string> overrides, ErrorCode code) {
  try {
    frozen(inputs, std::move(overrides));
  } catch (const Error& error) {
    EXPECT_EQ(error.code(), code) << error.what();
    return error.what();
  }
  ADD_FAILURE() << "accepted";
  return "";
}

TEST(Freeze, RefusesWeightsInHostMemoryWhereTheDeviceTrainsThem) {
  Inputs inputs;
  frozen(inputs, {"run.host_weights=true"});
  for (const std::vector<std::string>& settings :
       {std::vector<std::string>{"train=qat", "run.host_weights=true"},
        {"rotation=learned", "run.host_weights=true"}})
    try {
      frozen(inputs, settings);
      ADD_FAILURE() << settings[0];
    } catch (const Error& error) {
      EXPECT_EQ(error.code(), ErrorCode::kConfig);
      EXPECT_THAT(error.what(), testing::HasSubstr("host_weights"));
    }
}

TEST(Freeze, RefusesACalibrationTextThatIsTooShortWhereItIsRead) {
  Inputs inputs;
  frozen(inputs, {"calibration.samples=1000000"});  // nearest reads none of it
  for (const char* reader : {"quant.weight.solver=gptq", "smoothing.scheme=smoothquant"}) {
    EXPECT_THAT(refusal(inputs, {reader, "calibration.samples=1000000"}, ErrorCode::kInput),
                testing::HasSubstr("1000000 windows"));
    EXPECT_THAT(refusal(inputs, {reader, "calibration.window=100000"}, ErrorCode::kConfig),
                testing::HasSubstr("positions"));
  }
}

// Under other names and with other words around it; WikiText-2's splits go together.
TEST(Freeze, RefusesACalibrationTextThatHoldsEvaluatedText) {
  const store::testing::TemporaryFolder folder;
  const auto evaluated = load_corpus("wikitext2").text, other = load_corpus("wikitext2-valid").text;
  store::testing::write_bytes(folder / "more.txt", "And " + evaluated);
  store::testing::write_bytes(folder / "both.txt", other + evaluated);
  Inputs inputs;
  const auto path = [&](const char* file) { return "calibration.path=" + (folder / file).string(); };
  frozen(inputs, {path("more.txt")});  // nearest reads none of it
  for (const char* reader : {"quant.weight.solver=gptq", "smoothing.scheme=smoothquant"}) {
    EXPECT_THAT(refusal(inputs, {reader, path("more.txt")}, ErrorCode::kConfig),
                testing::HasSubstr("more.txt' holds text of eval.dataset 'wikitext2'"));
    frozen(inputs, {reader, path("both.txt")});  // its first windows are of the other text
    EXPECT_THAT(refusal(inputs, {reader, path("both.txt"), "calibration.order=random"}, ErrorCode::kConfig),
                testing::HasSubstr("calibrating on the evaluated text is refused"));
  }
}

TEST(Freeze, NamesARotationAcrossHeads) {
  Inputs inputs;
  const auto label = [&](const char* rotation, const char* scope) {
    return frozen(inputs, {rotation, std::string("rotation.r2.scope=") + scope}).point.label;
  };
  EXPECT_EQ(label("rotation=hadamard", "head"), "hadamard W3A16");
  EXPECT_EQ(label("rotation=hadamard", "all_heads"), "hadamard, R2 across heads W3A16");
  EXPECT_EQ(label("rotation=none", "all_heads"), "none W3A16");  // there is no R2
}

TEST(Rules, KeepScopeToR2) {
  Inputs inputs;
  EXPECT_THAT(refusal(inputs, {"rotation.r4.scope=all_heads"}, ErrorCode::kConfig),
              testing::HasSubstr("rotation.r2"));
}

}  // namespace
}  // namespace gyre
