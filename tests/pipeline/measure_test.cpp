// Points that measure: what they record, what they share, what they leave alone.
#include "pipeline/measure_stages.h"

#include <gmock/gmock.h>
#include <gtest/gtest.h>

#include <cmath>
#include <set>

#include "config/compose.h"
#include "core/error.h"
#include "core/files.h"
#include "core/progress.h"
#include "pipeline/plan.h"
#include "pipeline/runner.h"
#include "store/store_testing.h"

namespace gyre {
namespace {

using ::testing::HasSubstr;
using ::testing::IsSupersetOf;

FrozenRun frozen(Inputs& inputs, const std::vector<std::string>& settings, bool measured = true) {
  std::vector<std::string> overrides = {"eval.window=64",        "eval.max_windows=1",    "run.threads=1",
                                        "calibration.window=64", "calibration.samples=8", "measure.window=64",
                                        "measure.samples=2"};
  if (measured) overrides.push_back("measure.scheme=statistics");
  overrides.insert(overrides.end(), settings.begin(), settings.end());
  return freeze(config::compose(experiments_dir(), overrides), inputs);
}

double metric(const store::RunRow& row, const std::string& name) {
  for (const auto& m : row.metrics)
    if (m.name == name) return m.value;
  ADD_FAILURE() << row.label << " has no metric " << name;
  return NAN;
}

const store::StageRow* stage(const store::RunRow& row, const std::string& name) {
  for (const auto& s : row.stages)
    if (s.name == name) return &s;
  return nullptr;
}

std::set<std::string> names_of(const std::vector<store::TensorStatRow>& rows, const std::string& site,
                               const std::string& phase) {
  std::set<std::string> names;
  for (const auto& row : rows)
    if (row.site == site && row.phase == phase && !row.name.starts_with("histogram/")) names.insert(row.name);
  return names;
}

double mean_of(const std::vector<store::TensorStatRow>& rows, const std::string& site,
               const std::string& phase, const std::string& name) {
  double sum = 0, n = 0;
  for (const auto& row : rows)
    if (row.site == site && row.phase == phase && row.name == name) sum += row.value, n += 1;
  return sum / n;
}

TEST(Measure, RecordsEveryPhaseAndSharesWhatPointsShare) {
  set_verbosity(Verbosity::kQuiet);
  const store::testing::TemporaryFolder folder;
  Inputs inputs;
  store::RunStore store(folder / "gyre.sqlite");
  std::vector<FrozenRun> runs;
  for (const char* rotation : {"rotation=none", "rotation=hadamard"})
    for (const char* quant : {"quant=w4a16", "quant=w4a4kv4"})
      runs.push_back(frozen(inputs, {rotation, quant}));
  ASSERT_EQ(run_points(runs, inputs, store, {.sweep = "measured"}).ok, 4);

  const auto rows = store.runs("measured");
  int made = 0, rotated = 0;
  for (const auto& row : rows) {
    made += !stage(row, "measure_original")->reused;
    rotated += !stage(row, "measure_rotated")->reused;
    EXPECT_FALSE(stage(row, "measure")->reused);
    EXPECT_GE(metric(row, "kl/wikitext2@2x64"), 0);
    EXPECT_GT(metric(row, "output_error/wikitext2@2x64"), 0);
    EXPECT_GE(metric(row, "layer_error/wikitext2@2x64"), 0.5 * metric(row, "output_error/wikitext2@2x64"));
    EXPECT_EQ(store.samples(row.run_id, "kl/wikitext2@2x64").size(), 2u);
  }
  EXPECT_EQ(made, 1);
  EXPECT_EQ(rotated, 2);

  const auto stats = store.tensor_stats(rows[3].run_id);
  for (const char* phase : {"original", "rotated"})
    for (const char* site : {"weight", "activation", "key", "value"})
      EXPECT_THAT(names_of(stats, site, phase),
                  IsSupersetOf({"mean", "variance", "skewness", "excess_kurtosis", "max_over_rms",
                                "minmax_usage", "ks_uniform", "w1_uniform", "ks_gaussian", "w1_gaussian",
                                "group_nonuniformity", "optimal_clip_2bit"}))
          << phase << site;
  for (const char* site : {"weight", "activation", "key", "value"})
    EXPECT_THAT(names_of(stats, site, "quantized"),
                IsSupersetOf({"excess_kurtosis", "sqnr_db", "code_entropy", "unused_levels"}))
        << site;
  EXPECT_THAT(names_of(stats, "weight", "quantized"), IsSupersetOf({"output_error", "layer_error"}));
  EXPECT_FALSE(names_of(stats, "activation_token0", "rotated").empty());
  // A Hadamard rotation makes a trained model's weights more Gaussian.
  EXPECT_LT(mean_of(stats, "weight", "rotated", "w1_gaussian"),
            mean_of(stats, "weight", "original", "w1_gaussian"));
  // What is not rotated stays what it was.
  const auto plain = store.tensor_stats(rows[0].run_id);
  EXPECT_EQ(mean_of(plain, "weight", "rotated", "excess_kurtosis"),
            mean_of(plain, "weight", "original", "excess_kurtosis"));
  EXPECT_EQ(mean_of(plain, "weight", "original", "excess_kurtosis"),
            mean_of(stats, "weight", "original", "excess_kurtosis"));
}

TEST(Measure, MovesNoBitOfTheResultAndNothingWhereItIsOff) {
  set_verbosity(Verbosity::kQuiet);
  const store::testing::TemporaryFolder folder;
  Inputs inputs;
  store::RunStore store(folder / "gyre.sqlite");
  const auto on = frozen(inputs, {"quant=w3a16", "quant.weight.solver=gptq"}, true);
  const auto off = frozen(inputs, {"quant=w3a16", "quant.weight.solver=gptq"}, false);
  ASSERT_EQ(run_points({on, off}, inputs, store, {}).ok, 2);
  const auto a = store.run(on.point.digest), b = store.run(off.point.digest);
  EXPECT_EQ(a.metrics[0].name, b.metrics[0].name);
  EXPECT_EQ(a.metrics[0].value, b.metrics[0].value);
  EXPECT_TRUE(store.tensor_stats(b.run_id).empty());
  EXPECT_EQ(stage(b, "measure"), nullptr);
  // GPTQ's own measure on its calibration text stays beside that on the evaluated text.
  EXPECT_GT(metric(a, "output_error/wikitext2@2x64"), 0);
  EXPECT_THAT(names_of(store.tensor_stats(a.run_id), "weight", "quantized"), IsSupersetOf({"code_entropy"}));
  EXPECT_THAT(canonical_text(on.config), HasSubstr("measure.samples = 2"));
  EXPECT_EQ(canonical_text(off.config).find("measure."), std::string::npos);
}

TEST(Measure, EntersKeysOnlyWhereItIsOn) {
  RunConfig off;
  auto other = off;
  other.measure.samples = 9;
  EXPECT_EQ(stage_keys(off, "inputs"), stage_keys(other, "inputs"));
  auto on = off;
  on.measure.scheme = "statistics";
  other = on;
  other.measure.samples = 9;
  EXPECT_EQ(stage_keys(on, "inputs")[0], stage_keys(off, "inputs")[0]);
  EXPECT_NE(stage_keys(on, "inputs")[1], stage_keys(other, "inputs")[1]);
  EXPECT_NE(stage_keys(on, "inputs").back(), stage_keys(off, "inputs").back());
}

TEST(Measure, IsRefusedBeforeAnythingRunsWhereItDoesNotFit) {
  Inputs inputs;
  const auto refusal = [&](const std::string& setting, ErrorCode code) {
    try {
      frozen(inputs, {setting});
    } catch (const Error& error) {
      EXPECT_EQ(error.code(), code) << error.what();
      return std::string(error.what());
    }
    ADD_FAILURE() << setting << " was accepted";
    return std::string();
  };
  EXPECT_THAT(refusal("measure.window=100000", ErrorCode::kConfig), HasSubstr("positions"));
  EXPECT_THAT(refusal("measure.samples=1000000", ErrorCode::kInput), HasSubstr("measure.samples"));
  EXPECT_THAT(refusal("measure.group_size=7", ErrorCode::kConfig), HasSubstr("measure.group_size"));
  EXPECT_NO_THROW(frozen(inputs, {"measure.window=100000"}, /*measured=*/false));
}

// A sweep that takes over another's runs shows their statistics.
TEST(Measure, StaysWithRunsThatAreTakenOver) {
  set_verbosity(Verbosity::kQuiet);
  const store::testing::TemporaryFolder folder;
  Inputs inputs;
  store::RunStore store(folder / "gyre.sqlite");
  const auto run = frozen(inputs, {"quant=w4a16"});
  ASSERT_EQ(run_points({run}, inputs, store, {.sweep = "first"}).ok, 1);
  store.plan_sweep("second", {run.point});
  store.adopt("second", run.point, store.runs("first")[0].run_id);
  EXPECT_FALSE(store.tensor_stats(store.runs("second")[0].run_id).empty());
}

}  // namespace
}  // namespace gyre
