// tokenizer.model in tiktoken's format (LLaMA-3): a line per token, its bytes in base64 and its rank.
// Texts that look like special tokens are ordinary text, as for the original's encode.
#include <charconv>

#include "core/digest.h"
#include "core/error.h"
#include "text/bpe_tokenizer.h"
#include "text/loaders.h"

namespace gyre::text {

namespace {

constexpr std::int64_t kLlama3Tokens = 128000;
constexpr std::int64_t kLlama3SpecialTokens = 256;  // <|begin_of_text|> is the first of them

int base64_value(char c) {
  if (c >= 'A' && c <= 'Z') return c - 'A';
  if (c >= 'a' && c <= 'z') return c - 'a' + 26;
  if (c >= '0' && c <= '9') return c - '0' + 52;
  return c == '+' ? 62 : c == '/' ? 63 : -1;
}

std::optional<std::string> decode_base64(std::string_view text) {
  if (text.empty() || text.size() % 4 != 0) return std::nullopt;
  const auto padding = text.ends_with("==") ? 2u : text.ends_with("=") ? 1u : 0u;
  std::string out;
  std::uint32_t bits = 0;
  for (std::size_t i = 0; i < text.size(); ++i) {
    const int value = i + padding >= text.size() ? 0 : base64_value(text[i]);
    if (value < 0) return std::nullopt;
    bits = bits << 6 | static_cast<std::uint32_t>(value);
    if (i % 4 == 3)
      for (const int shift : {16, 8, 0}) out.push_back(static_cast<char>(bits >> shift & 0xFF));
  }
  out.resize(out.size() - padding);
  return out;
}

Vocabulary read_ranks(const std::filesystem::path& path, std::string_view bytes) {
  Vocabulary ranks;
  std::int64_t line_number = 0;
  for (std::size_t at = 0; at < bytes.size(); ++line_number) {
    const auto end = std::min(bytes.find('\n', at), bytes.size());
    const auto line = bytes.substr(at, end - at);
    at = end + 1;
    const auto space = std::min(line.find(' '), line.size());
    const auto token = decode_base64(line.substr(0, space));
    TokenId rank = -1;
    const auto* last = line.data() + line.size();
    if (space < line.size()) {
      const auto [stop, error] = std::from_chars(line.data() + space + 1, last, rank);
      if (error != std::errc() || stop != last) rank = -1;
    }
    GYRE_CHECK(token && rank >= 0, ErrorCode::kInput, "{}:{}: '{}' is not a token in base64 and its rank",
               path.string(), line_number + 1, line.substr(0, 60));
    GYRE_CHECK(rank == line_number, ErrorCode::kInput,
               "{}:{}: rank {}, expected {}; the vocabulary has a hole or a repetition", path.string(),
               line_number + 1, rank, line_number);
    GYRE_CHECK(ranks.emplace(*token, rank).second, ErrorCode::kInput,
               "{}:{}: this token has another rank already", path.string(), line_number + 1);
  }
  return ranks;
}

}  // namespace

std::unique_ptr<Tokenizer> load_tiktoken(const std::filesystem::path& path, std::string_view bytes,
                                         const TokenizerConfig& config) {
  BpeTokenizer::Parts parts;
  parts.model.tokens = read_ranks(path, bytes);
  GYRE_CHECK(parts.model.tokens.size() == kLlama3Tokens, ErrorCode::kInput,
             "{}: {} tokens; a tiktoken file does not say how to split text, and only that of LLaMA-3 with "
             "{} tokens is "
             "known. The file is truncated or another model's",
             path.string(), parts.model.tokens.size(), kLlama3Tokens);
  parts.kind = "tiktoken byte-level BPE";
  parts.digest = sha256_hex(std::string(bytes) + config.bytes);
  parts.vocab_size = kLlama3Tokens + kLlama3SpecialTokens;
  parts.bos = kLlama3Tokens;
  parts.adds_bos = config.add_bos_token.value_or(true);
  parts.model.whole_piece_first = true;
  parts.model.add_merges_by_concatenation([](TokenId id) { return static_cast<std::uint32_t>(id); });
  parts.pre_tokenizer.split(Regex(kLlama3Pattern), SplitBehavior::kIsolated);
  return std::make_unique<BpeTokenizer>(std::move(parts));
}

}  // namespace gyre::text
