// Text to token ids, equal to the original tokenizer's, id for id.
#pragma once

#include <cstdint>
#include <filesystem>
#include <memory>
#include <optional>
#include <string>
#include <string_view>
#include <vector>

namespace gyre {

using TokenId = std::int32_t;

class Tokenizer {
 public:
  virtual ~Tokenizer() = default;
  // Ids of text without any begin-of-stream token. kInput when text is not UTF-8 (with the offset).
  virtual std::vector<TokenId> encode(std::string_view text) const = 0;
  virtual std::int64_t vocab_size() const = 0;  // largest id + 1
  std::optional<TokenId> bos() const { return bos_; }
  // Whether the model's own tokenizer puts bos at the start of a text by itself.
  bool adds_bos() const { return adds_bos_; }
  const std::string& kind() const { return kind_; }      // "byte-level BPE", "SentencePiece", ...
  const std::string& digest() const { return digest_; }  // SHA-256 of the file(s) it was read from

 protected:
  std::optional<TokenId> bos_;
  bool adds_bos_ = false;
  std::string kind_, digest_;
};

// The tokenizer of a model: a folder (tokenizer.json, or tokenizer.model as SentencePiece or tiktoken;
// tokenizer_config.json says whether BOS is added), a .gguf (vocabulary in its metadata), a llama2.c .bin
// (tok*.bin or tokenizer.bin beside it), or one of these tokenizer files itself.
std::unique_ptr<Tokenizer> load_tokenizer(const std::filesystem::path& path);

}  // namespace gyre
