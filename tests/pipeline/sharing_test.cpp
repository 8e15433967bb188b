// A sweep that shares stages gives the bits of runs that share nothing.
#include <gtest/gtest.h>

#include "config/compose.h"
#include "core/files.h"
#include "core/progress.h"
#include "pipeline/runner.h"
#include "store/store_testing.h"

namespace gyre {
namespace {

std::vector<FrozenRun> grid(Inputs& inputs) {
  std::vector<FrozenRun> runs;
  for (const char* quant : {"quant=w4a16", "quant=w4a4kv4"})
    for (const char* rotation : {"rotation=none", "rotation=identity", "rotation=gsr"})
      runs.push_back(
          freeze(config::compose(experiments_dir(), {rotation, quant, "eval.window=64", "eval.max_windows=1",
                                                     "online=r3r4", "run.threads=1"}),
                 inputs));
  return runs;
}

TEST(Sharing, MovesNoBit) {
  set_verbosity(Verbosity::kQuiet);
  const store::testing::TemporaryFolder folder;
  Inputs inputs;
  const auto runs = grid(inputs);
  store::RunStore shared(folder / "shared.sqlite"), alone(folder / "alone.sqlite");
  EXPECT_EQ(run_points(runs, inputs, shared, {.sweep = "grid"}).ok, 6);
  for (const auto& run : runs) EXPECT_EQ(run_points({run}, inputs, alone, {}).ok, 1);
  int reused = 0;
  for (const auto& run : runs) {
    const auto a = shared.run(run.point.digest), b = alone.run(run.point.digest);
    EXPECT_EQ(a.metrics[0].value, b.metrics[0].value) << a.label;
    for (const auto& stage : a.stages) reused += stage.reused;
    for (const auto& stage : b.stages) EXPECT_FALSE(stage.reused) << stage.name;
  }
  EXPECT_GE(reused,
            5 + 3);  // every point but the first loads nothing; rotations and weights are shared by twos
}

TEST(Sharing, WithinNextToNoMemoryStillMovesNoBit) {
  set_verbosity(Verbosity::kQuiet);
  const store::testing::TemporaryFolder folder;
  Inputs inputs;
  auto runs = grid(inputs);
  for (auto& run : runs) run.config.run.memory = 1e-6;  // GB: nothing can be kept
  store::RunStore tight(folder / "tight.sqlite"), alone(folder / "alone.sqlite");
  EXPECT_EQ(run_points(runs, inputs, tight, {.sweep = "grid"}).ok, 6);
  EXPECT_EQ(run_points({runs.back()}, inputs, alone, {}).ok, 1);
  EXPECT_EQ(tight.run(runs.back().point.digest).metrics[0].value,
            alone.run(runs.back().point.digest).metrics[0].value);
}

TEST(Sweep, TakesOverFinishedRunsOfTheSameProgramOnly) {
  set_verbosity(Verbosity::kQuiet);
  const store::testing::TemporaryFolder folder;
  Inputs inputs;
  const auto runs = grid(inputs);
  store::RunStore store(folder / "gyre.sqlite");
  EXPECT_EQ(run_points({runs[0], runs[1]}, inputs, store, {.sweep = "small"}).ok, 2);
  const auto summary = run_points(runs, inputs, store, {.sweep = "large"});
  // A program built from a changed tree takes nothing over: its version does not say what it computes.
  EXPECT_EQ(summary.ok, store.run(runs[0].point.digest).version.ends_with(".dirty") ? 6 : 4);
  for (const auto& run : store.runs("large")) EXPECT_EQ(run.status, "ok");
}

}  // namespace
}  // namespace gyre
