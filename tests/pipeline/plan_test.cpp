// What the points of a sweep share, and in which order they are visited.
#include "pipeline/plan.h"

#include <gtest/gtest.h>

#include <algorithm>
#include <set>

namespace gyre {
namespace {

using Keys = std::vector<std::vector<std::string>>;

TEST(GroupedOrder, VisitsWhatSharesAStageTogether) {
  const Keys keys = {{"m", "a", "1"}, {"m", "b", "2"}, {"m", "a", "3"}, {"m", "b", "4"}, {"m", "a", "5"}};
  EXPECT_EQ(grouped_order(keys), (std::vector<std::size_t>{0, 2, 4, 1, 3}));
}

TEST(GroupedOrder, KeepsTheOrderOfFirstAppearance) {
  const Keys keys = {{"n", "x"}, {"m", "y"}, {"n", "z"}};
  EXPECT_EQ(grouped_order(keys), (std::vector<std::size_t>{0, 2, 1}));
  EXPECT_TRUE(grouped_order({}).empty());
}

TEST(KeptStages, AreThoseThatALaterPointStartsFrom) {
  const Keys keys = {{"m", "a", "1"}, {"m", "a", "2"}, {"m", "b", "3"}};
  const std::vector<std::size_t> order = {0, 1, 2};
  EXPECT_EQ(kept_stages(keys, order, 0), (std::vector<bool>{true, true, false}));
  EXPECT_EQ(kept_stages(keys, order, 1), (std::vector<bool>{true, false, false}));
  EXPECT_EQ(kept_stages(keys, order, 2), (std::vector<bool>{false, false, false}));
}

RunConfig quantized() {
  RunConfig config;
  config.rotation.r1.scheme = "gsr";
  config.quant.weight.scheme = "rtn";
  return config;
}

TEST(StageKeys, ChangeFromTheFirstStageThatReadsTheSetting) {
  const RunConfig base = quantized();
  const auto keys = stage_keys(base, "inputs");
  ASSERT_EQ(keys.size(), stages().size());
  // The stages whose key moves when one setting does: all from the first that reads it.
  const auto first_changed = [&](const RunConfig& other) -> std::string {
    const auto changed = stage_keys(other, "inputs");
    for (std::size_t i = 0; i < keys.size(); ++i)
      if (changed[i] != keys[i]) return std::string(stages()[i].name);
    return "none";
  };
  RunConfig other = base;
  other.rotation.r1.scheme = "hadamard";
  EXPECT_EQ(first_changed(other), "rotate");
  other = base;
  other.quant.weight.n_bits = 3;
  EXPECT_EQ(first_changed(other), "calibrate");
  other = base;
  other.eval.max_windows = 2;
  EXPECT_EQ(first_changed(other), "evaluate");
  other = base;
  other.model.path = "elsewhere";
  EXPECT_EQ(first_changed(other), "load");
  other = base;
  other.run.threads = 7;
  EXPECT_EQ(first_changed(other), "none");
  EXPECT_NE(stage_keys(base, "other inputs")[0], keys[0]);
}

TEST(StageKeys, AStageThatIsOffHasTheKeyBeforeIt) {
  RunConfig config;  // nothing rotated, nothing quantized
  const auto keys = stage_keys(config, "inputs");
  for (std::size_t i = 1; i < keys.size(); ++i)
    EXPECT_EQ(keys[i] == keys[i - 1], !stages()[i].enabled(config)) << stages()[i].name;
}

// For some configuration at least. Keys leave out by themselves what is not part of the identity.
TEST(Stages, ReadEverySettingThatIsPartOfARunsIdentity) {
  RunConfig everything = quantized();
  everything.quant.weight.solver = "gptq";
  std::vector<std::string_view> prefixes;
  for (const Stage& stage : stages()) {
    prefixes.insert(prefixes.end(), stage.reads.begin(), stage.reads.end());
    if (!stage.reads_too) continue;
    for (const auto prefix : stage.reads_too(everything)) prefixes.push_back(prefix);
  }
  for (const auto& [key, value] : params(RunConfig{})) {
    if (!enters_digest(key)) continue;
    const bool read =
        std::ranges::any_of(prefixes, [&](std::string_view prefix) { return key.starts_with(prefix); });
    EXPECT_TRUE(read) << key;
  }
}

}  // namespace
}  // namespace gyre
