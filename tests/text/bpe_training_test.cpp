// The BPE trainer against a naive one, and its files as the loader reads them.
#include "text/bpe_training.h"

#include <algorithm>
#include <map>

#include "core/seed.h"
#include "text/loaders.h"
#include "text_files.h"

namespace gyre::text {
namespace {

using ::testing::AllOf;
using ::testing::HasSubstr;

// Counts every pair anew for each merge.
std::vector<std::string> naive_tokens(const PieceCounts& counts, std::size_t n) {
  std::vector<std::pair<std::vector<std::string>, std::int64_t>> pieces;
  for (const auto& [text, count] : counts.pieces()) {
    std::vector<std::string> symbols;
    for (const char c : text) symbols.emplace_back(1, c);
    pieces.emplace_back(symbols, count);
  }
  std::vector<std::string> tokens;
  while (tokens.size() < n) {
    std::map<std::pair<std::string, std::string>, std::int64_t> pairs;  // in order of bytes
    for (const auto& [symbols, count] : pieces)
      for (std::size_t i = 0; i + 1 < symbols.size(); ++i) pairs[{symbols[i], symbols[i + 1]}] += count;
    const auto best = std::ranges::max_element(
        pairs, {}, [](const auto& entry) { return entry.second; });  // the first of the largest
    if (best == pairs.end() || best->second < 2) break;
    const auto [left, right] = best->first;
    for (auto& [symbols, count] : pieces) {
      std::vector<std::string> merged;
      for (std::size_t i = 0; i < symbols.size(); ++i)
        if (i + 1 < symbols.size() && symbols[i] == left && symbols[i + 1] == right)
          merged.push_back(left + right), ++i;
        else
          merged.push_back(symbols[i]);
      symbols = merged;
    }
    if (std::ranges::find(tokens, left + right) == tokens.end()) tokens.push_back(left + right);
  }
  return tokens;
}

// Words of few letters, so that pairs overlap, tie, and make the same token in two ways.
std::string made_up_text(std::uint64_t seed, int n, const char* letters) {
  Rng rng(derive_seed(seed, "text"));
  std::string text;
  for (int i = 0; i < n; ++i) {
    const auto length = 1 + rng.below(9);
    for (std::uint64_t j = 0; j < length; ++j) text += letters[rng.below(std::string_view(letters).size())];
    text += rng.below(7) == 0 ? ", " : rng.below(9) == 0 ? " 19\n" : " ";
  }
  return text;
}

TEST(BpeTraining, EqualsTheNaiveTrainer) {
  for (std::uint64_t seed = 0; seed < 6; ++seed) {
    PieceCounts counts(seed % 2 == 0);
    counts.add(made_up_text(seed, 400, seed < 3 ? "aab" : "abcd"));
    counts.add("caf\u00e9 na\u00efve caf\u00e9 aaaaaaaa aaaaaaaa");
    const auto expected = naive_tokens(counts, 150);
    ASSERT_GT(expected.size(), 60u);
    const auto trained = train_bpe(counts, kFirstMergedId + static_cast<std::int64_t>(expected.size()));
    EXPECT_EQ(std::vector<std::string>(trained.tokens.begin() + kFirstMergedId, trained.tokens.end()),
              expected);
  }
}

TEST(BpeTraining, DigitsStandAloneWhereAsked) {
  for (const bool digits : {false, true}) {
    PieceCounts counts(digits);
    for (int i = 0; i < 20; ++i) counts.add("in 2014 and 2014\n");
    const auto trained = train_bpe(counts, kFirstMergedId + 4);
    const bool year = std::ranges::any_of(
        trained.tokens, [](const std::string& t) { return t.find("20") != std::string::npos; });
    EXPECT_EQ(year, !digits);
  }
}

TEST(BpeTraining, RefusesMoreThanTheTextSupports) {
  PieceCounts counts(false);
  counts.add("ab ab cd");
  const auto error = error_of([&] { train_bpe(counts, 4096); });
  EXPECT_EQ(error.code(), ErrorCode::kConfig);
  // "ab" and then " ab" would need two of the latter; the first word has no blank before it.
  EXPECT_THAT(error.what(), AllOf(HasSubstr("4096"), HasSubstr("259 tokens at most"), HasSubstr("8 bytes")));
  EXPECT_THAT(error_of([&] { train_bpe(counts, 258); }).what(), HasSubstr("259 or more"));
  EXPECT_EQ(train_bpe(counts, 259).tokens.back(), "ab");
}

class TrainedTokenizer : public TextFiles {};

TEST_F(TrainedTokenizer, AreReadToTheSameTokens) {
  for (const bool digits : {false, true}) {
    PieceCounts counts(digits);
    const auto text = made_up_text(3, 600, "abcde") + " caf\u00e9 it's 1984 , \u00fcber \t\n\n  x";
    counts.add(text);
    const auto trained = train_bpe(counts, 400);
    write("tokenizer.json", hf_tokenizer_text(trained, digits));
    write("tokenizer_config.json", hf_tokenizer_config_text(512));
    const auto tokenizer = load_tokenizer(folder_);
    EXPECT_EQ(tokenizer->vocab_size(), 400);
    EXPECT_EQ(tokenizer->bos(), kBosId);
    EXPECT_TRUE(tokenizer->adds_bos());
    const auto ids = tokenizer->encode(text);
    std::string joined;
    for (const auto id : ids) joined += trained.tokens.at(static_cast<std::size_t>(id));
    EXPECT_EQ(joined, text);
    EXPECT_LT(ids.size(), text.size() * 2 / 3);
    EXPECT_EQ(tokenizer->encode(std::string(kEosText) + std::string(kBosText)),
              (std::vector<TokenId>{kEosId, kBosId}));
  }
}

}  // namespace
}  // namespace gyre::text
