// Training of byte-level BPE (Sennrich et al., 2016, on bytes as in GPT-2): the pair of neighbours that
// occurs most often becomes a token, again and again.
#pragma once

#include <cstdint>
#include <string>
#include <string_view>
#include <unordered_map>
#include <vector>

#include "text/bpe_tokenizer.h"
#include "text/pre_tokenizer.h"

namespace gyre::text {

// How often each piece of the pre-tokenizer occurs in a text; merges never reach beyond a piece.
class PieceCounts {
 public:
  // digits: each digit is a piece of its own ("Digits" before GPT-2's pattern), else GPT-2's pattern alone.
  explicit PieceCounts(bool digits);
  void add(std::string_view text);  // UTF-8
  std::uint64_t bytes() const { return bytes_; }
  const std::unordered_map<std::string, std::int64_t, StringHash, std::equal_to<>>& pieces() const {
    return pieces_;
  }

 private:
  PreTokenizer pre_tokenizer_;
  std::unordered_map<std::string, std::int64_t, StringHash, std::equal_to<>> pieces_;
  std::uint64_t bytes_ = 0;
};

// Ids: bos 0, eos 1, then the 256 bytes, then what merges make, in their order.
inline constexpr std::string_view kBosText = "<|begin_of_text|>", kEosText = "<|end_of_text|>";
inline constexpr TokenId kBosId = 0, kEosId = 1, kFirstByteId = 2, kFirstMergedId = 258;

struct TrainedBpe {
  struct Merge {
    TokenId left, right, merged;
  };
  std::vector<Merge> merges;        // two of them may make the same token
  std::vector<std::string> tokens;  // by id: bytes; of bos and eos their texts
};

// vocab_size tokens, bos and eos and the bytes among them. Of pairs that occur equally often the one with the
// smaller bytes on the left goes first, then on the right: the same counts give the same tokens. A pair must
// occur twice. kConfig with the numbers when vocab_size is below 259 or more than the text supports.
TrainedBpe train_bpe(const PieceCounts& counts, std::int64_t vocab_size);

// As files of Hugging Face: tokenizer.json and tokenizer_config.json (bos is put in front of a text).
std::string hf_tokenizer_text(const TrainedBpe& bpe, bool digits);
std::string hf_tokenizer_config_text(std::int64_t max_length);

}  // namespace gyre::text
