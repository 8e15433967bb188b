#include "text/gguf_vocabulary.h"

#include <nlohmann/json.hpp>

#include "text_files.h"

namespace gyre::text {
namespace {

using testing::ElementsAre;
using testing::HasSubstr;

GgufVocabulary byte_level() {
  return {.model = "gpt2",
          .pre = "smollm",
          .tokens = {"<eot>", "a", "1", "Ġ", "Ġa", "11"},
          .merges = {"Ġ a", "1 1"},
          .types = {3, 1, 1, 1, 1, 1},
          .bos = 0};
}

GgufVocabulary sentencepiece_style() {
  return {.model = "llama",
          .tokens = {"<unk>", "<s>", "<0xC3>", "<0xA9>", "▁", "a", "▁a", "aa"},
          .scores = {0, 0, 0, 0, -5, -6, -2, -1},
          .types = {2, 3, 6, 6, 1, 1, 1, 1},
          .bos = 1,
          .unknown = 0};
}

TEST(GgufVocabulary, SplitsAsThePreTokenizerNameSays) {
  auto v = byte_level();
  EXPECT_THAT(make_tokenizer(v)->encode("a a11<eot>"), ElementsAre(1, 4, 2, 2, 0));
  v.pre = "gpt-2";
  EXPECT_THAT(make_tokenizer(v)->encode("a a11"), ElementsAre(1, 4, 5));
}

TEST(GgufVocabulary, AddsBosAsTheFileSays) {
  auto v = byte_level();
  EXPECT_FALSE(make_tokenizer(v)->adds_bos());
  EXPECT_EQ(make_tokenizer(v)->bos(), 0);
  v.add_bos = true;
  EXPECT_TRUE(make_tokenizer(v)->adds_bos());
  v.bos.reset();
  EXPECT_THAT(error_of([&] { make_tokenizer(v); }).what(), HasSubstr("bos_token_id is missing"));
  EXPECT_TRUE(make_tokenizer(sentencepiece_style())->adds_bos());
}

TEST(GgufVocabulary, MergesByScoreWithByteFallback) {
  auto v = sentencepiece_style();
  EXPECT_THAT(make_tokenizer(v)->encode("aaa"), ElementsAre(4, 7, 5));
  EXPECT_THAT(make_tokenizer(v)->encode("a\u00e9xy"), ElementsAre(6, 2, 3, 0));
  v.add_space_prefix = false;
  EXPECT_THAT(make_tokenizer(v)->encode("aa a"), ElementsAre(7, 6));
}

TEST(GgufVocabulary, RefusesUnknownNames) {
  auto v = byte_level();
  v.pre = "default";
  auto error = error_of([&] { make_tokenizer(v); });
  EXPECT_EQ(error.code(), ErrorCode::kUnsupported);
  EXPECT_THAT(error.what(), HasSubstr("'default'"));
  EXPECT_THAT(error.what(), HasSubstr("smollm"));
  v.model = "bert";
  EXPECT_EQ(error_of([&] { make_tokenizer(v); }).code(), ErrorCode::kUnsupported);
}

TEST(GgufVocabulary, RefusesPartsThatDoNotFit) {
  const auto message = [](auto change, GgufVocabulary v) {
    change(v);
    const auto error = error_of([&] { make_tokenizer(v); });
    EXPECT_EQ(error.code(), ErrorCode::kInput);
    return std::string(error.what());
  };
  EXPECT_THAT(message([](auto& v) { v.merges[1] = "1 2"; }, byte_level()), HasSubstr("merges[1]"));
  EXPECT_THAT(message([](auto& v) { v.merges.clear(); }, byte_level()), HasSubstr("merges is missing"));
  EXPECT_THAT(message([](auto& v) { v.types.pop_back(); }, byte_level()), HasSubstr("token_type has 5"));
  EXPECT_THAT(message([](auto& v) { v.bos = 6; }, byte_level()), HasSubstr("bos_token_id is 6"));
  EXPECT_THAT(message([](auto& v) { v.tokens.clear(); }, byte_level()), HasSubstr("0 tokens"));
  EXPECT_THAT(message([](auto& v) { v.tokens[1] = "\xff"; }, byte_level()), HasSubstr("tokens[1]"));
  EXPECT_THAT(message([](auto& v) { v.scores.pop_back(); }, sentencepiece_style()),
              HasSubstr("7 values for 8"));
}

// One vocabulary in two containers.
TEST(GgufVocabulary, GivesTheIdsOfTheSameTokenizerJson) {
  const auto path = std::filesystem::path(GYRE_TEST_DATA) / "tokenizers/smollm2/tokenizer.json";
  const auto file = nlohmann::json::parse(read_file(path));
  const auto& vocab = file["model"]["vocab"];
  GgufVocabulary v{.model = "gpt2", .pre = "smollm"};
  v.tokens.resize(vocab.size());
  for (const auto& [token, id] : vocab.items()) v.tokens[id.get<std::size_t>()] = token;
  for (const auto& merge : file["model"]["merges"])
    v.merges.push_back(merge[0].get<std::string>() + " " + merge[1].get<std::string>());
  v.types.assign(v.tokens.size(), 1);
  for (const auto& token : file["added_tokens"]) v.types[token["id"].get<std::size_t>()] = 3;
  const auto fixtures =
      nlohmann::json::parse(read_file(std::filesystem::path(GYRE_TEST_DATA) / "tokenizers/fixtures.json"));
  const auto text = fixtures["nasty"].get<std::string>();
  EXPECT_EQ(make_tokenizer(v)->encode(text), load_tokenizer(path)->encode(text));
}

}  // namespace
}  // namespace gyre::text
