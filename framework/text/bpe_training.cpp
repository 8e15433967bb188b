#include "text/bpe_training.h"

#include <algorithm>
#include <queue>

#include "core/error.h"
#include "text/unicode.h"

namespace gyre::text {
namespace {

constexpr std::int64_t kLeastCount = 2;

struct Piece {
  std::vector<TokenId> symbols;
  std::int64_t count = 0;
};

std::uint64_t key_of(TokenId left, TokenId right) {
  return static_cast<std::uint64_t>(left) << 32 | static_cast<std::uint32_t>(right);
}

struct Pair {
  std::int64_t count = 0;           // of all pieces
  std::vector<std::size_t> pieces;  // where it stands or stood
};

class Trainer {
 public:
  explicit Trainer(const PieceCounts& counts) : heap_(Less{&out_.tokens}) {
    out_.tokens = {std::string(kBosText), std::string(kEosText)};
    for (int byte = 0; byte < 256; ++byte) out_.tokens.push_back({static_cast<char>(byte)});
    for (TokenId id = kFirstByteId; id < kFirstMergedId; ++id)
      ids_[out_.tokens[static_cast<std::size_t>(id)]] = id;
    for (const auto& [text, count] : counts.pieces()) {
      if (text.size() < 2) continue;
      Piece piece{{}, count};
      for (const char c : text) piece.symbols.push_back(kFirstByteId + static_cast<unsigned char>(c));
      pieces_.push_back(std::move(piece));
    }
    for (std::size_t i = 0; i < pieces_.size(); ++i) add_pairs(i, 1);
    for (const auto& [key, pair] : pairs_) push(key, pair.count);
    changed_.clear();
  }

  // False when no pair occurs often enough.
  bool merge_best() {
    while (!heap_.empty()) {
      const auto best = heap_.top();
      heap_.pop();
      auto& pair = pairs_[key_of(best.left, best.right)];
      if (pair.count != best.count) {  // counts that fell are put right when they come up
        if (best.count > pair.count) push(key_of(best.left, best.right), pair.count);
        continue;
      }
      if (best.count < kLeastCount) return false;
      merge(best.left, best.right, std::move(pair.pieces));
      return true;
    }
    return false;
  }

  std::int64_t size() const { return std::ssize(out_.tokens); }
  TrainedBpe finish() { return std::move(out_); }

 private:
  struct Candidate {
    std::int64_t count;
    TokenId left, right;
  };
  struct Less {
    const std::vector<std::string>* tokens;
    bool operator()(const Candidate& a, const Candidate& b) const {
      if (a.count != b.count) return a.count < b.count;
      const auto& t = *tokens;
      if (a.left != b.left) return t[static_cast<std::size_t>(a.left)] > t[static_cast<std::size_t>(b.left)];
      return t[static_cast<std::size_t>(a.right)] > t[static_cast<std::size_t>(b.right)];
    }
  };

  void push(std::uint64_t key, std::int64_t count) {
    if (count < kLeastCount) return;
    heap_.push({count, static_cast<TokenId>(key >> 32), static_cast<TokenId>(key & 0xFFFFFFFF)});
  }

  // Adds sign times the piece's pairs to their counts.
  void add_pairs(std::size_t index, int sign) {
    const auto& [symbols, count] = pieces_[index];
    for (std::size_t i = 0; i + 1 < symbols.size(); ++i) {
      const auto key = key_of(symbols[i], symbols[i + 1]);
      auto& pair = pairs_[key];
      pair.count += sign * count;
      if (sign < 0) continue;
      if (pair.pieces.empty() || pair.pieces.back() != index) pair.pieces.push_back(index);
      changed_.push_back(key);
    }
  }

  void merge(TokenId left, TokenId right, std::vector<std::size_t> where) {
    auto bytes = out_.tokens[static_cast<std::size_t>(left)] + out_.tokens[static_cast<std::size_t>(right)];
    const auto [entry, fresh] = ids_.try_emplace(bytes, static_cast<TokenId>(out_.tokens.size()));
    const auto merged = entry->second;
    if (fresh) out_.tokens.push_back(std::move(bytes));
    out_.merges.push_back({left, right, merged});
    std::ranges::sort(where);
    where.erase(std::unique(where.begin(), where.end()), where.end());
    changed_.clear();
    for (const auto index : where) {
      auto& symbols = pieces_[index].symbols;
      const auto pair_at = [&](std::size_t i) {
        return i + 1 < symbols.size() && symbols[i] == left && symbols[i + 1] == right;
      };
      bool there = false;
      for (std::size_t i = 0; i < symbols.size() && !there; ++i) there = pair_at(i);
      if (!there) continue;
      add_pairs(index, -1);
      std::size_t to = 0;
      for (std::size_t i = 0; i < symbols.size(); ++i) {
        if (pair_at(i)) {
          symbols[to++] = merged;
          ++i;
        } else {
          symbols[to++] = symbols[i];
        }
      }
      symbols.resize(to);
      add_pairs(index, 1);
    }
    std::ranges::sort(changed_);
    changed_.erase(std::unique(changed_.begin(), changed_.end()), changed_.end());
    // Only a pair with the new token can have become more frequent.
    for (const auto key : changed_)
      if (static_cast<TokenId>(key >> 32) == merged || static_cast<TokenId>(key & 0xFFFFFFFF) == merged)
        push(key, pairs_[key].count);
    pairs_.erase(key_of(left, right));
  }

  TrainedBpe out_;
  Vocabulary ids_;  // by bytes
  std::vector<Piece> pieces_;
  std::unordered_map<std::uint64_t, Pair> pairs_;
  std::priority_queue<Candidate, std::vector<Candidate>, Less> heap_;
  std::vector<std::uint64_t> changed_;
};

}  // namespace

PieceCounts::PieceCounts(bool digits) {
  if (digits) pre_tokenizer_.split(Regex(kDigitPattern), SplitBehavior::kIsolated);
  pre_tokenizer_.split(Regex(kGpt2Pattern), SplitBehavior::kIsolated);
}

void PieceCounts::add(std::string_view text) {
  require_utf8(text, "text");
  bytes_ += text.size();
  std::deque<std::string> storage;
  for (const auto piece : pre_tokenizer_.apply(text, true, storage)) {
    auto found = pieces_.find(piece);
    if (found == pieces_.end()) found = pieces_.emplace(std::string(piece), 0).first;
    ++found->second;
  }
}

TrainedBpe train_bpe(const PieceCounts& counts, std::int64_t vocab_size) {
  GYRE_CHECK(
      vocab_size > kFirstMergedId, ErrorCode::kConfig,
      "vocab_size is {}; a byte-level vocabulary has 256 bytes, a begin and an end of text, and at least "
      "one token that a merge makes: expected {} or more",
      vocab_size, kFirstMergedId + 1);
  Trainer trainer(counts);
  while (trainer.size() < vocab_size)
    GYRE_CHECK(
        trainer.merge_best(), ErrorCode::kConfig,
        "vocab_size is {}, but the text supports {} tokens at most: after {} merges no pair of neighbours "
        "occurs twice in its {} bytes ({} different pieces); take a smaller vocabulary or more text",
        vocab_size, trainer.size(), trainer.size() - kFirstMergedId, counts.bytes(), counts.pieces().size());
  return trainer.finish();
}

}  // namespace gyre::text
