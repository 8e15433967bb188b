#include <gmock/gmock.h>
#include <gtest/gtest.h>

#include <limits>

#include "config/toml_reader.h"
#include "config_testing.h"

namespace gyre::config {
namespace {
using testing::HasSubstr;

std::string kind(const std::string& text) {
  return describe(parse_value(text, {}));
}

TEST(ParseValue, IsTomlOrElseTheBareText) {
  EXPECT_EQ(kind("3"), "3 (an integer)");
  EXPECT_EQ(kind(" -1 "), "-1 (an integer)");
  EXPECT_EQ(kind("1_000"), "1000 (an integer)");
  EXPECT_EQ(kind("0.5"), "0.5 (a number)");
  EXPECT_EQ(kind("1e-3"), "0.001 (a number)");
  EXPECT_EQ(kind("true"), "true (a boolean)");
  EXPECT_EQ(kind("[1, 2]"), "a list");
  EXPECT_EQ(kind("{a = 1}"), "a table");
  EXPECT_EQ(kind("'a b'"), "'a b' (a text)");
  EXPECT_EQ(kind("\"a\\tb\""), "'a\tb' (a text)");
  for (const char* bare :
       {"gsr", "", "a b", "it's", "\"open", "/models/a=b", "a,b", "1,2", "3,", "3 # three", "3, w = 4", "3}",
        "3\nw = 4", "3}\nw = {a = 1", "2024-01-01", "99999999999999999999", "True", ".5", "[gsr]"})
    EXPECT_EQ(kind(bare), "'" + std::string(bare) + "' (a text)");
}

TEST(ParseValue, BearsDeepNesting) {
  const std::string deep = std::string(100'000, '[') + std::string(100'000, ']');
  EXPECT_EQ(parse_value(deep, {}).text() ? *parse_value(deep, {}).text() : "", deep);
}

class Values : public testing::Test {
 protected:
  SettingsFolder folder_;
};

TEST_F(Values, OfTextSettingsMayLookLikeAnything) {
  for (const auto& [word, text] :
       {std::pair("7", "7"), std::pair("0x10", "0x10"), std::pair("true", "true"), std::pair("nan", "nan"),
        std::pair("1e5", "1e5"), std::pair("a,b c", "a,b c"), std::pair("'quoted #1'", "quoted #1"),
        std::pair("it's", "it's"), std::pair("a=b", "a=b"), std::pair("/x/${y", "")}) {
    if (*text == '\0')
      EXPECT_THAT(folder_.refusal({std::string("model.path=") + word}), HasSubstr("no closing '}'")) << word;
    else
      EXPECT_EQ(folder_.composed({std::string("model.path=") + word}).config.model.path, text) << word;
  }
}

TEST_F(Values, SurviveTheCanonicalText) {
  for (const char* path : {"plain", "a\"b", "a\\b", "it's", "tab\there", "del\x7F", "übung", "7", ""}) {
    folder_.write("conf/config.toml", "model.path = " + quoted_text(path) + "\n");
    EXPECT_EQ(folder_.composed().config.model.path, path);
  }
}

TEST_F(Values, OfSizes) {
  EXPECT_EQ(folder_.value("quant.weight.group_size", {"quant.weight.group_size=auto"}), "\"auto\"");
  EXPECT_EQ(folder_.value("quant.weight.group_size", {"quant.weight.group_size='auto'"}), "\"auto\"");
  EXPECT_EQ(folder_.value("quant.weight.group_size", {"quant.weight.group_size=-1"}), "-1");
  EXPECT_EQ(folder_.value("quant.weight.group_size", {"quant.weight.group_size=64"}), "64");
  EXPECT_EQ(folder_.value("rotation.r1.block_size", {"rotation.r1.block_size=auto"}), "\"auto\"");
  for (const char* bad : {"0", "1", "-2", "64.0", "Auto", "true", "'64'", "[64]", "1e3"})
    EXPECT_THAT(folder_.refusal({std::string("quant.weight.group_size=") + bad}),
                HasSubstr("; expected an integer of at least 2, -1 or 'auto'"))
        << bad;
  for (const char* bad : {"0", "-1"})
    EXPECT_THAT(folder_.refusal({std::string("rotation.r1.block_size=") + bad}),
                HasSubstr("; expected an integer of at least 1 or 'auto'"));
}

TEST_F(Values, OfClip) {
  const auto clip = [&](const std::string& word) {
    return folder_.value("quant.weight.clip", {"quant.weight.clip=" + word});
  };
  EXPECT_EQ(clip("lp"), "\"lp\"");
  EXPECT_EQ(clip("'mse'"), "\"mse\"");
  EXPECT_EQ(clip("minmax"), "\"minmax\"");
  EXPECT_EQ(clip("0.9"), "0.9");
  EXPECT_EQ(clip("'0.9'"), "0.9");
  EXPECT_EQ(clip("1"), "1");
  EXPECT_EQ(clip("9e-1"), "0.9");
  for (const char* bad : {"0", "1.01", "-0.5", "nan", "inf", "max", "true", "[0.9]", ""})
    EXPECT_THAT(folder_.refusal({std::string("quant.weight.clip=") + bad}),
                HasSubstr("; expected 'minmax', 'lp', 'mse' or a ratio in (0, 1]"))
        << bad;
}

TEST_F(Values, OfADatasetMayBeAFile) {
  EXPECT_EQ(folder_.composed({"eval.dataset=/data/my text.txt"}).config.eval.dataset, "/data/my text.txt");
}

TEST_F(Values, OutOfRangeOrOfTheWrongTypeAreRefused) {
  struct Row {
    const char *word, *expected;
  };
  constexpr Row kRows[] = {
      {"quant.weight.n_bits=1", "quant.weight.n_bits is 1 (an integer); expected an integer from 2 to 8"},
      {"quant.weight.n_bits=9", "quant.weight.n_bits is 9 (an integer); expected an integer from 2 to 8"},
      {"quant.weight.n_bits=3.5", "is 3.5 (a number); expected an integer"},
      {"quant.weight.n_bits=four", "is 'four' (a text); expected an integer"},
      {"quant.weight.symmetric=1", "is 1 (an integer); expected true or false"},
      {"quant.weight.symmetric=yes", "is 'yes' (a text); expected true or false"},
      {"quant.weight=rtn", "quant.weight is 'rtn' (a text); expected a table of scheme, n_bits, "},
      {"quant.weight.scheme={a = 1}", "is a table; expected a text"},
      {"model.path=[1]", "model.path is a list; expected a text"},
      {"model.dtype=float23",
       "expected one of 'float32', 'float16', 'bfloat16', 'float64' (did you mean 'float32'?)"},
      {"eval.bos=yes", "expected one of 'auto', 'none', 'stream'"},
      {"calibration.order=last", "expected one of 'first', 'random'"},
      {"calibration.samples=0", "expected an integer from 1 to 1000000"},
      {"eval.max_windows=-1", "expected an integer of at least 0"},
      {"seed=-1", "seed is -1 (an integer); expected an integer of at least 0"},
      {"seed=9223372036854775808", "seed is '9223372036854775808' (a text)"},
      {"run.memory=inf", "run.memory is inf (a number); expected a number of at least 0"},
      {"run.memory=nan", "run.memory is nan (a number)"},
      {"run.threads=", "run.threads is '' (a text); expected an integer from 0 to 1024"},
  };
  for (const auto& [word, expected] : kRows)
    EXPECT_THAT(folder_.refusal({word}),
                testing::AllOf(testing::StartsWith("command line: "), HasSubstr(expected)));
  EXPECT_EQ(folder_.value("seed", {"seed=9223372036854775807"}), "9223372036854775807");
  EXPECT_EQ(folder_.value("run.memory", {"run.memory=3"}), "3");
}

TEST_F(Values, MustAgree) {
  EXPECT_THAT(
      folder_.refusal({"quant.weight.scheme=rtn", "quant.weight.symmetric=false"}),
      HasSubstr("command line: quant.weight.symmetric is false but quant.weight.zero_point is unset"));
  for (const char* zero : {"integer", "real", "none"}) {
    const std::string point = std::string("quant.weight.zero_point=") + zero;
    EXPECT_THAT(folder_.refusal({"quant.weight.scheme=rtn", "quant.weight.symmetric=true", point}),
                HasSubstr("command line: quant.weight.zero_point is '" + std::string(zero) + "'"));
    EXPECT_FALSE(folder_.composed({"quant.weight.scheme=rtn", "quant.weight.symmetric=false", point})
                     .config.quant.weight.symmetric);
  }
  EXPECT_THAT(folder_.refusal({"quant.kv.scheme=rtn", "quant.kv.clip=lp"}),
              HasSubstr("command line: quant.key.clip is 'lp', but a clip search is for weights"));
  EXPECT_THAT(folder_.refusal({"quant.weight.before_rope=true"}), HasSubstr("only keys pass through RoPE"));
  EXPECT_THAT(folder_.refusal({"eval.dataset=x", "calibration.path=x"}),
              HasSubstr("command line: calibration.path and eval.dataset are both 'x'"));
}

TEST_F(Values, AZeroPointAloneMeansNotSymmetric) {
  const std::vector<std::string> words = {"quant.weight.scheme=rtn", "quant.weight.zero_point=none"};
  EXPECT_EQ(folder_.value("quant.weight.symmetric", words), "false");
  EXPECT_EQ(folder_.value("quant.activation.symmetric", words), "true");
  EXPECT_EQ(folder_.origin("quant.weight.symmetric", words), "implied by quant.weight.zero_point");
  // The same run as when it is written out.
  auto explicit_words = words;
  explicit_words.push_back("quant.weight.symmetric=false");
  EXPECT_EQ(canonical_text(folder_.composed(words).config),
            canonical_text(folder_.composed(explicit_words).config));
}

}  // namespace
}  // namespace gyre::config
