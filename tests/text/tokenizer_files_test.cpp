#include <cstring>

#include "text/tokenizer.h"
#include "text_files.h"

namespace gyre {
namespace {

using testing::ElementsAre;
using testing::HasSubstr;

const std::filesystem::path kTokenizers = std::filesystem::path(GYRE_TEST_DATA) / "tokenizers";

class TokenizerFiles : public TextFiles {};

TEST_F(TokenizerFiles, SayWhatWasLookedForInAnEmptyFolder) {
  const auto error = error_of([&] { load_tokenizer(folder_); });
  EXPECT_EQ(error.code(), ErrorCode::kInput);
  EXPECT_THAT(error.what(), HasSubstr("tokenizer.json and tokenizer.model"));
  EXPECT_EQ(error_of([&] { load_tokenizer(folder_ / "none"); }).code(), ErrorCode::kInput);
  EXPECT_EQ(error_of([&] { load_tokenizer(write("model.safetensors", "x")); }).code(),
            ErrorCode::kUnsupported);
}

TEST_F(TokenizerFiles, TellSentencePieceFromTiktoken) {
  EXPECT_EQ(load_tokenizer(kTokenizers / "llama2/tokenizer.model")->kind(), "SentencePiece");
  EXPECT_EQ(load_tokenizer(kTokenizers / "llama3")->kind(), "tiktoken byte-level BPE");
}

TEST_F(TokenizerFiles, HaveTheDigestOfTheirBytes) {
  EXPECT_EQ(load_tokenizer(kTokenizers / "stories260K/tok512.bin")->digest(),
            load_tokenizer(write("tok512.bin", read_file(kTokenizers / "stories260K/tok512.bin")))->digest());
}

TEST_F(TokenizerFiles, RefuseTruncatedSentencePieceModels) {
  const auto bytes = read_file(kTokenizers / "llama2/tokenizer.model");
  const auto path = write("tokenizer.model", std::string_view(bytes).substr(0, bytes.size() / 2));
  EXPECT_EQ(error_of([&] { load_tokenizer(path); }).code(), ErrorCode::kInput);
  EXPECT_EQ(error_of([&] { load_tokenizer(write("empty.model", "")); }).code(), ErrorCode::kInput);
}

TEST_F(TokenizerFiles, RefuseTruncatedTiktokenModels) {
  const auto bytes = read_file(kTokenizers / "llama3/tokenizer.model");
  const auto whole_lines = bytes.substr(0, bytes.find('\n', bytes.size() / 2) + 1);
  auto error = error_of([&] { load_tokenizer(write("tokenizer.model", whole_lines)); });
  EXPECT_EQ(error.code(), ErrorCode::kInput);
  EXPECT_THAT(error.what(), HasSubstr("128000"));
  error = error_of([&] { load_tokenizer(write("tokenizer.model", "IQ== 0\nIg== 2\n")); });
  EXPECT_THAT(error.what(), HasSubstr(":2: rank 2, expected 1"));
  error = error_of([&] { load_tokenizer(write("tokenizer.model", "IQ== 0\nI*== 1\n")); });
  EXPECT_THAT(error.what(), HasSubstr(":2: 'I*== 1'"));
}

TEST_F(TokenizerFiles, RefuseTextThatIsNotUtf8) {
  for (const char* name : {"llama2/tokenizer.model", "llama3/tokenizer.model", "stories260K/tok512.bin"}) {
    const auto error = error_of([&] { load_tokenizer(kTokenizers / name)->encode("caf\xe9 au lait"); });
    EXPECT_EQ(error.code(), ErrorCode::kInput) << name;
    EXPECT_THAT(error.what(), HasSubstr("offset 3")) << name;
  }
}

TEST_F(TokenizerFiles, ReadEveryVocabularyWithOrWithoutBos) {
  write("tokenizer.model", read_file(kTokenizers / "llama2/tokenizer.model"));
  write("tokenizer_config.json", R"({"add_bos_token": false})");
  EXPECT_FALSE(load_tokenizer(folder_)->adds_bos());
  write("tokenizer_config.json", R"({"add_bos_token": 3})");
  EXPECT_EQ(error_of([&] { load_tokenizer(folder_); }).code(), ErrorCode::kInput);
}

// A llama2.c file: 3 special tokens, 256 bytes, then the given ones.
class Llama2cTokenizer : public TextFiles {
 protected:
  static std::string file(const std::vector<std::pair<std::string, float>>& tokens) {
    std::string bytes;
    const auto put = [&](const auto value) {
      bytes.append(reinterpret_cast<const char*>(&value), sizeof value);
    };
    put(std::int32_t{8});
    for (int i = 0; i < 259; ++i) {
      put(0.0f);
      put(std::int32_t{5});
      bytes += "<xxx>";
    }
    for (const auto& [text, score] : tokens) {
      put(score);
      put(static_cast<std::int32_t>(text.size()));
      bytes += text;
    }
    return bytes;
  }
};

TEST_F(Llama2cTokenizer, MergesTheBestScoreFirstAndTheLeftmostAmongEquals) {
  const auto path =
      write("tok.bin", file({{" ", -1}, {"a", -1}, {"b", -1}, {"ab", -3}, {"ba", -2}, {"aa", -2}}));
  const auto tokenizer = load_tokenizer(path);
  EXPECT_THAT(tokenizer->encode("aba"), ElementsAre(259, 260, 263));
  EXPECT_THAT(tokenizer->encode("aab"), ElementsAre(259, 264, 261));
  EXPECT_THAT(tokenizer->encode("baa"), ElementsAre(259, 263, 260));
  EXPECT_THAT(tokenizer->encode("\u00e9"), ElementsAre(259, 0xC3 + 3, 0xA9 + 3));
  EXPECT_THAT(tokenizer->encode(""), ElementsAre());
}

TEST_F(Llama2cTokenizer, IsFoundBesideItsModel) {
  const std::int32_t header[] = {64, 172, 5, 8, 4, -260, 512};
  const auto model = write("stories.bin", {reinterpret_cast<const char*>(header), sizeof header});
  EXPECT_THAT(error_of([&] { load_tokenizer(model); }).what(), HasSubstr("tok260.bin and tokenizer.bin"));
  write("tok260.bin", file({{" ", -1}}));
  EXPECT_EQ(load_tokenizer(model)->vocab_size(), 260);
}

TEST_F(Llama2cTokenizer, RefusesTruncatedFilesAndBadLengths) {
  const auto whole = file({{" ", -1}, {"a", -2}});
  for (const std::size_t cut :
       {whole.size() - 1, whole.size() - 3, std::size_t{100}, std::size_t{2}, std::size_t{0}}) {
    const auto path = write("tok.bin", std::string_view(whole).substr(0, cut));
    EXPECT_EQ(error_of([&] { load_tokenizer(path); }).code(), ErrorCode::kInput) << cut;
  }
  auto negative = whole;
  const std::int32_t length = -5;
  std::memcpy(negative.data() + 8, &length, sizeof length);
  EXPECT_THAT(error_of([&] { load_tokenizer(write("tok.bin", negative)); }).what(),
              HasSubstr("token 0 claims -5"));
}

}  // namespace
}  // namespace gyre
