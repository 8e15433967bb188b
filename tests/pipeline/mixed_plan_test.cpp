// Mixed plans through a run: what their rules move, what is recorded, what is refused before a run.
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

namespace gyre {
namespace {

FrozenRun frozen(Inputs& inputs, std::vector<std::string> words) {
  const std::vector<std::string> quick = {"quant=w2a16",           "eval.window=64",
                                          "eval.max_windows=2",    "calibration.window=64",
                                          "calibration.samples=8", "run.threads=1"};
  words.insert(words.begin(), quick.begin(), quick.end());
  return freeze(config::compose(experiments_dir(), words), inputs);
}

double metric(const store::RunRow& row, const std::string& prefix) {
  for (const auto& m : row.metrics)
    if (m.name.starts_with(prefix)) return m.value;
  ADD_FAILURE() << "no metric " << prefix;
  return NAN;
}

TEST(MixedPlans, RunWithBothSolversAndCountTheBitsThatAreStored) {
  set_verbosity(Verbosity::kQuiet);
  const store::testing::TemporaryFolder folder;
  Inputs inputs;
  store::RunStore store(folder / "gyre.sqlite");
  std::vector<FrozenRun> runs;
  for (const char* solver : {"nearest", "gptq"})
    for (const char* rules : {"", "*: n_bits=2", "down_proj: n_bits=8; layers.0: scheme=none"})
      runs.push_back(frozen(inputs, {std::string("quant.weight.solver=") + solver,
                                     std::string("quant.weight.rules=") + rules}));
  EXPECT_EQ(run_points(runs, inputs, store, {.sweep = "mixed"}).ok, 6);
  const auto rows = store.runs("mixed");
  for (const std::size_t i : {std::size_t{0}, std::size_t{3}}) {
    // A rule that says what holds anyway moves nothing; one that keeps more keeps the weights closer.
    EXPECT_EQ(metric(rows[i], "ppl/"), metric(rows[i + 1], "ppl/"));
    EXPECT_EQ(metric(rows[i], "bits_per_weight"), metric(rows[i + 1], "bits_per_weight"));
    EXPECT_LT(metric(rows[i + 2], "weight_error"), 0.8 * metric(rows[i], "weight_error"));
    EXPECT_GT(metric(rows[i + 2], "bits_per_weight"), metric(rows[i], "bits_per_weight") + 1);
    EXPECT_THAT(rows[i].label, testing::HasSubstr("W2A16"));
    EXPECT_THAT(rows[i + 2].label, testing::HasSubstr("W2*A16"));
  }
  // Groups as large as fit, at least 32 values, with 32 bits of scale.
  EXPECT_GT(metric(rows[0], "bits_per_weight"), 2);
  EXPECT_LE(metric(rows[0], "bits_per_weight"), 3);
}

TEST(MixedPlans, ForActivationsAloneTurnThemOn) {
  set_verbosity(Verbosity::kQuiet);
  const store::testing::TemporaryFolder folder;
  Inputs inputs;
  store::RunStore store(folder / "gyre.sqlite");
  std::vector<FrozenRun> runs;
  for (const char* rules : {"", "down_proj: scheme=rtn n_bits=2", "layers.0.down_proj: scheme=rtn n_bits=2"})
    runs.push_back(frozen(inputs, {"quant=none", std::string("quant.activation.rules=") + rules}));
  EXPECT_EQ(run_points(runs, inputs, store, {.sweep = "mixed"}).ok, 3);
  const auto rows = store.runs("mixed");
  const double none = metric(rows[0], "ppl/"), all = metric(rows[1], "ppl/"), one = metric(rows[2], "ppl/");
  EXPECT_NE(none, all);
  EXPECT_NE(none, one);
  EXPECT_NE(all, one);
}

TEST(MixedPlans, AreReadWhereTheyAct) {
  RunConfig base;
  base.quant.weight.scheme = "rtn";
  const auto first_changed = [&](auto change) -> std::string {
    RunConfig other = base;
    change(other);
    const auto a = stage_keys(base, "inputs"), b = stage_keys(other, "inputs");
    for (std::size_t i = 0; i < a.size(); ++i)
      if (a[i] != b[i]) return std::string(stages()[i].name);
    return "none";
  };
  EXPECT_EQ(first_changed([](RunConfig& c) { c.quant.weight.rules = "down_proj: n_bits=4"; }), "calibrate");
  EXPECT_EQ(first_changed([](RunConfig& c) { c.quant.activation.rules = "down_proj: scheme=rtn"; }),
            "attach");
  EXPECT_EQ(first_changed([](RunConfig& c) { c.model.shape.hidden_size = 7; }), "none");
}

TEST(MixedPlans, AreCheckedAgainstTheModelBeforeARun) {
  Inputs inputs;
  const auto refusal = [&](const std::string& word) -> std::string {
    try {
      frozen(inputs, {word});
    } catch (const Error& error) {
      EXPECT_EQ(error.code(), ErrorCode::kConfig);
      return error.what();
    }
    return "accepted";
  };
  EXPECT_EQ(refusal("quant.weight.rules=layers.0: n_bits=8"), "accepted");
  for (const auto& [word, part] :
       {std::pair("quant.weight.rules=layers.99: n_bits=8",
                  "command line: quant.weight.rules: 'layers.99' matches nothing"),
        std::pair("quant.weight.rules=o_prj: n_bits=8", "did you mean 'o_proj'"),
        std::pair("quant.weight.rules=o_proj: n_bit=8",
                  "command line: quant.weight.rules: unknown key 'n_bit'"),
        std::pair("quant.weight.rules=o_proj: group_size=7",
                  "quant.weight at layers.0.o_proj along heads x head_dim"),
        std::pair("quant.weight.rules=o_proj: scheme=rtm", "did you mean 'rtn'"),
        std::pair("quant.weight.rules=o_proj: symmetric=false",
                  "quant.weight.rules at layers.0.o_proj: quant.weight.symmetric is false"),
        std::pair("quant.activation.rules=o_proj: scheme=rtn clip=lp", "a clip search is for weights"),
        std::pair("quant.key.rules=layers.0: n_bits=8", "nothing would be quantized")})
    EXPECT_THAT(refusal(word), testing::HasSubstr(part)) << word;
}

}  // namespace
}  // namespace gyre
