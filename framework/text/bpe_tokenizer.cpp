#include "text/bpe_tokenizer.h"

#include <algorithm>

#include "text/unicode.h"

namespace gyre::text {

void BpeModel::add_merges_by_concatenation(const std::function<std::uint32_t(TokenId)>& rank) {
  merges.reserve(4 * tokens.size());
  for (const auto& [text, id] : tokens) {
    const std::string_view whole = text;
    for (std::size_t i = 1; i < whole.size(); ++i) {
      if (symbols == Symbols::kCharacters && (whole[i] & 0xC0) == 0x80) continue;
      const auto left = tokens.find(whole.substr(0, i));
      if (left == tokens.end()) continue;
      const auto right = tokens.find(whole.substr(i));
      if (right != tokens.end()) merges.add(left->second, right->second, rank(id), id);
    }
  }
}

void BpeModel::encode(std::string_view piece, std::vector<TokenId>& out) const {
  if (whole_piece_first) {
    if (const auto whole = tokens.find(piece); whole != tokens.end()) {
      out.push_back(whole->second);
      return;
    }
  }
  std::vector<TokenId> ids;
  ids.reserve(piece.size());
  bool after_unknown = false;
  for (std::size_t i = 0; i < piece.size();) {
    const auto length = symbols == Symbols::kBytes ? 1 : utf8_length(piece[i]);
    const auto symbol = piece.substr(i, length);
    i += length;
    const bool fuse = after_unknown && fuse_unknown;
    after_unknown = false;
    if (const auto token = tokens.find(symbol); token != tokens.end()) {
      ids.push_back(token->second);
      continue;
    }
    const auto fallback = [&](char byte) { return byte_fallback[static_cast<unsigned char>(byte)]; };
    if (std::all_of(symbol.begin(), symbol.end(), [&](char byte) { return fallback(byte) >= 0; })) {
      for (const char byte : symbol) ids.push_back(fallback(byte));
      continue;
    }
    if (unknown && !fuse) ids.push_back(*unknown);
    after_unknown = true;
  }
  merges.apply(ids);
  out.insert(out.end(), ids.begin(), ids.end());
}

std::vector<std::uint32_t> ranks_of_scores(const std::vector<float>& scores) {
  std::vector<float> sorted = scores;
  std::sort(sorted.begin(), sorted.end(), std::greater<>());
  sorted.erase(std::unique(sorted.begin(), sorted.end()), sorted.end());
  std::vector<std::uint32_t> ranks;
  ranks.reserve(scores.size());
  for (const float score : scores)
    ranks.push_back(static_cast<std::uint32_t>(
        std::lower_bound(sorted.begin(), sorted.end(), score, std::greater<>()) - sorted.begin()));
  return ranks;
}

BpeTokenizer::BpeTokenizer(Parts parts) : parts_(std::move(parts)) {
  bos_ = parts_.bos;
  adds_bos_ = parts_.adds_bos;
  kind_ = parts_.kind;
  digest_ = parts_.digest;
}

std::vector<TokenId> BpeTokenizer::encode(std::string_view text) const {
  require_utf8(text, "text");
  std::vector<TokenId> ids;
  std::deque<std::string> storage;  // texts that pieces point into
  struct Range {
    std::size_t begin, end;
  };
  std::unordered_map<std::string_view, Range> seen;  // piece -> where in ids it was encoded first

  const auto encode_ordinary = [&](std::string_view stretch, bool at_start) {
    for (const auto piece : parts_.pre_tokenizer.apply(stretch, at_start, storage)) {
      const auto [entry, added] = seen.try_emplace(piece, Range{ids.size(), 0});
      if (added) {
        parts_.model.encode(piece, ids);
        entry->second.end = ids.size();
      } else {
        for (auto i = entry->second.begin; i < entry->second.end; ++i) ids.push_back(TokenId{ids[i]});
      }
    }
  };
  for (const auto& raw : parts_.raw_tokens.split(text)) {
    if (raw.id) {
      ids.push_back(*raw.id);
      continue;
    }
    const bool raw_first = raw.text.data() == text.data();
    auto stretch = raw.text;
    if (!parts_.normalizer.empty()) stretch = storage.emplace_back(parts_.normalizer.apply(raw.text));
    for (const auto& segment : parts_.normalized_tokens.split(stretch)) {
      if (segment.id)
        ids.push_back(*segment.id);
      else
        encode_ordinary(segment.text, raw_first && segment.text.data() == stretch.data());
    }
  }
  return ids;
}

}  // namespace gyre::text
