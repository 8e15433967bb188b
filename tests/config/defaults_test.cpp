#include <gmock/gmock.h>
#include <gtest/gtest.h>

#include "config_testing.h"

namespace gyre::config {
namespace {
using testing::HasSubstr;
using testing::StartsWith;

class Defaults : public testing::Test {
 protected:
  SettingsFolder folder_;
};

TEST_F(Defaults, LieOverOneAnotherInTheirOrder) {
  folder_.write("conf/eval/short.toml", "window = 128\nbos = \"none\"\n");
  folder_.write("conf/data/long.toml", "_package_ = \"_global_\"\neval.window = 4096\n");
  folder_.write("conf/config.toml", "defaults = [\"eval/short\", \"data/long\"]\n");
  EXPECT_EQ(folder_.value("eval.window"), "4096");
  EXPECT_EQ(folder_.value("eval.bos"), "\"none\"");
  folder_.write("conf/config.toml", "defaults = [\"data/long\", \"eval/short\"]\n");
  EXPECT_EQ(folder_.value("eval.window"), "128");
}

TEST_F(Defaults, PutTheFileItselfWhereSelfStands) {
  folder_.write("conf/eval/short.toml", "window = 128\n");
  folder_.write("conf/config.toml", "defaults = [\"_self_\", \"eval/short\"]\n[eval]\nwindow = 1024\n");
  EXPECT_EQ(folder_.value("eval.window"), "128");
  folder_.write("conf/config.toml", "defaults = [\"eval/short\", \"_self_\"]\n[eval]\nwindow = 1024\n");
  EXPECT_EQ(folder_.value("eval.window"), "1024");
  folder_.write("conf/config.toml", "defaults = [\"eval/short\"]\n[eval]\nwindow = 1024\n");  // last
  EXPECT_EQ(folder_.value("eval.window"), "1024");
}

TEST_F(Defaults, AChoiceInWordsHoldsOverEveryFile) {
  folder_.write("conf/eval/short.toml", "window = 128\n");
  folder_.write("conf/eval/long.toml", "window = 4096\n");
  folder_.write("conf/config.toml", "defaults = [\"eval/short\", \"_self_\"]\n[eval]\nwindow = 1024\n");
  EXPECT_EQ(folder_.value("eval.window", {"eval=long"}), "4096");
  EXPECT_EQ(folder_.origin("eval.window", {"eval=long"}), "experiments/conf/eval/long.toml:1:1");
}

TEST_F(Defaults, GroupsBringGroups) {
  folder_.write("conf/config.toml", "defaults = [\"model/small\"]\n");
  folder_.write("conf/model/small.toml", "defaults = [\"base\", \"data/stories\"]\npath = \"small\"\n");
  folder_.write("conf/model/base.toml", "path = \"base\"\ndtype = \"bfloat16\"\n");
  folder_.write("conf/model/large.toml", "defaults = [\"base\", \"data/books\"]\npath = \"large\"\n");
  folder_.write("conf/data/stories.toml", "_package_ = \"eval\"\ndataset = \"stories\"\n");
  folder_.write("conf/data/books.toml", "_package_ = \"eval\"\ndataset = \"books\"\n");
  const auto small = folder_.composed();
  EXPECT_EQ(small.config.model.path, "small");
  EXPECT_EQ(small.config.model.dtype, "bfloat16");
  EXPECT_EQ(small.config.eval.dataset, "stories");
  EXPECT_EQ(folder_.value("eval.dataset", {"model=large"}), "\"books\"");
  EXPECT_EQ(folder_.value("eval.dataset", {"model=large", "data=stories"}), "\"stories\"");
  EXPECT_EQ(folder_.value("eval.dataset", {"data=stories", "model=large"}), "\"stories\"");
}

TEST_F(Defaults, NestedGroupsHaveNestedPackages) {
  folder_.write("conf/quant/weight/fine.toml", "n_bits = 3\ngroup_size = 32\n");
  folder_.write("conf/quant/weight/coarse.toml", "n_bits = 2\n");
  folder_.write("conf/config.toml", "defaults = [\"quant/weight/fine\"]\n");
  EXPECT_EQ(folder_.value("quant.weight.group_size"), "32");
  EXPECT_EQ(folder_.value("quant.weight.n_bits", {"quant/weight=coarse"}), "2");
  EXPECT_EQ(folder_.value("quant.weight.group_size", {"quant/weight=coarse"}), "-1");
  EXPECT_EQ(groups(folder_.dir()), (std::vector<std::string>{"quant/weight"}));
  EXPECT_EQ(group_choices(folder_.dir(), "quant/weight"), (std::vector<std::string>{"coarse", "fine"}));
  EXPECT_TRUE(group_choices(folder_.dir(), "quant/../..").empty());
}

TEST_F(Defaults, PackagesSayWhereAFileGoes) {
  folder_.write("conf/config.toml", "defaults = [\"extra/x\"]\n");
  folder_.write("conf/extra/x.toml", "_package_ = \"_global_\"\nseed = 3\n");
  EXPECT_EQ(folder_.value("seed"), "3");
  folder_.write("conf/extra/x.toml", "_package_ = \"quant.kv\"\nn_bits = 3\n");
  EXPECT_EQ(folder_.value("quant.value.n_bits"), "3");
  folder_.write("conf/extra/x.toml", "_package_ = \"_group_\"\nn_bits = 3\n");
  EXPECT_THAT(folder_.refusal(), HasSubstr("unknown key 'extra'"));
  folder_.write("conf/extra/x.toml", "_package_ = 3\nn_bits = 3\n");
  EXPECT_THAT(folder_.refusal(), StartsWith("experiments/conf/extra/x.toml:1:1: _package_ is 3"));
}

TEST_F(Defaults, KvInAFileYieldsToKeyAndValueBesideIt) {
  folder_.write("conf/config.toml", "[quant.key]\nn_bits = 5\n[quant.kv]\nn_bits = 3\nscheme = \"rtn\"\n");
  EXPECT_EQ(folder_.value("quant.key.n_bits"), "5");
  EXPECT_EQ(folder_.value("quant.value.n_bits"), "3");
  EXPECT_EQ(folder_.value("quant.key.scheme"), "\"rtn\"");
  EXPECT_EQ(folder_.origin("quant.value.n_bits"), "experiments/conf/config.toml:4:1");
}

TEST_F(Defaults, KeysInQuotesMayBePaths) {
  folder_.write("conf/config.toml", "\"eval.window\" = 64\n[quant]\n\"weight.n_bits\" = 3\n");
  EXPECT_EQ(folder_.value("eval.window"), "64");
  EXPECT_EQ(folder_.value("quant.weight.n_bits"), "3");
  folder_.write("conf/config.toml", "\"eval.window\" = 64\n[eval]\nwindow = 32\n");
  EXPECT_THAT(folder_.refusal(),
              StartsWith("experiments/conf/config.toml:3:1: 'eval.window' is set a second time; "
                         "the first is at experiments/conf/config.toml:1:1"));
  folder_.write("conf/config.toml", "eval = 3\n\"eval.window\" = 64\n");
  EXPECT_THAT(folder_.refusal(),
              StartsWith("experiments/conf/config.toml:2:1: 'eval.window' lies in 'eval'"));
}

TEST_F(Defaults, ExperimentLiesOverTheDefaultsAndBelowTheWords) {
  folder_.write("conf/config.toml", "defaults = [\"model/a\", \"eval/short\", \"_self_\"]\nseed = 1\n");
  folder_.write("conf/model/a.toml", "defaults = [\"data/stories\"]\npath = \"a\"\n");
  folder_.write("conf/model/b.toml", "defaults = [\"data/books\"]\npath = \"b\"\n");
  folder_.write("conf/data/stories.toml", "_package_ = \"eval\"\ndataset = \"stories\"\n");
  folder_.write("conf/data/books.toml", "_package_ = \"eval\"\ndataset = \"books\"\n");
  folder_.write("conf/eval/short.toml", "window = 128\nmax_windows = 3\n");
  folder_.write("conf/eval/long.toml", "window = 4096\n");
  folder_.write("presets/paper.toml", "defaults = [\"model/b\"]\nseed = 2\n[eval]\nwindow = 256\n");
  const std::string paper = "experiment=paper";
  const auto composed = folder_.composed({paper});
  EXPECT_EQ(composed.config.model.path, "b");
  EXPECT_EQ(composed.config.eval.dataset, "books");
  EXPECT_EQ(composed.config.eval.window, 256);
  EXPECT_EQ(composed.config.eval.max_windows, 3);
  EXPECT_EQ(composed.config.seed, 2);
  EXPECT_EQ(composed.origins.at("seed"), "experiments/presets/paper.toml:2:1");
  EXPECT_EQ(folder_.value("seed", {"seed=3", paper}), "3");
  EXPECT_EQ(folder_.value("eval.window", {"eval=long", paper}), "4096");
  EXPECT_EQ(folder_.value("eval.dataset", {"model=a", paper}), "\"stories\"");
  EXPECT_EQ(folder_.value("seed", {paper, "~experiment"}), "1");
  EXPECT_THAT(folder_.refusal({"experiment=papre"}),
              StartsWith("command line: unknown experiment 'papre' (did you mean 'paper'?); "
                         "experiments/presets has: paper"));
}

TEST_F(Defaults, ThatGoInACircleAreRefused) {
  folder_.write("conf/config.toml", "defaults = [\"eval/a\"]\n");
  folder_.write("conf/eval/a.toml", "defaults = [\"b\"]\n");
  folder_.write("conf/eval/b.toml", "defaults = [\"a\"]\n");
  EXPECT_THAT(folder_.refusal(), StartsWith("experiments/conf/eval/b.toml:1:13: defaults go in a circle: "
                                            "eval/a -> eval/b -> eval/a"));
}

TEST_F(Defaults, ThatAreMalformedAreRefused) {
  struct Row {
    const char *list, *expected;
  };
  constexpr Row kRows[] = {
      {"\"eval/a\"", "config.toml:1:1: defaults is 'eval/a' (a text), expected a list"},
      {"[3]", "config.toml:1:13: an item of defaults is 3 (an integer), expected a text"},
      {"[\"eval\"]", "config.toml:1:13: 'eval' names no group"},
      {"[\"_self_\", \"_self_\"]", "config.toml:1:23: \"_self_\" appears twice"},
      {"[\"evil/a\"]", "config.toml:1:13: unknown group 'evil' (did you mean 'eval'?)"},
      {"[\"eval/b\"]", "config.toml:1:13: unknown choice of eval 'b'; experiments/conf/eval has: a"},
      {"[\"eval/../x\"]", "config.toml:1:13: unknown group 'eval/..'"},
  };
  folder_.write("conf/eval/a.toml", "window = 128\n");
  for (const auto& [list, expected] : kRows) {
    folder_.write("conf/config.toml", std::string("defaults = ") + list + "\n");
    EXPECT_THAT(folder_.refusal(), HasSubstr(expected)) << list;
  }
}

}  // namespace
}  // namespace gyre::config
