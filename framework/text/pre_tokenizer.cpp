#include "text/pre_tokenizer.h"

#include "core/error.h"
#include "text/nfc.h"

namespace gyre::text {

namespace {

std::string replaced(std::string_view text, std::string_view from, std::string_view to) {
  std::string out;
  out.reserve(text.size() + text.size() / 4);
  std::size_t at = 0;
  for (std::size_t hit; (hit = text.find(from, at)) != std::string_view::npos; at = hit + from.size())
    out.append(text.substr(at, hit - at)).append(to);
  return out.append(text.substr(at));
}

struct Segment {
  std::size_t begin, end;
  bool is_match;
};

// Matches and what lies between them, covering the piece.
void segments_of(std::string_view piece, const std::vector<Regex::Match>& matches, bool inverted,
                 std::vector<Segment>& out) {
  out.clear();
  std::size_t at = 0;
  for (const auto& match : matches) {
    if (at < match.begin) out.push_back({at, match.begin, inverted});
    out.push_back({match.begin, match.end, !inverted});
    at = match.end;
  }
  if (at < piece.size()) out.push_back({at, piece.size(), inverted});
}

void cut(std::string_view piece, const std::vector<Segment>& segments, SplitBehavior behavior,
         std::vector<std::string_view>& out) {
  std::size_t pending = std::string_view::npos;  // start of a match that waits for its next segment
  for (const auto& segment : segments) {
    if (behavior == SplitBehavior::kRemoved && segment.is_match) continue;
    if (behavior == SplitBehavior::kMergedWithNext && segment.is_match) {
      if (pending != std::string_view::npos) out.push_back(piece.substr(pending, segment.begin - pending));
      pending = segment.begin;
      continue;
    }
    const auto begin = pending == std::string_view::npos ? segment.begin : pending;
    pending = std::string_view::npos;
    out.push_back(piece.substr(begin, segment.end - begin));
  }
  if (pending != std::string_view::npos) out.push_back(piece.substr(pending));
}

}  // namespace

std::string Normalizer::apply(std::string_view text) const {
  if (text.empty()) return {};
  if (nfc_) require_composed(text);
  std::string out(text);
  for (const auto& [from, to] : steps_) out = from.empty() ? to + out : replaced(out, from, to);
  return out;
}

void PreTokenizer::split(const Regex& pattern, SplitBehavior behavior, bool inverted) {
  steps_.push_back(Split{pattern, behavior, inverted});
}

void PreTokenizer::add_prefix(std::string prefix, Prefix which) {
  if (which != Prefix::kNever) steps_.push_back(AddPrefix{std::move(prefix), which});
}

void PreTokenizer::replace(std::string from, std::string to) {
  GYRE_ASSERT(!from.empty());
  steps_.push_back(Replace{std::move(from), std::move(to)});
}

std::vector<std::string_view> PreTokenizer::apply(std::string_view text, bool at_start,
                                                  std::deque<std::string>& storage) const {
  std::vector<std::string_view> pieces, next;
  if (!text.empty()) pieces.push_back(text);
  std::vector<Regex::Match> matches;
  std::vector<Segment> segments;
  for (const auto& step : steps_) {
    if (const auto* split = std::get_if<Split>(&step)) {
      next.clear();
      for (const auto piece : pieces) {
        split->pattern.find_all(piece, matches);
        segments_of(piece, matches, split->inverted, segments);
        cut(piece, segments, split->behavior, next);
      }
      std::swap(pieces, next);
    } else if (const auto* add = std::get_if<AddPrefix>(&step)) {
      for (std::size_t i = 0; i < pieces.size(); ++i) {
        if (add->which == Prefix::kFirst && (i > 0 || !at_start)) break;
        if (!pieces[i].starts_with(add->prefix))
          pieces[i] = storage.emplace_back(add->prefix + std::string(pieces[i]));
      }
    } else {
      const auto& [from, to] = std::get<Replace>(step);
      for (auto& piece : pieces) piece = storage.emplace_back(replaced(piece, from, to));
    }
  }
  return pieces;
}

}  // namespace gyre::text
