#include <nlohmann/json.hpp>

#include "text/tokenizer.h"
#include "text_files.h"

namespace gyre {
namespace {

using testing::ElementsAre;
using testing::HasSubstr;
using testing::IsEmpty;

// Bytes a, b, space (spelled as GPT-2 does) and two merges; one special token.
constexpr std::string_view kByteLevel = R"({
  "added_tokens": [{"id": 5, "content": "<eot>", "normalized": false, "special": true}],
  "normalizer": null,
  "pre_tokenizer": {"type": "ByteLevel", "add_prefix_space": false, "use_regex": true},
  "post_processor": null,
  "model": {"type": "BPE", "vocab": {"a": 0, "b": 1, "Ġ": 2, "ab": 3, "Ġab": 4}, "merges": ["a b", "Ġ ab"]}})";

class HfTokenizer : public TextFiles {
 protected:
  std::vector<TokenId> encode(std::string_view file, std::string_view text) const {
    return load_tokenizer(write("tokenizer.json", file))->encode(text);
  }
  Error refusal(std::string_view from, std::string_view to) const {
    const auto path = write("tokenizer.json", replaced(std::string(kByteLevel), from, to));
    return error_of([&] { load_tokenizer(path); });
  }
};

TEST_F(HfTokenizer, MergesInOrderOfRankWithinPieces) {
  EXPECT_THAT(encode(kByteLevel, "ab abba"), ElementsAre(3, 4, 1, 0));
}

TEST_F(HfTokenizer, FindsSpecialTokensInText) {
  EXPECT_THAT(encode(kByteLevel, "a<eot>b"), ElementsAre(0, 5, 1));
}

TEST_F(HfTokenizer, EncodesNothingToNothing) {
  EXPECT_THAT(encode(kByteLevel, ""), IsEmpty());
}

TEST_F(HfTokenizer, TakesMergesWrittenAsPairs) {
  const auto file = replaced(std::string(kByteLevel), R"(["a b", "Ġ ab"])", R"([["a", "b"], ["Ġ", "ab"]])");
  EXPECT_THAT(encode(file, "ab ab"), ElementsAre(3, 4));
}

TEST_F(HfTokenizer, StripsWhiteSpaceAroundTokensThatAskForIt) {
  const auto file = replaced(std::string(kByteLevel), R"("normalized": false)",
                             R"("normalized": false, "lstrip": true, "rstrip": true)");
  EXPECT_THAT(encode(file, "a  <eot>\n\tb"), ElementsAre(0, 5, 1));
}

TEST_F(HfTokenizer, SplitsByPatternBeforeBytes) {
  const auto file = replaced(std::string(kByteLevel),
                             R"({"type": "ByteLevel", "add_prefix_space": false, "use_regex": true})",
                             R"({"type": "Sequence", "pretokenizers": [
      {"type": "Split", "pattern": {"Regex": "b"}, "behavior": "Isolated", "invert": false},
      {"type": "ByteLevel", "add_prefix_space": false, "use_regex": false}]})");
  EXPECT_THAT(encode(file, "ab"), ElementsAre(0, 1));
}

TEST_F(HfTokenizer, RemovesWhatLiesBetweenMatchesWhenInverted) {
  const auto file = replaced(std::string(kByteLevel),
                             R"({"type": "ByteLevel", "add_prefix_space": false, "use_regex": true})",
                             R"({"type": "Sequence", "pretokenizers": [
      {"type": "Split", "pattern": {"Regex": "[ab]+"}, "behavior": "Removed", "invert": true},
      {"type": "ByteLevel", "add_prefix_space": true, "use_regex": false}]})");
  EXPECT_THAT(encode(file, "ab---ab"), ElementsAre(4, 4));
}

// LLaMA-2's rule in a vocabulary of our own: every character of it, then bytes, then unknown.
constexpr std::string_view kCharacters = R"({
  "added_tokens": [{"id": 0, "content": "<unk>", "normalized": true}, {"id": 1, "content": "<s>", "normalized": true}],
  "normalizer": {"type": "Sequence", "normalizers": [{"type": "Prepend", "prepend": "▁"},
    {"type": "Replace", "pattern": {"String": " "}, "content": "▁"}]},
  "pre_tokenizer": null,
  "post_processor": {"type": "TemplateProcessing",
    "single": [{"SpecialToken": {"id": "<s>", "type_id": 0}}, {"Sequence": {"id": "A", "type_id": 0}}],
    "special_tokens": {"<s>": {"id": "<s>", "ids": [1], "tokens": ["<s>"]}}},
  "model": {"type": "BPE", "unk_token": "<unk>", "fuse_unk": true, "byte_fallback": true,
    "vocab": {"<unk>": 0, "<s>": 1, "<0xC3>": 2, "<0xA9>": 3, "▁": 4, "a": 5, "▁a": 6, "aa": 7},
    "merges": ["▁ a", "a a"]}})";

TEST_F(HfTokenizer, PrependsAndMergesAcrossTheWholeText) {
  EXPECT_THAT(encode(kCharacters, "aaa aa"), ElementsAre(6, 7, 6, 5));
}

TEST_F(HfTokenizer, FallsBackToBytesThenToOneUnknown) {
  EXPECT_THAT(encode(kCharacters, "\u00e9a"), ElementsAre(4, 2, 3, 5));
  EXPECT_THAT(encode(kCharacters, "xyza"), ElementsAre(4, 0, 5));
}

TEST_F(HfTokenizer, TakesBosFromThePostProcessor) {
  const auto tokenizer = load_tokenizer(write("tokenizer.json", kCharacters));
  EXPECT_EQ(tokenizer->bos(), 1);
  EXPECT_TRUE(tokenizer->adds_bos());
}

TEST_F(HfTokenizer, LetsTheTokenizerConfigDecideOnBos) {
  write("tokenizer.json", kCharacters);
  write("tokenizer_config.json", R"({"add_bos_token": false, "bos_token": {"content": "<s>"}})");
  EXPECT_FALSE(load_tokenizer(folder_)->adds_bos());
  EXPECT_EQ(load_tokenizer(folder_)->bos(), 1);
  write("tokenizer.json", kByteLevel);
  write("tokenizer_config.json", R"({"add_bos_token": true, "bos_token": "<eot>"})");
  EXPECT_TRUE(load_tokenizer(folder_)->adds_bos());
  EXPECT_EQ(load_tokenizer(folder_)->bos(), 5);
  write("tokenizer_config.json", R"({"add_bos_token": true, "bos_token": "<nowhere>"})");
  EXPECT_THAT(error_of([&] { load_tokenizer(folder_); }).what(), HasSubstr("'<nowhere>'"));
}

TEST_F(HfTokenizer, MetaspaceMarksTheStartAndTheSpaces) {
  auto file = nlohmann::json::parse(kCharacters);
  file["normalizer"] = nullptr;
  file["pre_tokenizer"] = {
      {"type", "Metaspace"}, {"replacement", "▁"}, {"prepend_scheme", "first"}, {"split", false}};
  EXPECT_THAT(encode(file.dump(), "aaa aa"), ElementsAre(6, 7, 6, 5));
  file["pre_tokenizer"]["split"] = true;
  EXPECT_THAT(encode(file.dump(), "a  a"), ElementsAre(6, 4, 6));
  file["pre_tokenizer"]["prepend_scheme"] = "never";
  EXPECT_THAT(encode(file.dump(), "a a"), ElementsAre(5, 6));
}

TEST_F(HfTokenizer, RefusesComposedInputOnlyWhereCompositionMatters) {
  const auto file =
      replaced(std::string(kByteLevel), R"("normalizer": null)", R"("normalizer": {"type": "NFC"})");
  EXPECT_THAT(encode(file, "ab ab"), ElementsAre(3, 4));
  const auto error = error_of([&] { encode(file, "ab a\u0301"); });
  EXPECT_EQ(error.code(), ErrorCode::kUnsupported);
  EXPECT_THAT(error.what(), HasSubstr("offset 4"));
}

TEST_F(HfTokenizer, RefusesTextThatIsNotUtf8WithTheOffset) {
  const auto error = error_of([&] { encode(kByteLevel, "ab\xff"); });
  EXPECT_EQ(error.code(), ErrorCode::kInput);
  EXPECT_THAT(error.what(), HasSubstr("offset 2"));
}

TEST_F(HfTokenizer, NamesTheUnknownTokenOfAMerge) {
  const auto error = refusal("\"Ġ ab\"", "\"Ġ abc\"");
  EXPECT_EQ(error.code(), ErrorCode::kInput);
  EXPECT_THAT(error.what(), HasSubstr("merge 1"));
  EXPECT_THAT(error.what(), HasSubstr("'abc'"));
  EXPECT_THAT(refusal("\"a b\"", "\"a b b\"").what(), HasSubstr("merge 0"));
}

TEST_F(HfTokenizer, RefusesHolesAndSharedIds) {
  EXPECT_THAT(refusal("\"ab\": 3", "\"ab\": 7").what(), HasSubstr("no token has the id 3"));
  EXPECT_THAT(refusal("\"ab\": 3", "\"ab\": 2").what(), HasSubstr("same id 2"));
  EXPECT_THAT(refusal("\"id\": 5", "\"id\": 4").what(), HasSubstr("same id 4"));
  EXPECT_THAT(refusal("\"ab\": 3", "\"ab\": -3").what(), HasSubstr("-3"));
}

TEST_F(HfTokenizer, NamesWhatItDoesNotKnow) {
  struct {
    std::string_view from, to, named;
  } const cases[] = {
      {"\"normalizer\": null", R"("normalizer": {"type": "Lowercase"})", "normalizer 'Lowercase'"},
      {"\"type\": \"ByteLevel\"", R"("type": "Whitespace")", "pre_tokenizer 'Whitespace'"},
      {"\"post_processor\": null", R"("post_processor": {"type": "BertProcessing"})",
       "post_processor 'BertProcessing'"},
      {"\"type\": \"BPE\"", R"("type": "Unigram")", "model type 'Unigram'"},
      {"\"type\": \"BPE\"", R"("type": "BPE", "dropout": 0.1)", "model.dropout"},
      {"\"normalized\": false", R"("normalized": false, "single_word": true)", "single_word"},
  };
  for (const auto& c : cases) {
    const auto error = refusal(c.from, c.to);
    EXPECT_EQ(error.code(), ErrorCode::kUnsupported) << error.what();
    EXPECT_THAT(error.what(), HasSubstr(c.named));
    EXPECT_THAT(error.what(), HasSubstr("tokenizer.json"));
  }
}

TEST_F(HfTokenizer, RefusesTruncatedAndIllTypedFiles) {
  const auto path = write("tokenizer.json", kByteLevel.substr(0, kByteLevel.size() / 2));
  EXPECT_EQ(error_of([&] { load_tokenizer(path); }).code(), ErrorCode::kInput);
  EXPECT_EQ(refusal("\"ab\": 3", "\"ab\": \"3\"").code(), ErrorCode::kInput);
  EXPECT_EQ(refusal("\"merges\"", "\"mergers\"").code(), ErrorCode::kInput);
}

}  // namespace
}  // namespace gyre
