// Tokens that are found in the text itself, before anything else happens to it.
#pragma once

#include <array>
#include <optional>
#include <string>
#include <string_view>
#include <vector>

#include "text/tokenizer.h"

namespace gyre::text {

struct AddedToken {
  TokenId id = 0;
  std::string content;
  bool lstrip = false, rstrip = false;  // take white space on that side with them
};

class AddedTokens {
 public:
  struct Segment {
    std::string_view text;
    std::optional<TokenId> id;  // none: ordinary text
  };

  // content must not be empty; a repeated content keeps the first token.
  void add(AddedToken token);
  bool empty() const { return tokens_.empty(); }

  // Text cut at the tokens: leftmost first, longest among those that start together.
  std::vector<Segment> split(std::string_view text) const;

 private:
  std::vector<AddedToken> tokens_;
  std::array<std::vector<std::size_t>, 256> by_first_byte_;  // into tokens_, longest first
};

}  // namespace gyre::text
