// Ids against those of the original tokenizers, recorded by scripts/make_tokenizer_fixtures.py.
#include <gtest/gtest.h>

#include <bit>
#include <map>
#include <nlohmann/json.hpp>

#include "core/digest.h"
#include "text/corpus.h"
#include "text/tokenizer.h"
#include "text_files.h"

namespace gyre {
namespace {

namespace fs = std::filesystem;

const fs::path kTokenizers = fs::path(GYRE_TEST_DATA) / "tokenizers";

const nlohmann::json& fixtures() {
  static const auto file = nlohmann::json::parse(read_file(kTokenizers / "fixtures.json"));
  return file;
}

const std::string& text_of(const std::string& label) {
  static const std::map<std::string, std::string> texts = {{"wikitext2", load_corpus("wikitext2").text},
                                                           {"nasty", fixtures()["nasty"].get<std::string>()}};
  return texts.at(label);
}

void expect_recorded_ids(const Tokenizer& tokenizer, const std::string& name) {
  int checked = 0;
  for (const auto& expected : fixtures()["cases"]) {
    if (expected["tokenizer"] != name) continue;
    SCOPED_TRACE(name + " on " + expected["text"].get<std::string>());
    const auto ids = tokenizer.encode(text_of(expected["text"]));
    static_assert(std::endian::native == std::endian::little && sizeof(TokenId) == 4);
    EXPECT_EQ(ids.size(), expected["count"]);
    EXPECT_EQ(Sha256().update(std::as_bytes(std::span(ids))).hex(), expected["sha256"]);
    ++checked;
  }
  EXPECT_EQ(checked, 2) << "both texts must have been recorded for " << name;
}

struct Case {
  std::string name;
  std::int64_t vocab_size;
  std::optional<TokenId> bos;
  bool adds_bos;
};
void PrintTo(const Case& c, std::ostream* out) {
  *out << c.name;
}

class OriginalIds : public testing::TestWithParam<Case> {};

TEST_P(OriginalIds, AreReproduced) {
  const auto& c = GetParam();
  const auto path = c.name.starts_with("wiki-tiny")
                        ? fs::path(GYRE_SOURCE_DIR) / "experiments/assets" / c.name
                        : kTokenizers / c.name;
  const auto tokenizer = load_tokenizer(path);
  expect_recorded_ids(*tokenizer, c.name);
  EXPECT_EQ(tokenizer->vocab_size(), c.vocab_size);
  EXPECT_EQ(tokenizer->bos(), c.bos);
  EXPECT_EQ(tokenizer->adds_bos(), c.adds_bos);
}

INSTANTIATE_TEST_SUITE_P(Files, OriginalIds,
                         testing::Values(Case{"llama2/tokenizer.model", 32000, 1, true},
                                         Case{"llama2/tokenizer.json", 32000, 1, true},
                                         Case{"llama3/tokenizer.model", 128256, 128000, true},
                                         Case{"gpt2/tokenizer.json", 50295, std::nullopt, false},
                                         Case{"smollm2/tokenizer.json", 49152, std::nullopt, false},
                                         Case{"wiki-tiny/tokenizer.json", 4096, 0, true},
                                         Case{"stories260K/tok512.bin", 512, 1, true}),
                         [](const auto& c) {
                           std::string name = c.param.name;
                           for (char& letter : name)
                             if (!std::isalnum(static_cast<unsigned char>(letter))) letter = '_';
                           return name;
                         });

// The published protocol's count: one BOS in front of the joined test split.
TEST(Llama2Tokenizer, GivesTheCountOfThePublishedProtocol) {
  const auto tokenizer = load_tokenizer(kTokenizers / "llama2");
  EXPECT_EQ(tokenizer->encode(load_corpus("wikitext2").text).size() + 1, 341469u);
}

// The reference model's own vocabulary, in its GGUF.
TEST(SmolLm2Gguf, GivesTheOriginalIds) {
  const auto path = fs::path(GYRE_SOURCE_DIR) / "models/smollm2-135m.gguf";
  if (!fs::exists(path)) GTEST_SKIP() << path << " is not there; scripts/get_model smollm2-135m fetches it";
  const auto tokenizer = load_tokenizer(path);
  expect_recorded_ids(*tokenizer, "smollm2/tokenizer.json");
  EXPECT_EQ(tokenizer->bos(), 1);
  EXPECT_FALSE(tokenizer->adds_bos());
}

class OriginalGpt2 : public TextFiles {};

// The file carries white-space tokens that GPT-2's successors added; without them it is GPT-2 itself.
TEST_F(OriginalGpt2, IsReproducedWithoutItsSuccessorsTokens) {
  auto file = nlohmann::json::parse(read_file(kTokenizers / "gpt2/tokenizer.json"));
  auto& added = file["added_tokens"];
  added.erase(added.begin() + 1, added.end());
  ASSERT_EQ(added[0]["content"], "<|endoftext|>");
  expect_recorded_ids(*load_tokenizer(write("tokenizer.json", file.dump())), "gpt2");
}

}  // namespace
}  // namespace gyre
