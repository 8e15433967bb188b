#include "text/gguf_vocabulary.h"

#include <algorithm>
#include <cmath>

#include "core/digest.h"
#include "core/error.h"
#include "core/text.h"
#include "text/bpe_tokenizer.h"
#include "text/unicode.h"

namespace gyre::text {

namespace {

enum TokenType : std::int64_t {
  kNormal = 1,
  kUnknown = 2,
  kControl = 3,
  kUserDefined = 4,
  kUnused = 5,
  kByte = 6
};

// What a name of tokenizer.ggml.pre stands for.
struct PreTokenizerName {
  std::string_view name;
  bool isolate_digits;
  std::string_view pattern;
  bool whole_piece_first, adds_bos;
};

constexpr PreTokenizerName kPreTokenizers[] = {
    {"gpt-2", false, kGpt2Pattern, false, false},    {"smollm", true, kGpt2Pattern, false, false},
    {"starcoder", true, kGpt2Pattern, false, false}, {"llama-bpe", false, kLlama3Pattern, true, true},
    {"llama3", false, kLlama3Pattern, true, true},   {"llama-v3", false, kLlama3Pattern, true, true},
    {"qwen2", false, kQwen2Pattern, false, false},   {"deepseek-r1-qwen", false, kQwen2Pattern, false, false},
};

const PreTokenizerName& find_pre_tokenizer(const std::string& name) {
  std::vector<std::string> known;
  for (const auto& row : kPreTokenizers) {
    if (row.name == name) return row;
    known.emplace_back(row.name);
  }
  fail(ErrorCode::kUnsupported,
       "tokenizer.ggml.pre is '{}', which says how text is split and is not known (known: {})", name,
       join(known, ", "));
}

std::int64_t type_of(const GgufVocabulary& v, std::size_t id) {
  return v.types.empty() ? kNormal : v.types[id];
}

// Ids by text; a text that repeats keeps its first id.
Vocabulary ids_by_text(const GgufVocabulary& v) {
  Vocabulary ids;
  for (std::size_t i = 0; i < v.tokens.size(); ++i) {
    require_utf8(v.tokens[i], fmt::format("tokenizer.ggml.tokens[{}]", i));
    ids.emplace(v.tokens[i], static_cast<TokenId>(i));
  }
  return ids;
}

void read_byte_level(const GgufVocabulary& v, BpeTokenizer::Parts& parts) {
  const auto& row = find_pre_tokenizer(v.pre);
  parts.kind = "byte-level BPE";
  if (row.isolate_digits) parts.pre_tokenizer.split(Regex(kDigitPattern), SplitBehavior::kIsolated);
  parts.pre_tokenizer.split(Regex(row.pattern), SplitBehavior::kIsolated);
  if (row.pattern == kQwen2Pattern) parts.normalizer.require_nfc();
  parts.model.whole_piece_first = row.whole_piece_first;
  parts.adds_bos = v.add_bos.value_or(row.adds_bos);
  const auto ids = ids_by_text(v);
  std::string bytes;
  for (const auto& [token, id] : ids)
    if (from_byte_alphabet(token, bytes)) parts.model.tokens.emplace(bytes, id);
  GYRE_CHECK(!v.merges.empty(), ErrorCode::kInput, "tokenizer.ggml.merges is missing or empty");
  parts.model.merges.reserve(v.merges.size());
  for (std::size_t i = 0; i < v.merges.size(); ++i) {
    const auto& merge = v.merges[i];
    const auto space = sole_space(merge);
    const auto left = space == std::string::npos ? ids.end() : ids.find(merge.substr(0, space));
    const auto right = space == std::string::npos ? ids.end() : ids.find(merge.substr(space + 1));
    const auto whole =
        left == ids.end() || right == ids.end() ? ids.end() : ids.find(left->first + right->first);
    GYRE_CHECK(
        whole != ids.end(), ErrorCode::kInput,
        "tokenizer.ggml.merges[{}] is '{}', expected two tokens of the vocabulary whose concatenation is one",
        i, merge);
    parts.model.merges.add(left->second, right->second, static_cast<std::uint32_t>(i), whole->second);
  }
}

void read_sentencepiece_style(const GgufVocabulary& v, BpeTokenizer::Parts& parts) {
  parts.kind = "SentencePiece-style BPE";
  GYRE_CHECK(v.scores.size() == v.tokens.size(), ErrorCode::kInput,
             "tokenizer.ggml.scores has {} values for {} tokens", v.scores.size(), v.tokens.size());
  GYRE_CHECK(std::all_of(v.scores.begin(), v.scores.end(), [](float s) { return std::isfinite(s); }),
             ErrorCode::kInput, "tokenizer.ggml.scores has a value that is not a number");
  parts.adds_bos = v.add_bos.value_or(true);
  if (!parts.bos) parts.bos = 1;
  if (v.add_space_prefix.value_or(true)) parts.normalizer.prepend(" ");
  parts.normalizer.replace(" ", "\u2581");
  auto& model = parts.model;
  model.symbols = BpeModel::Symbols::kCharacters;
  model.fuse_unknown = true;
  if (v.unknown) model.unknown = static_cast<TokenId>(*v.unknown);
  for (const auto& [token, id] : ids_by_text(v)) {
    const auto type = type_of(v, static_cast<std::size_t>(id));
    const int byte = byte_token_value(token);
    if (byte >= 0 && (type == kByte || v.types.empty()))
      model.byte_fallback[static_cast<std::size_t>(byte)] = id;
    else if (type == kNormal || type == kUserDefined)
      model.tokens.emplace(token, id);
  }
  const auto ranks = ranks_of_scores(v.scores);
  model.add_merges_by_concatenation([&](TokenId id) { return ranks[static_cast<std::size_t>(id)]; });
}

std::string digest_of(const GgufVocabulary& v) {
  Sha256 digest;
  const auto add = [&](std::string_view text) {
    digest.update(fmt::format("{}:", text.size())).update(text);
  };
  add(v.model);
  add(v.pre);
  for (const auto& token : v.tokens) add(token);
  for (const auto& merge : v.merges) add(merge);
  for (const float score : v.scores) add(format_number(score));
  for (const auto type : v.types) add(std::to_string(type));
  add(fmt::format("{} {}", v.bos.value_or(-1), v.unknown.value_or(-1)));
  return digest.hex();
}

}  // namespace

std::unique_ptr<Tokenizer> make_tokenizer(const GgufVocabulary& v) {
  const auto n = static_cast<std::int64_t>(v.tokens.size());
  GYRE_CHECK(n > 0 && n < 1 << 24, ErrorCode::kInput, "tokenizer.ggml.tokens has {} tokens", n);
  GYRE_CHECK(v.types.empty() || v.types.size() == v.tokens.size(), ErrorCode::kInput,
             "tokenizer.ggml.token_type has {} values for {} tokens", v.types.size(), n);
  for (const auto& [id, name] : {std::pair{v.bos, "bos"}, std::pair{v.unknown, "unknown"}})
    GYRE_CHECK(!id || (*id >= 0 && *id < n), ErrorCode::kInput,
               "tokenizer.ggml.{}_token_id is {}, but there are {} tokens", name, *id, n);
  BpeTokenizer::Parts parts;
  parts.digest = digest_of(v);
  parts.vocab_size = n;
  if (v.bos) parts.bos = static_cast<TokenId>(*v.bos);
  if (v.model == "gpt2")
    read_byte_level(v, parts);
  else if (v.model == "llama")
    read_sentencepiece_style(v, parts);
  else
    fail(ErrorCode::kUnsupported, "tokenizer.ggml.model is '{}' (supported: gpt2, llama)", v.model);
  GYRE_CHECK(!parts.adds_bos || (parts.bos && *parts.bos < n), ErrorCode::kInput,
             "tokenizer.ggml.add_bos_token holds, but tokenizer.ggml.bos_token_id is missing");
  for (std::size_t i = 0; i < v.tokens.size(); ++i) {
    const auto type = type_of(v, i);
    if ((type == kControl || type == kUserDefined) && !v.tokens[i].empty())
      parts.raw_tokens.add({static_cast<TokenId>(i), v.tokens[i]});
  }
  return std::make_unique<BpeTokenizer>(std::move(parts));
}

}  // namespace gyre::text
