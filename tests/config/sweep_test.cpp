#include <gmock/gmock.h>
#include <gtest/gtest.h>

#include <set>

#include "config_testing.h"
#include "core/text.h"

namespace gyre::config {
namespace {
using testing::ElementsAre;
using testing::HasSubstr;

class Sweeps : public testing::Test {
 protected:
  void SetUp() override {
    folder_.write("conf/config.toml", "defaults = [\"rotation/none\", \"quant/none\", \"eval/all\"]\n");
    folder_.write("conf/rotation/none.toml", "r1.scheme = \"none\"\n");
    folder_.write("conf/rotation/gsr.toml", "r1.scheme = \"gsr\"\n");
    folder_.write("conf/quant/none.toml", "");
    folder_.write("conf/quant/four.toml", "[weight]\nscheme = \"rtn\"\nn_bits = 4\n");
    folder_.write("conf/quant/two.toml", "[weight]\nscheme = \"rtn\"\nn_bits = 2\n");
    folder_.write("conf/eval/all.toml", "window = 512\n");
    folder_.write("presets/paper.toml", "seed = 100\n");
  }
  // What sets each point apart, in one text each.
  std::vector<std::string> points(std::string_view text, const std::vector<std::string>& words = {}) const {
    std::vector<std::string> out;
    for (const auto& point : folder_.sweep(text, words).points) out.push_back(join(point.overrides, " "));
    return out;
  }
  SettingsFolder folder_;
};

constexpr const char* kGrid = R"(
[[axis]]
key = "rotation"
values = ["none", "gsr"]
[[axis]]
key = "quant.weight.n_bits"
values = [4, 3]
[base]
quant = "four"
)";

TEST_F(Sweeps, TheLastAxisVariesFastest) {
  const auto sweep = folder_.sweep(kGrid);
  EXPECT_EQ(sweep.name, "s");
  EXPECT_EQ(sweep.baseline, "");
  std::vector<std::string> seen;
  for (const auto& point : sweep.points)
    seen.push_back(point.composed.config.rotation.r1.scheme +
                   std::to_string(point.composed.config.quant.weight.n_bits));
  EXPECT_THAT(seen, ElementsAre("none4", "none3", "gsr4", "gsr3"));
  EXPECT_THAT(points(kGrid),
              ElementsAre("rotation=none quant.weight.n_bits=4", "rotation=none quant.weight.n_bits=3",
                          "rotation=gsr quant.weight.n_bits=4", "rotation=gsr quant.weight.n_bits=3"));
  EXPECT_EQ(sweep.points[1].composed.origins.at("quant.weight.n_bits"), "experiments/sweeps/s.toml:7:14");
}

TEST_F(Sweeps, ZippedKeysVaryTogetherAndSeedsFastest) {
  EXPECT_THAT(
      points(R"(
name = "zipped"
seeds = [0, 5]
[[zip]]
keys = ["quant", "eval.window"]
values = [["four", 512], ["two", 256]]
[[axis]]
key = "rotation"
values = ["none", "gsr"]
)"),
      ElementsAre(
          "quant=four eval.window=512 rotation=none seed=0",
          "quant=four eval.window=512 rotation=none seed=5", "quant=four eval.window=512 rotation=gsr seed=0",
          "quant=four eval.window=512 rotation=gsr seed=5", "quant=two eval.window=256 rotation=none seed=0",
          "quant=two eval.window=256 rotation=none seed=5", "quant=two eval.window=256 rotation=gsr seed=0",
          "quant=two eval.window=256 rotation=gsr seed=5"));
}

TEST_F(Sweeps, SinglePointsComeFirst) {
  EXPECT_THAT(points(std::string(kGrid) + "[[point]]\noverrides = [\"quant=none\", \"seed=3\"]\n").front(),
              "quant=none seed=3");
  EXPECT_THAT(points("[[point]]\noverrides = []\n[[point]]\noverrides = [\"seed=1\"]\n"),
              ElementsAre("", "seed=1"));
  EXPECT_THAT(points(""), ElementsAre(""));  // the base alone
}

TEST_F(Sweeps, HaveANameAndABaseline) {
  const auto sweep = folder_.sweep("name = \"mine\"\nbaseline = \"none\"\n");
  EXPECT_EQ(sweep.name, "mine");
  EXPECT_EQ(sweep.baseline, "none");
}

TEST_F(Sweeps, BaseThenOverridesThenAxesThenWords) {
  const char* text = R"(
overrides = ["seed=2", "eval.window=128"]
[base]
seed = 1
"eval.window" = 64
quant = "two"
quant.weight.clip = 0.5
[[axis]]
key = "eval.max_windows"
values = [1]
)";
  // A group and a setting below it cannot both be bare keys of one table.
  EXPECT_THAT(folder_.sweep_refusal(text), HasSubstr("s.toml:7:1"));
  std::string quoted = text;
  quoted.replace(quoted.find("quant.weight.clip"), 17, "\"quant.weight.clip\"");
  const auto config = folder_.sweep(quoted, {"replica=4", "eval.window=32"}).points.at(0).composed.config;
  EXPECT_EQ(config.seed, 2);
  EXPECT_EQ(config.eval.window, 32);
  EXPECT_EQ(config.quant.weight.n_bits, 2);
  EXPECT_EQ(config.quant.weight.clip.ratio, 0.5);
  EXPECT_EQ(config.replica, 4);
  EXPECT_EQ(config.eval.max_windows, 1);
}

TEST_F(Sweeps, AxesOverTablesAliasesAndExperiments) {
  EXPECT_THAT(
      points("[[axis]]\nkey = \"quant.weight\"\nvalues = [{n_bits = 3}, {n_bits = 4, clip = \"lp\"}]\n"),
      ElementsAre("quant.weight={n_bits = 3}", "quant.weight={n_bits = 4, clip = lp}"));
  const auto kv = folder_.sweep("[[axis]]\nkey = \"quant.kv.n_bits\"\nvalues = [3, 4]\n");
  EXPECT_EQ(kv.points[0].composed.config.quant.key.n_bits, 3);
  EXPECT_EQ(kv.points[0].composed.config.quant.value.n_bits, 3);
  const auto preset = folder_.sweep("[base]\nexperiment = \"paper\"\n");
  EXPECT_EQ(preset.points[0].composed.config.seed, 100);
  EXPECT_THAT(points("[[axis]]\nkey = \"+quant.weight.n_bits\"\nvalues = [3]\n"),
              ElementsAre("+quant.weight.n_bits=3"));
}

TEST_F(Sweeps, ExcludeDropsWhatMeetsAllConditions) {
  const std::string grid = kGrid;
  EXPECT_THAT(points(grid + "[[exclude]]\nrotation = \"gsr\"\nquant.weight.n_bits = 3\n"),
              ElementsAre("rotation=none quant.weight.n_bits=4", "rotation=none quant.weight.n_bits=3",
                          "rotation=gsr quant.weight.n_bits=4"));
  EXPECT_EQ(points(grid + "[[exclude]]\nrotation = [\"gsr\", \"none\"]\nquant.weight.n_bits = 3\n").size(),
            2u);
  EXPECT_EQ(points(grid + "[[exclude]]\nrotation = \"gsr\"\n[[exclude]]\nquant.weight.n_bits = 3\n").size(),
            1u);
  // What only the composed configuration tells: a setting that the group files make.
  EXPECT_EQ(points(grid + "[[exclude]]\n\"rotation.r1.scheme\" = \"gsr\"\n").size(), 2u);
  EXPECT_EQ(points(grid + "[[exclude]]\nquant.weight.clip = \"minmax\"\nrotation = \"none\"\n").size(), 2u);
  EXPECT_EQ(points(grid + "[[exclude]]\nquant.weight.n_bits = 3.0\n").size(), 2u);
  EXPECT_EQ(points(grid + "[[exclude]]\nseed = 5\n").size(), 4u);
}

TEST_F(Sweeps, ExcludeSparesSinglePoints) {
  EXPECT_THAT(points("[[point]]\noverrides = [\"seed=1\"]\n[[axis]]\nkey = \"seed\"\nvalues = [1, 2]\n"
                     "[[exclude]]\nseed = 1\n"),
              ElementsAre("seed=1", "seed=2"));
}

TEST_F(Sweeps, ExcludeMayDropWhatDoesNotCompose) {
  const std::string grid =
      "[[axis]]\nkey = \"quant.weight.zero_point\"\nvalues = [\"unset\", \"real\"]\n"
      "[[axis]]\nkey = \"quant.weight.symmetric\"\nvalues = [true, false]\n[base]\nquant = \"four\"\n";
  EXPECT_THAT(folder_.sweep_refusal(grid),
              HasSubstr("(at the point 'quant.weight.zero_point=unset quant.weight.symmetric=false')"));
  EXPECT_THAT(points(grid + "[[exclude]]\nquant.weight = {zero_point = \"unset\", symmetric = false}\n"
                            "[[exclude]]\nquant.weight = {zero_point = \"real\", symmetric = true}\n"),
              ElementsAre("quant.weight.zero_point=unset quant.weight.symmetric=true",
                          "quant.weight.zero_point=real quant.weight.symmetric=false"));
}

TEST_F(Sweeps, WordsReachEveryPointAndLieOnTop) {
  const auto sweep = folder_.sweep(kGrid, {"eval.window=64", "run.threads=1"});
  ASSERT_EQ(sweep.points.size(), 4u);
  for (const auto& point : sweep.points) {
    EXPECT_EQ(point.composed.config.eval.window, 64);
    EXPECT_EQ(point.composed.origins.at("eval.window"), "command line");
  }
  EXPECT_THAT(folder_.sweep_refusal(kGrid, {"rotation=gsr"}),
              HasSubstr("s.toml: the points 'rotation=none quant.weight.n_bits=4' and 'rotation=gsr "
                        "quant.weight.n_bits=4' are the same run"));
}

TEST_F(Sweeps, APointTwiceIsRefused) {
  EXPECT_THAT(folder_.sweep_refusal("[[axis]]\nkey = \"seed\"\nvalues = [1, 1]\n"),
              HasSubstr("are the same run"));
  EXPECT_THAT(folder_.sweep_refusal("seeds = [0, 1]\n[[point]]\noverrides = [\"seed=1\"]\n"),
              HasSubstr("are the same run"));
  // How a run is carried out does not make it another one.
  EXPECT_THAT(folder_.sweep_refusal("[[axis]]\nkey = \"run.threads\"\nvalues = [1, 2]\n"),
              HasSubstr("are the same run"));
}

TEST_F(Sweeps, MalformedFilesAreRefusedWithTheirPlace) {
  struct Row {
    const char *text, *at, *expected;
  };
  constexpr Row kRows[] = {
      {"[[axes]]\nkey = \"seed\"\n", ":1:3: ", "unknown key 'axes' in the sweep file (did you mean 'axis'?)"},
      {"x = 3\n", ":1:1: ", "unknown key 'x' in the sweep file (known: name, baseline, orderings, base, "},
      {"[[axis]]\nky = \"seed\"\n", ":2:1: ", "unknown key 'ky' in [[axis]] (did you mean 'key'?)"},
      {"[[axis]]\nvalues = [1]\n", ":1:1: ", "[[axis]] has no 'key'"},
      {"[[axis]]\nkey = \"seed\"\n", ":1:1: ", "[[axis]] has no 'values'"},
      {"[[axis]]\nkey = \"seed\"\nvalues = []\n", ":3:1: ", "values is an empty list"},
      {"[[axis]]\nkey = \"seed\"\nvalues = 3\n", ":3:1: ", "values is 3 (an integer), expected a list"},
      {"[[axis]]\nkey = \"seed\"\nvalues = [[1]]\n", ":3:11: ", "a value of seed is a list"},
      {"[[axis]]\nkey = 3\nvalues = [1]\n", ":2:1: ", "key is 3 (an integer), expected a text"},
      {"[[axis]]\nkey = \"~seed\"\nvalues = [1]\n", ":3:11: ", "'~seed' is no key"},
      {"[axis]\nkey = \"seed\"\n", ":1:2: ", "axis is a table, expected [[axis]]"},
      {"axis = [3]\n", ":1:9: ", "axis holds 3 (an integer), expected [[axis]]"},
      {"[[axis]]\nkey = \"sed\"\nvalues = [1]\n",
       ":3:11: ", "unknown key 'sed' (did you mean 'seed'?) (at the point 'sed=1')"},
      {"[[axis]]\nkey = \"rotation\"\nvalues = [\"none\", \"gsrr\"]\n",
       ":3:19: ", "unknown choice of rotation 'gsrr' (did you mean 'gsr'?)"},
      {"[[axis]]\nkey = \"quant.weight.n_bits\"\nvalues = [4, 17]\n",
       ":3:14: ", "is 17 (an integer); expected an integer from 2 to 8"},
      {"[[axis]]\nkey = \"seed\"\nvalues = [1]\n[[axis]]\nkey = \"seed\"\nvalues = [2]\n",
       ":4:1: ", "seed varies already"},
      {"seeds = [1]\n[[axis]]\nkey = \"seed\"\nvalues = [2]\n", ":1:1: ", "seed varies already"},
      {"[[axis]]\nkey = \"quant.kv.n_bits\"\nvalues = [2]\n[[axis]]\nkey = \"quant.key.n_bits\"\nvalues = "
       "[2]\n",
       ":4:1: ", "quant.key.n_bits varies already"},
      {"seeds = []\n", ":1:1: ", "seeds is an empty list"},
      {"seeds = [\"a\"]\n", ":1:10: ", "seed is 'a' (a text); expected an integer"},
      {"[[zip]]\nkeys = [\"seed\", \"replica\"]\nvalues = [[1, 2], [3]]\n",
       ":3:19: ", "a row of 1 values for 2 keys"},
      {"[[zip]]\nkeys = [\"seed\", \"replica\"]\nvalues = [1, 2]\n",
       ":3:11: ", "a row of values is 1 (an integer), expected a list"},
      {"[[zip]]\nkeys = []\nvalues = [[1]]\n", ":2:1: ", "keys is an empty list"},
      {"[[zip]]\nkeys = [\"seed\", \"seed\"]\nvalues = [[1, 2]]\n", ":1:1: ", "seed varies already"},
      {"[[exclude]]\n", ":1:1: ", "[[exclude]] has no condition"},
      {"[[exclude]]\nsede = 3\n", ":2:1: ", "unknown key 'sede' in [[exclude]] (did you mean 'seed'?)"},
      {"[[exclude]]\nrotation = \"gsrr\"\n", ":2:1: ", "rotation has no choice 'gsrr' (did you mean 'gsr'?)"},
      {"[[exclude]]\nrotation = []\n", ":2:1: ", "rotation is an empty list"},
      {"[[point]]\n", ":1:1: ", "[[point]] has no 'overrides'"},
      {"[[point]]\noverrides = [\"seed\"]\n", ":2:14: ", "'seed' is no override"},
      {"[[point]]\noverrides = [3]\n", ":2:14: ", "an item of overrides is 3 (an integer), expected a text"},
      {"overrides = \"seed=3\"\n", ":1:1: ", "overrides is 'seed=3' (a text), expected a list"},
      {"base = 3\n", ":1:1: ", "base is 3 (an integer), expected [base]"},
      {"[base]\neval.window = true\n", ":2:6: ", "eval.window is true (a boolean); expected an integer"},
      {"name = \"\"\n", ":1:1: ", "name is empty"},
      {"name = \"x\n", ":1:10: ", "not TOML: "},
  };
  for (const auto& [text, at, expected] : kRows)
    EXPECT_THAT(folder_.sweep_refusal(text),
                testing::AllOf(testing::StartsWith(std::string("experiments/sweeps/s.toml") + at),
                               HasSubstr(expected)))
        << text;
}

TEST_F(Sweeps, WithoutAPointAreRefused) {
  EXPECT_THAT(folder_.sweep_refusal(std::string(kGrid) + "[[exclude]]\nquant.weight.n_bits = [3, 4]\n"),
              HasSubstr("s.toml: [[exclude]] leaves no point"));
}

TEST_F(Sweeps, TooLargeAreRefusedBeforeTheyAreMade) {
  std::string text;
  for (const char* key : {"seed", "replica", "eval.max_windows"}) {
    text += std::string("[[axis]]\nkey = \"") + key + "\"\nvalues = [0";
    for (int i = 1; i < 100; ++i) text += ", " + std::to_string(i);
    text += "]\n";
  }
  EXPECT_THAT(folder_.sweep_refusal(text), HasSubstr("the axes make more than 100000 points"));
}

TEST_F(Sweeps, AMissingFileIsAnInputError) {
  try {
    load_sweep(folder_.dir() / "sweeps" / "nope.toml", folder_.dir(), {});
    FAIL();
  } catch (const Error& error) {
    EXPECT_EQ(error.code(), ErrorCode::kInput);
  }
}

}  // namespace
}  // namespace gyre::config
