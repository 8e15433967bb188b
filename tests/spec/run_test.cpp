#include "spec/run.h"

#include <gmock/gmock.h>
#include <gtest/gtest.h>

#include <set>

#include "core/error.h"

namespace gyre {
namespace {

std::string message_of(const RunConfig& config) {
  try {
    check_rules(config);
  } catch (const Error& error) {
    EXPECT_EQ(error.code(), ErrorCode::kConfig);
    return error.what();
  }
  return "";
}

TEST(Params, NameEverySettingOnce) {
  std::set<std::string> keys;
  for (const auto& [key, value] : params(RunConfig{})) EXPECT_TRUE(keys.insert(key).second) << key;
  for (const char* key :
       {"model.path", "rotation.r1.scheme", "quant.weight.group_size", "quant.key.before_rope",
        "calibration.order", "eval.max_windows", "seed", "replica", "run.device"})
    EXPECT_TRUE(keys.contains(key)) << key;
}

TEST(CanonicalText, LeavesOutHowARunIsCarriedOut) {
  RunConfig a, b;
  b.run.device = "cuda";
  b.run.threads = 3;
  EXPECT_EQ(canonical_text(a), canonical_text(b));
  b.quant.weight.n_bits = 3;
  EXPECT_NE(canonical_text(a), canonical_text(b));
}

TEST(CanonicalText, QuotesTextAndKeepsNumbersBare) {
  RunConfig config;
  config.model.path = "a\"b\\c";
  config.quant.weight.clip = {Clip::Method::kRatio, 0.9};
  config.quant.weight.group_size.value = AutoSize::kAuto;
  const auto text = canonical_text(config);
  EXPECT_THAT(text, testing::HasSubstr("model.path = \"a\\\"b\\\\c\"\n"));
  EXPECT_THAT(text, testing::HasSubstr("quant.weight.clip = 0.9\n"));
  EXPECT_THAT(text, testing::HasSubstr("quant.weight.group_size = \"auto\"\n"));
}

TEST(BitsLabel, IsTheFieldsShorthand) {
  RunConfig config;
  EXPECT_EQ(bits_label(config), "FP");
  config.quant.weight.scheme = "rtn";
  EXPECT_EQ(bits_label(config), "W4A16");
  config.quant.weight.n_bits = 2;
  config.quant.activation.scheme = config.quant.key.scheme = config.quant.value.scheme = "rtn";
  EXPECT_EQ(bits_label(config), "W2A4KV4");
  config.quant.value.n_bits = 8;
  config.rotation.r3.scheme = config.rotation.r4.scheme = "hadamard";
  EXPECT_EQ(bits_label(config), "W2A4K4V8+R3R4");
}

TEST(Rules, ZeroPointAndSymmetricMustAgree) {
  RunConfig config;
  config.quant.weight.scheme = "rtn";
  EXPECT_EQ(message_of(config), "");
  config.quant.weight.zero_point = "none";
  EXPECT_THAT(message_of(config), testing::HasSubstr("quant.weight.zero_point"));
  config.quant.weight.symmetric = false;
  EXPECT_EQ(message_of(config), "");
  config.quant.weight.zero_point = "unset";
  EXPECT_THAT(message_of(config), testing::HasSubstr("zero_point is unset"));
}

TEST(Rules, SearchesAreForWeights) {
  RunConfig config;
  config.quant.key.scheme = "rtn";
  config.quant.key.clip.method = Clip::Method::kLp;
  EXPECT_THAT(message_of(config), testing::HasSubstr("quant.key.clip"));
}

TEST(Rules, CalibrationOnTheEvaluatedTextIsRefused) {
  RunConfig config;
  config.calibration.path = config.eval.dataset;
  EXPECT_THAT(message_of(config), testing::HasSubstr("refused"));
}

TEST(Rules, SomeSettingsBelongToOneSiteOnly) {
  RunConfig config;
  config.quant.value.solver = "gptq";
  EXPECT_THAT(message_of(config), testing::StartsWith("quant.value.solver is 'gptq', but only weights"));
  config = {};
  config.quant.activation.before_rope = true;
  EXPECT_THAT(message_of(config), testing::StartsWith("quant.activation.before_rope is true, but only keys"));
  config = {};
  config.quant.key.before_rope = true;
  EXPECT_EQ(message_of(config), "");
}

TEST(Rules, LevelsOfWhatIsNotQuantizedDoNotMatter) {
  RunConfig config;
  config.quant.key.symmetric = false;
  config.quant.activation.clip.method = Clip::Method::kMse;
  EXPECT_EQ(message_of(config), "");
}

TEST(QuotedText, EscapesWhatTomlDoesNotAllow) {
  EXPECT_EQ(quoted_text("a\"b\\c"), "\"a\\\"b\\\\c\"");
  EXPECT_EQ(quoted_text("a\nb\x7F"), "\"a\\u000Ab\\u007F\"");
  EXPECT_EQ(quoted_text("ü"), "\"ü\"");
}

TEST(ResolveSize, FindsTheLargestPowerOfTwoUpTo128) {
  EXPECT_EQ(resolve_size(AutoSize{}, 576, "x"), 64);
  EXPECT_EQ(resolve_size(AutoSize{}, 1536, "x"), 128);
  EXPECT_EQ(resolve_size(AutoSize{}, 16, "x"), 16);
  EXPECT_EQ(resolve_size(AutoSize{}, 33, "x"), 1);
  EXPECT_EQ(resolve_size(AutoSize{-1}, 576, "x"), 576);
  EXPECT_EQ(resolve_size(AutoSize{192}, 576, "x"), 192);
  try {
    resolve_size(AutoSize{128}, 576, "quant.weight.group_size");
    FAIL();
  } catch (const Error& error) {
    EXPECT_EQ(error.code(), ErrorCode::kConfig);
    EXPECT_STREQ(error.what(), "quant.weight.group_size = 128 does not divide 576; use a divisor or 'auto'");
  }
}

TEST(ParseClip, TakesNamesAndRatios) {
  EXPECT_EQ(parse_clip("lp")->method, Clip::Method::kLp);
  EXPECT_EQ(parse_clip("0.9")->ratio, 0.9);
  for (const char* bad : {"", "l", "0", "1.5", "-1", "0.9x", "nan"}) EXPECT_FALSE(parse_clip(bad)) << bad;
}

}  // namespace
}  // namespace gyre
