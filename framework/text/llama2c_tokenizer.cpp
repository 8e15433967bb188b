// llama2.c's tokenizer file: int32 longest token, then per token float32 score, int32 length, bytes. Tokens
// 0, 1, 2 are unknown, BOS, EOS; 3 to 258 the bytes.
#include <array>
#include <cmath>
#include <cstdlib>
#include <cstring>
#include <fstream>

#include "core/digest.h"
#include "core/error.h"
#include "core/files.h"
#include "text/bpe_tokenizer.h"
#include "text/loaders.h"
#include "text/unicode.h"

namespace gyre::text {

namespace fs = std::filesystem;

namespace {

constexpr TokenId kBos = 1, kFirstByte = 3, kFirstText = 259;

struct Token {
  float score;
  std::string_view text;
};

std::vector<Token> read_tokens(const fs::path& path, std::string_view bytes) {
  std::vector<Token> tokens;
  std::size_t at = 0;
  const auto take = [&]<typename T>(T& value) {
    GYRE_CHECK(bytes.size() - at >= sizeof value, ErrorCode::kInput,
               "{}: ends at byte {} inside token {}; the file is truncated or no llama2.c tokenizer",
               path.string(), bytes.size(), tokens.size());
    std::memcpy(&value, bytes.data() + at, sizeof value);
    at += sizeof value;
  };
  std::int32_t longest = 0;
  take(longest);
  while (at < bytes.size()) {
    Token token{};
    std::int32_t length = 0;
    take(token.score);
    take(length);
    GYRE_CHECK(
        length >= 0 && length <= longest && static_cast<std::size_t>(length) <= bytes.size() - at,
        ErrorCode::kInput,
        "{}: token {} claims {} bytes; the file's longest is {} and {} bytes are left. It is truncated or no "
        "llama2.c tokenizer",
        path.string(), tokens.size(), length, longest, bytes.size() - at);
    GYRE_CHECK(std::isfinite(token.score), ErrorCode::kInput, "{}: the score of token {} is not a number",
               path.string(), tokens.size());
    token.text = bytes.substr(at, static_cast<std::size_t>(length));
    at += static_cast<std::size_t>(length);
    tokens.push_back(token);
  }
  GYRE_CHECK(tokens.size() >= kFirstText, ErrorCode::kInput,
             "{}: {} tokens, expected at least {} (3 special ones and 256 bytes)", path.string(),
             tokens.size(), kFirstText);
  return tokens;
}

// The tokenizer that lies beside a llama2.c model: the one whose vocabulary is as large as the model's.
fs::path tokenizer_beside(const fs::path& model) {
  std::array<std::int32_t, 7>
      header{};  // dim, hidden_dim, n_layers, n_heads, n_kv_heads, vocab_size, seq_len
  std::ifstream(model, std::ios::binary).read(reinterpret_cast<char*>(header.data()), sizeof header);
  const auto tokens = std::abs(std::int64_t{header[5]});  // negative: the output matrix is not tied
  const auto folder = model.has_parent_path() ? model.parent_path() : fs::path(".");
  for (const auto& name : {fmt::format("tok{}.bin", tokens), std::string("tokenizer.bin")})
    if (fs::exists(folder / name)) return folder / name;
  fail(ErrorCode::kInput,
       "{}: a llama2.c model needs its tokenizer beside it; looked for tok{}.bin and tokenizer.bin",
       model.string(), tokens);
}

}  // namespace

std::unique_ptr<Tokenizer> load_llama2c_tokenizer(const fs::path& path) {
  const auto file = path.filename().string().starts_with("tok") ? path : tokenizer_beside(path);
  const auto bytes = read_file(file);
  const auto tokens = read_tokens(file, bytes);
  BpeTokenizer::Parts parts;
  parts.kind = "llama2.c BPE";
  parts.digest = sha256_hex(bytes);
  parts.vocab_size = static_cast<std::int64_t>(tokens.size());
  parts.bos = kBos;
  parts.adds_bos = true;
  parts.normalizer.prepend(" ");
  auto& model = parts.model;
  model.symbols = BpeModel::Symbols::kCharacters;
  std::vector<float> scores;
  for (const auto& token : tokens) {
    const auto id = static_cast<TokenId>(scores.size());
    scores.push_back(token.score);
    if (id < kFirstText) continue;
    require_utf8(token.text, fmt::format("{}: token {}", file.string(), id));
    model.tokens.emplace(token.text, id);
  }
  for (TokenId byte = 0; byte < 256; ++byte)
    model.byte_fallback[static_cast<std::size_t>(byte)] = kFirstByte + byte;
  const auto ranks = ranks_of_scores(scores);
  model.add_merges_by_concatenation([&](TokenId id) { return ranks[static_cast<std::size_t>(id)]; });
  return std::make_unique<BpeTokenizer>(std::move(parts));
}

}  // namespace gyre::text
