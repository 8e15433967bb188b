// Readers of one tokenizer file each; load_tokenizer chooses among them.
#pragma once

#include <filesystem>
#include <memory>
#include <optional>
#include <string>
#include <string_view>

#include "text/tokenizer.h"

namespace gyre::text {

// What tokenizer_config.json says, where there is one beside the tokenizer.
struct TokenizerConfig {
  std::optional<bool> add_bos_token;
  std::optional<std::string> bos_token;
  std::string bytes;  // of the file; empty when there is none
};
TokenizerConfig read_tokenizer_config(const std::filesystem::path& folder);

// Each throws kInput for a malformed file and kUnsupported for what gyre does not know, naming the file and
// the part. bytes: the file's; path: for messages.
std::unique_ptr<Tokenizer> load_hf_tokenizer(const std::filesystem::path& path,
                                             const TokenizerConfig& config);
std::unique_ptr<Tokenizer> load_sentencepiece(const std::filesystem::path& path, std::string_view bytes,
                                              const TokenizerConfig& config);
std::unique_ptr<Tokenizer> load_tiktoken(const std::filesystem::path& path, std::string_view bytes,
                                         const TokenizerConfig& config);
std::unique_ptr<Tokenizer> load_llama2c_tokenizer(const std::filesystem::path& path);
std::unique_ptr<Tokenizer> load_gguf_tokenizer(const std::filesystem::path& path);

}  // namespace gyre::text
