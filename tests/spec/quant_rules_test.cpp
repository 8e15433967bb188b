// Mixed plans: what a rule may say, where it holds, and which of several wins.
#include "spec/quant_rules.h"

#include <gmock/gmock.h>
#include <gtest/gtest.h>

#include "core/error.h"

namespace gyre {
namespace {

using testing::HasSubstr;

constexpr std::int64_t kLayers = 30;

QuantSpec spec(const std::string& rules) {
  QuantSpec s;
  s.scheme = "rtn";
  s.n_bits = 2;
  s.group_size.value = 64;
  s.rules = rules;
  return s;
}

std::int64_t bits(const std::string& rules, std::int64_t layer, std::string_view role) {
  return resolve_rules(spec(rules), layer, role, kLayers).n_bits;
}

template <class F>
std::string refusal(F&& f) {
  try {
    f();
  } catch (const Error& error) {
    EXPECT_EQ(error.code(), ErrorCode::kConfig);
    return error.what();
  }
  return "accepted";
}

std::string text_refusal(const std::string& rules, std::string_view site = "quant.weight") {
  return refusal([&] { check_rules_text(spec(rules), site); });
}

std::string match_refusal(const std::string& rules, std::string_view site = "quant.weight") {
  return refusal([&] { check_rules_match(spec(rules), site, kLayers); });
}

TEST(QuantRules, HoldWhereTheirPatternsMatch) {
  struct Row {
    const char* pattern;
    std::int64_t layer;
    const char* role;
    bool matches;
  };
  constexpr Row kRows[] = {
      {"down_proj", 0, "down_proj", true},
      {"down_proj", 29, "down_proj", true},
      {"down_proj", 0, "up_proj", false},
      {"layers.3", 3, "q_proj", true},
      {"layers.3", 30, "q_proj", false},
      {"layers.3", 13, "q_proj", false},
      {"layers.3.o_proj", 3, "o_proj", true},
      {"layers.3.o_proj", 3, "q_proj", false},
      {"layers.-1", 29, "k_proj", true},
      {"layers.-1", 28, "k_proj", false},
      {"layers.-2.v_proj", 28, "v_proj", true},
      {"layers.2-4", 1, "q_proj", false},
      {"layers.2-4", 2, "q_proj", true},
      {"layers.2-4", 4, "q_proj", true},
      {"layers.2-4.up_proj", 3, "gate_proj", false},
      {"layers.*.down_proj", 17, "down_proj", true},
      {"layers.1?", 17, "down_proj", true},
      {"layers.1?", 7, "down_proj", false},
      {"[qkv]_proj", 5, "v_proj", true},
      {"[qkv]_proj", 5, "o_proj", false},
      {"*", 5, "o_proj", true},
  };
  for (const auto& [pattern, layer, role, matches] : kRows)
    EXPECT_EQ(bits(std::string(pattern) + ": n_bits=8", layer, role), matches ? 8 : 2)
        << pattern << " at layer " << layer << " " << role;
}

TEST(QuantRules, SetEveryFieldThatMayDiffer) {
  const auto s = resolve_rules(
      spec("o_proj: scheme=none n_bits=3 group_size=auto symmetric=false zero_point=real clip=0.9"), 0,
      "o_proj", kLayers);
  EXPECT_EQ(s.scheme, "none");
  EXPECT_EQ(s.n_bits, 3);
  EXPECT_TRUE(s.group_size.is_auto());
  EXPECT_FALSE(s.symmetric);
  EXPECT_EQ(s.zero_point, "real");
  EXPECT_EQ(to_text(s.clip), "0.9");
  EXPECT_EQ(s.rules, "");
  EXPECT_EQ(resolve_rules(spec("*: group_size=-1"), 0, "q_proj", kLayers).group_size.value, -1);
}

TEST(QuantRules, LaterOnesWinSettingBySetting) {
  const std::string rules =
      "down_proj: n_bits=4 group_size=32; layers.0, layers.-1: n_bits=8; layers.0.down_proj: clip=lp";
  const auto first = resolve_rules(spec(rules), 0, "down_proj", kLayers);
  EXPECT_EQ(first.n_bits, 8);
  EXPECT_EQ(first.group_size.value, 32);
  EXPECT_EQ(to_text(first.clip), "lp");
  EXPECT_EQ(bits(rules, 1, "down_proj"), 4);
  EXPECT_EQ(bits(rules, 1, "up_proj"), 2);
  EXPECT_EQ(bits(rules, 29, "up_proj"), 8);
}

TEST(QuantRules, ChangeNothingElsewhere) {
  QuantSpec plain = spec("");
  EXPECT_EQ(resolve_rules(spec("down_proj: n_bits=4"), 3, "up_proj", kLayers), plain);
  EXPECT_EQ(resolve_rules(plain, 3, "up_proj", kLayers), plain);
}

TEST(QuantRules, ZeroPointAndSymmetricImplyEachOther) {
  EXPECT_FALSE(resolve_rules(spec("*: zero_point=real"), 0, "q_proj", kLayers).symmetric);
  QuantSpec offset = spec("layers.0: symmetric=true");
  offset.symmetric = false;
  offset.zero_point = "integer";
  EXPECT_EQ(resolve_rules(offset, 0, "q_proj", kLayers).zero_point, "unset");
  EXPECT_EQ(resolve_rules(offset, 1, "q_proj", kLayers).zero_point, "integer");
}

TEST(QuantRules, MayBeWrittenOverSeveralLines) {
  const std::string rules = "\n  down_proj: n_bits=4;\n\tlayers.0,\n  layers.1: n_bits=8 \n;\n";
  EXPECT_EQ(text_refusal(rules), "accepted");
  EXPECT_EQ(parse_rules(rules, "rules").size(), 2u);
  EXPECT_EQ(bits(rules, 1, "q_proj"), 8);
}

TEST(QuantRules, RefuseWhatIsNoRule) {
  for (const auto& [rules, part] :
       {std::pair("down_proj n_bits=4", "is no rule"), std::pair(": n_bits=4", "is no rule"),
        std::pair("down_proj:", "sets nothing"), std::pair("down_proj: n_bits", "not key=value"),
        std::pair("down_proj: n_bits=", "not key=value"), std::pair("down_proj: n_bits = 4", "not key=value"),
        std::pair("down_proj: n_bits=4 n_bits=5", "twice"), std::pair("down_proj,: n_bits=4", "no pattern"),
        std::pair("down proj: n_bits=4", "no pattern"),
        std::pair("down_proj: n_bit=4", "did you mean 'n_bits'"),
        std::pair("down_proj: n_bits=9", "an integer from 2 to 8"),
        std::pair("down_proj: n_bits=four", "an integer from 2 to 8"),
        std::pair("down_proj: group_size=1", "or 'auto'"),
        std::pair("down_proj: symmetric=yes", "true or false"),
        std::pair("down_proj: zero_point=int", "'integer'"), std::pair("down_proj: clip=1.5", "a ratio"),
        std::pair("down_proj: solver=gptq", "set quant.weight.solver instead"),
        std::pair("down_proj: rules=x", "the same for all")}) {
    const auto message = text_refusal(rules);
    EXPECT_THAT(message, testing::StartsWith("quant.weight.rules: ")) << rules;
    EXPECT_THAT(message, HasSubstr(part)) << rules;
  }
}

TEST(QuantRules, MustQuantizeSomething) {
  QuantSpec off = spec("down_proj: n_bits=4");
  off.scheme = "none";
  EXPECT_THAT(refusal([&] { check_rules_text(off, "quant.activation"); }),
              HasSubstr("nothing would be quantized"));
  off.rules = "down_proj: scheme=rtn n_bits=4";
  check_rules_text(off, "quant.activation");
  EXPECT_TRUE(off.used());
  EXPECT_FALSE(off.enabled());
}

TEST(QuantRules, NameWhatThereIsWhereNothingMatches) {
  EXPECT_EQ(match_refusal("down_proj: n_bits=4; layers.0-29: n_bits=3"), "accepted");
  EXPECT_EQ(match_refusal("layers.25-99: n_bits=3"), "accepted");
  const auto slip = match_refusal("down_prj: n_bits=4");
  EXPECT_THAT(slip, HasSubstr("'down_prj' matches nothing (did you mean 'down_proj'?)"));
  EXPECT_THAT(slip, HasSubstr("layers.0 to layers.29"));
  EXPECT_THAT(slip, HasSubstr("q_proj, k_proj"));
  for (const char* pattern :
       {"layers.30", "layers.-31", "layers.30-40", "layers.3.key", "layers", "layers.", "lm_head"})
    EXPECT_THAT(match_refusal(std::string(pattern) + ": n_bits=4"), HasSubstr("matches nothing")) << pattern;
}

TEST(QuantRules, KeysAndValuesHaveRolesOfTheirOwn) {
  EXPECT_EQ(match_refusal("layers.0: n_bits=8", "quant.key"), "accepted");
  EXPECT_EQ(match_refusal("layers.0.key: n_bits=8", "quant.key"), "accepted");
  EXPECT_THAT(match_refusal("k_proj: n_bits=8", "quant.key"), HasSubstr("each with key"));
  EXPECT_THAT(match_refusal("key: n_bits=8", "quant.value"), HasSubstr("each with value"));
}

TEST(QuantRules, ShowInTheLabel) {
  RunConfig config;
  config.quant.weight = spec("down_proj: n_bits=4");
  EXPECT_EQ(bits_label(config), "W2*A16");
  config.quant.activation = config.quant.key = config.quant.value = spec("");
  config.quant.key.rules = "layers.0: n_bits=8";
  EXPECT_EQ(bits_label(config), "W2*A2K2*V2");
  config.quant.value.rules = config.quant.key.rules;
  EXPECT_EQ(bits_label(config), "W2*A2KV2*");
  config = {};
  config.quant.activation.rules = "down_proj: scheme=rtn n_bits=8";
  EXPECT_EQ(bits_label(config), "W16A16*");
}

TEST(QuantRules, AreCheckedWithTheConfiguration) {
  RunConfig config;
  config.quant.key = spec("layers.0: bits=8");
  EXPECT_THAT(refusal([&] { check_rules(config); }),
              testing::StartsWith("quant.key.rules: unknown key 'bits'"));
}

TEST(ModelShape, FitsWhereEverySizeThatIsAskedForIsThere) {
  const ModelShape there{256, 768, 2, 2, 2, 128, 512};
  EXPECT_TRUE(fits({}, there));
  EXPECT_TRUE(fits(there, there));
  EXPECT_TRUE(fits({.hidden_size = 256, .head_dim = 128}, there));
  EXPECT_FALSE(fits({.hidden_size = 256, .vocab_size = 32000}, there));
  EXPECT_EQ(to_text(ModelShape{.hidden_size = 256, .head_dim = 128}), "hidden_size 256, head_dim 128");
  EXPECT_EQ(to_text(ModelShape{}), "");
}

TEST(ModelShape, IsNoPartOfARunsIdentity) {
  RunConfig a, b;
  b.model.shape.hidden_size = 4096;
  b.model.any_shape = true;
  EXPECT_EQ(canonical_text(a), canonical_text(b));
  b.model.path = "elsewhere";
  EXPECT_NE(canonical_text(a), canonical_text(b));
}

}  // namespace
}  // namespace gyre
