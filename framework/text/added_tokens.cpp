#include "text/added_tokens.h"

#include <algorithm>

#include "core/error.h"
#include "text/unicode.h"

namespace gyre::text {

void AddedTokens::add(AddedToken token) {
  GYRE_ASSERT(!token.content.empty());
  auto& same = by_first_byte_[static_cast<unsigned char>(token.content.front())];
  for (const auto i : same)
    if (tokens_[i].content == token.content) return;
  const auto longer = [&](std::size_t i) { return tokens_[i].content.size() > token.content.size(); };
  same.insert(std::find_if_not(same.begin(), same.end(), longer), tokens_.size());
  tokens_.push_back(std::move(token));
}

std::vector<AddedTokens::Segment> AddedTokens::split(std::string_view text) const {
  std::vector<Segment> segments;
  if (text.empty()) return segments;
  std::size_t done = 0;
  for (std::size_t at = 0; at < text.size();) {
    const AddedToken* found = nullptr;
    for (const auto i : by_first_byte_[static_cast<unsigned char>(text[at])]) {
      if (text.substr(at).starts_with(tokens_[i].content)) {
        found = &tokens_[i];
        break;
      }
    }
    if (!found) {
      ++at;
      continue;
    }
    std::size_t begin = at, end = at + found->content.size();
    at = end;
    if (found->lstrip) begin = std::max(done, begin - trailing_white_space(text.substr(0, begin)));
    if (found->rstrip) end += leading_white_space(text.substr(end));
    if (done < begin) segments.push_back({text.substr(done, begin - done), std::nullopt});
    segments.push_back({text.substr(begin, end - begin), found->id});
    done = end;
  }
  if (done < text.size()) segments.push_back({text.substr(done), std::nullopt});
  return segments;
}

}  // namespace gyre::text
