// Byte pair encoding's second half: neighbouring symbols become one, best pair first.
#pragma once

#include <cstddef>
#include <cstdint>
#include <vector>

#include "text/tokenizer.h"

namespace gyre::text {

// (left, right) -> the token that they make and its rank: lower ranks merge first, leftmost first among
// equals. Ids must not be negative.
class MergeTable {
 public:
  // Room for n pairs without growing.
  void reserve(std::size_t n);
  // A pair that is there already is replaced.
  void add(TokenId left, TokenId right, std::uint32_t rank, TokenId merged);
  std::size_t size() const { return size_; }

  // Merges until no pair of neighbours is in the table; O(n log n).
  void apply(std::vector<TokenId>& symbols) const;

 private:
  struct Entry {
    TokenId left = -1, right = -1;
    std::uint32_t rank = 0;
    TokenId merged = -1;
  };
  std::size_t slot(TokenId left, TokenId right) const;
  const Entry* find(TokenId left, TokenId right) const {
    const Entry& entry = entries_[slot(left, right)];
    return entry.left < 0 ? nullptr : &entry;
  }

  std::vector<Entry> entries_ = std::vector<Entry>(16);  // open addressing; a power of two, at most half full
  std::size_t size_ = 0;
};

}  // namespace gyre::text
