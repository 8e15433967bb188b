// The vocabulary in a GGUF's metadata (keys tokenizer.ggml.*), as a tokenizer.
#pragma once

#include <cstdint>
#include <filesystem>
#include <memory>
#include <optional>
#include <string>
#include <vector>

#include "text/tokenizer.h"

namespace gyre::text {

struct GgufVocabulary {
  std::string model, pre = {};  // "gpt2" or "llama"; the name of the pre-tokenizer, for "gpt2"
  std::vector<std::string> tokens = {}, merges = {};
  std::vector<float> scores = {};  // "llama" only
  // 1 normal, 2 unknown, 3 control, 4 user-defined, 5 unused, 6 byte; may be empty
  std::vector<std::int64_t> types = {};
  std::optional<std::int64_t> bos = {}, unknown = {};
  std::optional<bool> add_bos = {}, add_space_prefix = {};
};

// "gpt2": byte-level BPE by merges; kUnsupported when pre is no known name. "llama": SentencePiece-style BPE
// by scores, with byte fallback. Control and user-defined tokens are found in the text. kInput when the parts
// do not fit.
std::unique_ptr<Tokenizer> make_tokenizer(const GgufVocabulary& vocabulary);

}  // namespace gyre::text
