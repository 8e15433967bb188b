// tokenizer.json, the format of Hugging Face tokenizers: byte pair encoding on bytes or on characters.
#include <nlohmann/json.hpp>

#include "core/digest.h"
#include "core/error.h"
#include "core/files.h"
#include "text/bpe_tokenizer.h"
#include "text/hf_steps.h"
#include "text/loaders.h"
#include "text/unicode.h"

namespace gyre::text {

using nlohmann::json;

namespace {

// Above any vocabulary in use; ids become array sizes elsewhere.
constexpr TokenId kMostTokens = 1 << 24;

bool is_set(const json& node, const char* name) {
  return node.contains(name) && !node[name].is_null() && node[name] != "" && node[name] != 0.0;
}

// Every id of the file with its text; refuses ids that two tokens share, and holes.
class Ids {
 public:
  void add(const std::string& token, TokenId id) {
    GYRE_CHECK(id >= 0 && id < kMostTokens, ErrorCode::kInput, "token '{}' has the id {}, expected 0 to {}",
               token, id, kMostTokens - 1);
    const auto [other, added] = texts_.try_emplace(id, token);
    GYRE_CHECK(added || other->second == token, ErrorCode::kInput, "tokens '{}' and '{}' have the same id {}",
               other->second, token, id);
    const auto [before, fresh] = ids_.try_emplace(token, id);
    GYRE_CHECK(fresh || before->second == id, ErrorCode::kInput, "token '{}' has two ids, {} and {}", token,
               before->second, id);
    largest_ = std::max(largest_, id);
  }
  std::optional<TokenId> find(std::string_view token) const {
    const auto found = ids_.find(token);
    return found == ids_.end() ? std::nullopt : std::optional(found->second);
  }
  const Vocabulary& all() const { return ids_; }
  std::int64_t size_without_holes() const {
    for (TokenId id = 0; id <= largest_; ++id)
      GYRE_CHECK(texts_.contains(id), ErrorCode::kInput,
                 "no token has the id {}, though ids go up to {}; the vocabulary is incomplete", id,
                 largest_);
    return largest_ + 1;
  }

 private:
  Vocabulary ids_;
  std::unordered_map<TokenId, std::string> texts_;
  TokenId largest_ = -1;
};

void read_merges(const json& merges, const Ids& ids, MergeTable& out) {
  out.reserve(merges.size());
  std::uint32_t rank = 0;
  for (const auto& merge : merges) {
    std::string left, right;
    if (merge.is_array()) {
      GYRE_CHECK(merge.size() == 2, ErrorCode::kInput, "merge {} has {} parts, expected 2", rank,
                 merge.size());
      left = merge[0].get<std::string>();
      right = merge[1].get<std::string>();
    } else {
      const auto line = merge.get<std::string>();
      const auto space = sole_space(line);
      GYRE_CHECK(space != std::string::npos, ErrorCode::kInput,
                 "merge {} is '{}', expected two tokens and one space", rank, line);
      left = line.substr(0, space);
      right = line.substr(space + 1);
    }
    const auto id = [&](const std::string& token) {
      const auto found = ids.find(token);
      GYRE_CHECK(found, ErrorCode::kInput,
                 "merge {} ('{}' + '{}') names '{}', which is not in the vocabulary", rank, left, right,
                 token);
      return *found;
    };
    out.add(id(left), id(right), rank, id(left + right));
    ++rank;
  }
}

BpeModel read_model(const json& node, const Ids& ids, bool bytes) {
  BpeModel model;
  for (const char* name : {"dropout", "continuing_subword_prefix", "end_of_word_suffix"})
    GYRE_CHECK(!is_set(node, name), ErrorCode::kUnsupported, "model.{} = {} is not supported", name,
               node[name].dump());
  model.symbols = bytes ? BpeModel::Symbols::kBytes : BpeModel::Symbols::kCharacters;
  model.whole_piece_first = node.value("ignore_merges", false);
  model.fuse_unknown = node.value("fuse_unk", false);
  if (is_set(node, "unk_token")) {
    const auto name = node["unk_token"].get<std::string>();
    model.unknown = ids.find(name);
    GYRE_CHECK(model.unknown, ErrorCode::kInput, "model.unk_token '{}' is not in the vocabulary", name);
  }
  std::string text;
  for (const auto& [token, id] : node.at("vocab").items()) {
    if (!bytes)
      model.tokens.emplace(token, id.get<TokenId>());
    else if (from_byte_alphabet(token, text))
      model.tokens.emplace(text, id.get<TokenId>());
    const int value = node.value("byte_fallback", false) ? byte_token_value(token) : -1;
    if (value >= 0) model.byte_fallback[static_cast<std::size_t>(value)] = id.get<TokenId>();
  }
  read_merges(node.at("merges"), ids, model.merges);
  return model;
}

void read_added_token(const json& node, BpeTokenizer::Parts& parts, Ids& ids) {
  AddedToken token{node.at("id").get<TokenId>(), node.at("content").get<std::string>(),
                   node.value("lstrip", false), node.value("rstrip", false)};
  GYRE_CHECK(!token.content.empty(), ErrorCode::kInput, "added token {} is empty", token.id);
  GYRE_CHECK(!node.value("single_word", false), ErrorCode::kUnsupported,
             "added token '{}': single_word is not supported", token.content);
  ids.add(token.content, token.id);
  if (!node.value("normalized", true)) {
    parts.raw_tokens.add(std::move(token));
  } else {
    token.content = parts.normalizer.apply(token.content);
    parts.normalized_tokens.add(std::move(token));
  }
}

std::unique_ptr<Tokenizer> build(const json& file, const TokenizerConfig& config, std::string digest) {
  const json nothing;
  const auto section = [&](const char* name) -> const json& {
    return file.contains(name) ? file[name] : nothing;
  };
  const auto& model = file.at("model");
  const auto type = model.value("type", "BPE");
  GYRE_CHECK(type == "BPE", ErrorCode::kUnsupported, "model type '{}' is not supported (supported: BPE)",
             type);

  BpeTokenizer::Parts parts;
  parts.digest = std::move(digest);
  read_normalizer(section("normalizer"), parts.normalizer);
  const bool bytes = read_pre_tokenizer(section("pre_tokenizer"), parts.pre_tokenizer);
  parts.kind = bytes ? "byte-level BPE" : "SentencePiece-style BPE";
  Ids ids;
  for (const auto& [token, id] : model.at("vocab").items()) ids.add(token, id.get<TokenId>());
  parts.model = read_model(model, ids, bytes);
  for (const auto& token : section("added_tokens")) read_added_token(token, parts, ids);
  parts.vocab_size = ids.size_without_holes();

  parts.bos = read_leading_token(section("post_processor"));
  GYRE_CHECK(!parts.bos || (*parts.bos >= 0 && *parts.bos < parts.vocab_size), ErrorCode::kInput,
             "post_processor puts the token {} in front, but ids end at {}", *parts.bos,
             parts.vocab_size - 1);
  parts.adds_bos = config.add_bos_token.value_or(parts.bos.has_value());
  if (config.bos_token && !parts.bos) parts.bos = ids.find(*config.bos_token);
  GYRE_CHECK(
      !parts.adds_bos || parts.bos, ErrorCode::kInput,
      "tokenizer_config.json asks for add_bos_token, but its bos_token {} is no token of the vocabulary",
      config.bos_token ? "'" + *config.bos_token + "'" : "is missing and");
  return std::make_unique<BpeTokenizer>(std::move(parts));
}

}  // namespace

TokenizerConfig read_tokenizer_config(const std::filesystem::path& folder) {
  const auto path = folder / "tokenizer_config.json";
  TokenizerConfig config;
  if (!std::filesystem::exists(path)) return config;
  config.bytes = read_file(path);
  try {
    const auto file = json::parse(config.bytes);
    if (is_set(file, "bos_token")) {
      const auto& bos = file["bos_token"];
      config.bos_token = bos.is_object() ? bos.at("content").get<std::string>() : bos.get<std::string>();
    }
    if (file.contains("add_bos_token") && !file["add_bos_token"].is_null())
      config.add_bos_token = file["add_bos_token"].get<bool>();
  } catch (const json::exception& error) {
    fail(ErrorCode::kInput, "{}: {}", path.string(), error.what());
  }
  return config;
}

std::unique_ptr<Tokenizer> load_hf_tokenizer(const std::filesystem::path& path,
                                             const TokenizerConfig& config) {
  const auto bytes = read_file(path);
  try {
    return build(json::parse(bytes), config, sha256_hex(bytes + config.bytes));
  } catch (const json::exception& error) {
    fail(ErrorCode::kInput, "{}: not a readable tokenizer.json ({})", path.string(), error.what());
  } catch (const Error& error) {
    throw Error(error.code(), path.string() + ": " + error.what(), error.where());
  }
}

}  // namespace gyre::text
