#include "text/pre_tokenizer.h"

#include <gmock/gmock.h>
#include <gtest/gtest.h>

#include "core/error.h"

namespace gyre::text {
namespace {

using testing::ElementsAre;

std::vector<std::string> pieces(const PreTokenizer& pre_tokenizer, std::string_view text) {
  std::deque<std::string> storage;
  const auto found = pre_tokenizer.apply(text, true, storage);
  return {found.begin(), found.end()};
}

std::vector<std::string> split(std::string_view pattern, std::string_view text) {
  PreTokenizer pre_tokenizer;
  pre_tokenizer.split(Regex(pattern), SplitBehavior::kIsolated);
  return pieces(pre_tokenizer, text);
}

TEST(PreTokenizer, Gpt2PatternKeepsTheSpaceWithTheWord) {
  EXPECT_THAT(split(kGpt2Pattern, "I'm at  home, 42x\n"),
              ElementsAre("I", "'m", " at", " ", " home", ",", " 42", "x", "\n"));
}

TEST(PreTokenizer, Llama3PatternTakesDigitsByThree) {
  EXPECT_THAT(split(kLlama3Pattern, "in 12345 WE'LL\r\n go"),
              ElementsAre("in", " ", "123", "45", " WE", "'LL", "\r\n", " go"));
}

TEST(PreTokenizer, Qwen2PatternTakesDigitsOneByOne) {
  EXPECT_THAT(split(kQwen2Pattern, "a 12\n\n"), ElementsAre("a", " ", "1", "2", "\n\n"));
}

TEST(PreTokenizer, IsolatedDigitsEndTheWhiteSpaceBeforeThem) {
  PreTokenizer smollm;
  smollm.split(Regex(kDigitPattern), SplitBehavior::kIsolated);
  smollm.split(Regex(kGpt2Pattern), SplitBehavior::kIsolated);
  EXPECT_THAT(pieces(smollm, "in  1984"), ElementsAre("in", "  ", "1", "9", "8", "4"));
}

TEST(PreTokenizer, WhiteSpaceIsUnicodesProperty) {
  // U+180E lost it in Unicode 6.3; U+0085 has it.
  EXPECT_THAT(split(R"(\s+)", "a\u180eb\u0085c\u3000d"),
              ElementsAre("a\u180eb", "\u0085", "c", "\u3000", "d"));
  EXPECT_THAT(split(R"([^\s]+)", "a\u180eb c"), ElementsAre("a\u180eb", " ", "c"));
  EXPECT_THAT(split(R"(\S+)", "a\u180eb c"), ElementsAre("a\u180eb", " ", "c"));
}

TEST(PreTokenizer, LongRunsDoNotExhaustTheMatcher) {
  EXPECT_EQ(split(kLlama3Pattern, std::string(1 << 20, ' ') + "x").size(), 2u);
  EXPECT_EQ(split(kGpt2Pattern, std::string(1 << 20, 'x')).size(), 1u);
}

TEST(PreTokenizer, MergesMatchesWithWhatFollows) {
  PreTokenizer pre_tokenizer;
  pre_tokenizer.split(Regex("_"), SplitBehavior::kMergedWithNext);
  EXPECT_THAT(pieces(pre_tokenizer, "a__b_"), ElementsAre("a", "_", "_b", "_"));
}

TEST(Regex, RefusesWhatPcre2DoesNotTake) {
  for (const char* pattern : {"(", R"([\S])", "[a[b]]"}) {
    try {
      Regex regex(pattern);
      FAIL() << pattern;
    } catch (const Error& error) {
      EXPECT_EQ(error.code(), ErrorCode::kUnsupported);
    }
  }
}

}  // namespace
}  // namespace gyre::text
