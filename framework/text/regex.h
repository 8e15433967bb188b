// Pre-tokenizer patterns by PCRE2, with the meaning that they have in the original tokenizers.
#pragma once

#include <cstddef>
#include <memory>
#include <optional>
#include <string>
#include <string_view>
#include <vector>

namespace gyre::text {

// Patterns by the models that brought them.
inline constexpr std::string_view kGpt2Pattern =
    R"('s|'t|'re|'ve|'m|'ll|'d| ?\p{L}+| ?\p{N}+| ?[^\s\p{L}\p{N}]+|\s+(?!\S)|\s+)";
inline constexpr std::string_view kLlama3Pattern =
    R"((?i:'s|'t|'re|'ve|'m|'ll|'d)|[^\r\n\p{L}\p{N}]?\p{L}+|\p{N}{1,3}| ?[^\s\p{L}\p{N}]+[\r\n]*|\s*[\r\n]+|\s+(?!\S)|\s+)";
inline constexpr std::string_view kQwen2Pattern =
    R"((?i:'s|'t|'re|'ve|'m|'ll|'d)|[^\r\n\p{L}\p{N}]?\p{L}+|\p{N}| ?[^\s\p{L}\p{N}]+[\r\n]*|\s*[\r\n]+|\s+(?!\S)|\s+)";
inline constexpr std::string_view kDigitPattern = R"(\p{N})";

class Regex {
 public:
  struct Match {
    std::size_t begin, end;
  };

  // Compiled as Unicode, \s being the property White_Space as in Oniguruma and Rust (PCRE2's own adds
  // U+180E). kUnsupported when PCRE2 does not take it.
  explicit Regex(std::string_view pattern);

  // All matches from left to right, none empty, none overlapping. text must be valid UTF-8: it is not checked
  // again.
  void find_all(std::string_view text, std::vector<Match>& matches) const;
  // Where the first match begins.
  std::optional<std::size_t> find(std::string_view text) const;

 private:
  void find(std::string_view text, std::size_t most, std::vector<Match>& matches) const;
  struct Code;
  std::string pattern_;
  std::shared_ptr<const Code> code_;
};

}  // namespace gyre::text
