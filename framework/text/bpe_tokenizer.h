// The byte pair encoding tokenizer that every vocabulary format but SentencePiece's own is read into.
#pragma once

#include <array>
#include <functional>
#include <optional>
#include <string>
#include <string_view>
#include <unordered_map>
#include <vector>

#include "text/added_tokens.h"
#include "text/merge_table.h"
#include "text/pre_tokenizer.h"
#include "text/tokenizer.h"

namespace gyre::text {

struct StringHash {
  using is_transparent = void;
  std::size_t operator()(std::string_view text) const { return std::hash<std::string_view>{}(text); }
};
using Vocabulary = std::unordered_map<std::string, TokenId, StringHash, std::equal_to<>>;

// What a piece of text is taken apart into, and how it is put together again.
struct BpeModel {
  enum class Symbols { kBytes, kCharacters };
  Symbols symbols = Symbols::kBytes;
  Vocabulary tokens;  // by their bytes in the text; only those that text may become
  MergeTable merges;
  bool whole_piece_first = false;  // a piece that is a token is not taken apart
  std::array<TokenId, 256> byte_fallback =
      {};                          // characters without a token become bytes, if each has one (not -1)
  std::optional<TokenId> unknown;  // else this; without it they vanish, as in Hugging Face's
  bool fuse_unknown = false;       // neighbouring unknown characters are one token

  BpeModel() { byte_fallback.fill(-1); }
  // Merges from the tokens alone: two tokens may merge when their concatenation is a token; rank(id) is its
  // rank. This is the rule of tiktoken (rank = id) and of SentencePiece (better scores first).
  void add_merges_by_concatenation(const std::function<std::uint32_t(TokenId)>& rank);
  void encode(std::string_view piece, std::vector<TokenId>& out) const;  // appends
};

// Dense ranks of scores: 0 for the best, equal for equal scores.
std::vector<std::uint32_t> ranks_of_scores(const std::vector<float>& scores);

class BpeTokenizer final : public Tokenizer {
 public:
  struct Parts {
    std::string kind, digest;
    std::int64_t vocab_size = 0;
    std::optional<TokenId> bos;
    bool adds_bos = false;
    AddedTokens raw_tokens;         // found in the text as it is
    Normalizer normalizer;          // of what lies between
    AddedTokens normalized_tokens;  // found in the normalized text
    PreTokenizer pre_tokenizer;
    BpeModel model;
  };
  explicit BpeTokenizer(Parts parts);
  std::vector<TokenId> encode(std::string_view text) const override;
  std::int64_t vocab_size() const override { return parts_.vocab_size; }

 private:
  Parts parts_;
};

}  // namespace gyre::text
