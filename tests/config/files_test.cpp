// What a malformed or mistaken TOML file gets: file:line:column, what was found, what was expected.
#include <gmock/gmock.h>
#include <gtest/gtest.h>

#include "config_testing.h"

namespace gyre::config {
namespace {
using testing::HasSubstr;
using testing::StartsWith;

class BadFile : public testing::Test {
 protected:
  std::string refusal_of(std::string_view text) const {
    folder_.write("conf/config.toml", text);
    return folder_.refusal();
  }
  SettingsFolder folder_;
};

TEST_F(BadFile, IsNamedWithLineAndColumn) {
  struct Row {
    const char *text, *at, *expected;
  };
  constexpr Row kRows[] = {
      {"seed = 1\nsede = 2\n", "2:1", "unknown key 'sede' (did you mean 'seed'?)"},
      {"[quant.weight]\nn_bits = 3\n nbits = 4\n", "3:2",
       "unknown key 'quant.weight.nbits' (did you mean 'n_bits'?)"},
      {"[quant.wieght]\nn_bits = 3\n", "1:8", "unknown key 'quant.wieght' (did you mean 'weight'?)"},
      {"[other]\nx = 3\n", "1:2",
       "unknown key 'other' (known: model, rotation, quant, learn, smoothing, calibration, train, eval, "},
      {"quant.weight.n_bits = \"4\"\n", "1:14",
       "quant.weight.n_bits is '4' (a text); expected an integer from 2 to 8"},
      {"[quant.weight]\nn_bits = 16\n", "2:1",
       "quant.weight.n_bits is 16 (an integer); expected an integer from 2 to 8"},
      {"model.path = 7\n", "1:7", "model.path is 7 (an integer); expected a text"},
      {"[[quant]]\nweight.n_bits = 3\n", "1:3",
       "quant is a list; expected a table of weight, activation, key, value"},
      {"seed = 1\nseed = 2\n", "2:8", "not TOML: "},
      {"seed = \n", "1:8", "not TOML: "},
      {"seed = 1\nmodel.path = \"café\xE9\"\n", "2:19", "byte 0xE9 is not UTF-8; save the file as UTF-8"},
      {"seed = 2024-01-01\n", "1:1", "a date or time, but no setting is one"},
      {"seed = 99999999999999999999\n", "1:28", "not TOML: "},
      {"[quant.weight]\nscheme = \"rtn\"\nzero_point = \"real\"\nsymmetric = true\n", "3:1",
       "quant.weight.zero_point is 'real' but quant.weight.symmetric is true; set "
       "quant.weight.symmetric=false"},
  };
  for (const auto& [text, at, expected] : kRows)
    EXPECT_THAT(refusal_of(text),
                testing::AllOf(StartsWith(std::string("experiments/conf/config.toml:") + at + ": "),
                               HasSubstr(expected)))
        << text;
}

TEST_F(BadFile, TooDeepOrBinaryIsAnErrorToo) {
  EXPECT_THAT(refusal_of("seed = " + std::string(100'000, '[') + "\n"), HasSubstr("not TOML: "));
  EXPECT_THAT(refusal_of(std::string("\0\1\2\3", 4)), HasSubstr("config.toml:1:1: not TOML: "));
}

TEST_F(BadFile, ThatIsMissingIsAnInputError) {
  std::filesystem::remove(folder_.dir() / "conf" / "config.toml");
  EXPECT_THAT(folder_.refusal(),
              testing::AllOf(StartsWith("input error: "), HasSubstr("config.toml: no such file")));
}

TEST_F(BadFile, MayBeginWithAByteOrderMarkAndEndItsLinesAsOnWindows) {
  EXPECT_EQ(refusal_of("\xEF\xBB\xBFseed = 3\r\n[eval]\r\nwindow = 64\r\n"), "accepted");
  EXPECT_EQ(folder_.value("eval.window"), "64");
}

TEST_F(BadFile, OriginsNameEverySetting) {
  folder_.write("conf/config.toml", "defaults = [\"quant/a\"]\nseed = 3\n");
  folder_.write("conf/quant/a.toml", "[weight]\n  n_bits = 3\nclip.x = 1\n");
  EXPECT_THAT(folder_.refusal(),
              StartsWith("experiments/conf/quant/a.toml:3:1: quant.weight.clip is a table"));
  folder_.write("conf/quant/a.toml", "[weight]\n  n_bits = 3\n");
  const auto composed = folder_.composed({"quant.weight.clip=lp"});
  EXPECT_EQ(composed.origins.size(), params(RunConfig{}).size());
  EXPECT_EQ(composed.origins.at("seed"), "experiments/conf/config.toml:2:1");
  EXPECT_EQ(composed.origins.at("quant.weight.n_bits"), "experiments/conf/quant/a.toml:2:3");
  EXPECT_EQ(composed.origins.at("quant.weight.clip"), "command line");
  EXPECT_EQ(composed.origins.at("eval.window"), "default");
}

}  // namespace
}  // namespace gyre::config
