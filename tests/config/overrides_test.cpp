#include "config/overrides.h"

#include <gmock/gmock.h>
#include <gtest/gtest.h>

#include "config_testing.h"

namespace gyre::config {
namespace {
using testing::HasSubstr;
using testing::StartsWith;

class Words : public testing::Test {
 protected:
  void SetUp() override {
    folder_.write("conf/config.toml", R"(defaults = ["quant/four", "_self_"]
eval.window = 512
)");
    folder_.write("conf/quant/four.toml", "weight.scheme = \"rtn\"\nweight.n_bits = 4\n");
    folder_.write("conf/quant/two.toml", "weight.scheme = \"rtn\"\nweight.n_bits = 2\n");
    folder_.write("conf/data/stories.toml", "_package_ = \"_global_\"\neval.dataset = \"stories\"\n");
  }
  SettingsFolder folder_;
};

TEST_F(Words, SetASetting) {
  EXPECT_EQ(folder_.value("eval.window"), "512");
  EXPECT_EQ(folder_.value("eval.window", {"eval.window=256"}), "256");
  EXPECT_EQ(folder_.value("eval.max_windows", {"eval.max_windows=3"}), "3");  // no file sets it
}

TEST_F(Words, TheLaterWins) {
  EXPECT_EQ(folder_.value("seed", {"seed=1", "seed=2"}), "2");
  EXPECT_EQ(folder_.value("quant.weight.n_bits", {"quant=two", "quant=four"}), "4");
}

TEST_F(Words, ChooseAGroupWhereverTheyStand) {
  EXPECT_EQ(folder_.value("quant.weight.n_bits", {"quant=two"}), "2");
  EXPECT_EQ(folder_.value("quant.weight.n_bits", {"quant.weight.n_bits=3", "quant=two"}), "3");
  EXPECT_EQ(folder_.value("quant.weight.n_bits", {"quant=two", "quant.weight.n_bits=3"}), "3");
}

TEST_F(Words, PlusAddsWhatNothingSets) {
  EXPECT_EQ(folder_.value("seed", {"+seed=3"}), "3");
  EXPECT_EQ(folder_.value("eval.dataset", {"+data=stories"}), "\"stories\"");
  EXPECT_THAT(folder_.refusal({"+eval.window=3"}),
              StartsWith("command line: +eval.window=3: 'eval.window' is already set at "
                         "experiments/conf/config.toml:2:"));
  EXPECT_THAT(folder_.refusal({"+quant=two"}), HasSubstr("group 'quant' is in the defaults list already"));
  EXPECT_THAT(folder_.refusal({"data=stories"}), HasSubstr("use +data=stories"));
}

TEST_F(Words, TwoPlusesSetInAnyCase) {
  EXPECT_EQ(folder_.value("seed", {"++seed=3"}), "3");
  EXPECT_EQ(folder_.value("eval.window", {"++eval.window=3"}), "3");
  EXPECT_EQ(folder_.value("quant.weight.n_bits", {"++quant=two"}), "2");
  EXPECT_EQ(folder_.value("eval.dataset", {"++data=stories"}), "\"stories\"");
}

TEST_F(Words, TildeGoesBackToTheBuiltIn) {
  EXPECT_EQ(folder_.value("eval.window", {"~eval.window"}), "2048");
  EXPECT_EQ(folder_.value("eval.window", {"~eval.window=512"}), "2048");
  EXPECT_EQ(folder_.value("eval.window", {"~eval"}), "2048");
  EXPECT_EQ(folder_.value("quant.weight.scheme", {"~quant"}), "\"none\"");
  EXPECT_EQ(folder_.value("quant.weight.scheme", {"~quant=four"}), "\"none\"");
  EXPECT_EQ(folder_.value("eval.window", {"~eval.window", "eval.window=99"}), "99");
  EXPECT_EQ(folder_.origin("eval.window", {"~eval.window"}), "default");
}

TEST_F(Words, TildeDeletesOnlyWhatIsThere) {
  EXPECT_THAT(folder_.refusal({"~eval.window=511"}), HasSubstr("'eval.window' is 512 (an integer), set at"));
  EXPECT_THAT(folder_.refusal({"~seed"}), HasSubstr("nothing sets 'seed'"));
  EXPECT_THAT(folder_.refusal({"~eval.windw"}), HasSubstr("did you mean 'eval.window'?"));
  EXPECT_THAT(folder_.refusal({"~quant=two"}), HasSubstr("the defaults list has quant/four"));
  EXPECT_THAT(folder_.refusal({"~data"}), HasSubstr("'data' is not in the defaults list"));
}

TEST_F(Words, KvMeansKeyAndValue) {
  const auto both = folder_.composed({"quant.kv.n_bits=3", "quant.kv.scheme=rtn", "quant.value.n_bits=5"});
  EXPECT_EQ(both.config.quant.key.n_bits, 3);
  EXPECT_EQ(both.config.quant.value.n_bits, 5);
  EXPECT_EQ(both.config.quant.key.scheme, "rtn");
  EXPECT_EQ(both.config.quant.value.scheme, "rtn");
  EXPECT_EQ(folder_.value("quant.value.n_bits", {"quant.value.n_bits=5", "quant.kv.n_bits=3"}), "3");
  EXPECT_EQ(folder_.value("quant.key.n_bits", {"quant.kv.n_bits=3", "~quant.kv.n_bits"}), "4");
  EXPECT_THAT(folder_.refusal({"quant.kv.n_bits=9"}), HasSubstr("quant.key.n_bits is 9"));
  EXPECT_THAT(folder_.refusal({"quant.kv.bits=9"}), HasSubstr("unknown key 'quant.key.bits'"));
  EXPECT_THAT(folder_.refusal({"quant.key.n_bits=3", "+quant.kv.n_bits=4"}), HasSubstr("is already set"));
}

TEST_F(Words, SetAWholeTable) {
  const auto composed = folder_.composed({"quant.weight={n_bits = 3, clip = \"lp\"}"});
  EXPECT_EQ(composed.config.quant.weight.n_bits, 3);
  EXPECT_EQ(composed.config.quant.weight.scheme, "rtn");  // tables are laid over one another
  EXPECT_EQ(SettingsFolder::value_of(composed, "quant.weight.clip"), "\"lp\"");
}

TEST_F(Words, ThatAreNoOverride) {
  for (const char* word : {"", "=", "=3", "seed", "+seed", "++seed", "a b=3", ".seed=3", "seed.=3",
                           "eval..window=3", "--seed=3x y", "@a=3", "~", "~="})
    EXPECT_THAT(folder_.refusal({word}), HasSubstr("command line: ")) << word;
  EXPECT_THAT(folder_.refusal({"seed"}), HasSubstr("expected group=name, key=value, +key=value"));
  EXPECT_THAT(folder_.refusal({"model.path=caf\xE9"}), HasSubstr("byte 15 of 'model.path=caf' is not UTF-8"));
}

TEST_F(Words, OfUnknownNamesGetTheNearest) {
  EXPECT_THAT(folder_.refusal({"qant=two"}), HasSubstr("unknown key 'qant' (did you mean 'quant'?)"));
  EXPECT_THAT(folder_.refusal({"dat=stories"}), HasSubstr("did you mean 'data'?"));
  EXPECT_THAT(folder_.refusal({"experimnt=x"}), HasSubstr("did you mean 'experiment'?"));
  EXPECT_THAT(folder_.refusal({"model.pth=x"}), HasSubstr("unknown key 'model.pth' (did you mean 'path'?)"));
  EXPECT_THAT(folder_.refusal({"eval.windows=x"}), HasSubstr("did you mean 'window'?"));
  EXPECT_THAT(folder_.refusal({"entirely_different=x"}), HasSubstr("(known: model, rotation, quant, "));
  EXPECT_THAT(folder_.refusal({"quant=tow"}),
              HasSubstr("unknown choice of quant 'tow' (did you mean 'two'?); "
                        "experiments/conf/quant has: four, two"));
  EXPECT_THAT(folder_.refusal({"data={a = 1}"}), HasSubstr("data is a group"));
  EXPECT_THAT(folder_.refusal({"seed.x=3"}), HasSubstr("seed"));
  EXPECT_THAT(folder_.refusal({"quant/=two"}), HasSubstr("unknown key 'quant/'"));
}

TEST_F(Words, NeverLeadOutOfTheFolder) {
  folder_.write("secret.toml", "seed = 1\n");
  for (const char* word :
       {"quant=../../secret", "quant=/etc/passwd", "experiment=../secret", "../secret=x", "/etc=x"})
    EXPECT_THAT(folder_.refusal({word}), StartsWith("command line: ")) << word;
}

TEST(OverrideText, IsAsOneWouldTypeIt) {
  for (const char* word : {"seed=3", "+a.b=0.5", "++a/b=x", "~a", "~a=true", "a=[1, 2]", "a=\"3\"",
                           "a=say \"x\"", "a=it's", "a="})
    EXPECT_EQ(parse_override(word, {}).text(), word);
  EXPECT_EQ(parse_override("a='3'", {}).text(), "a=\"3\"");
  EXPECT_EQ(parse_override("a=\"'x'\"", {}).text(), "a=\"'x'\"");
}

}  // namespace
}  // namespace gyre::config
