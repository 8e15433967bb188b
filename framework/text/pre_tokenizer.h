// What happens to text before byte pairs are merged: normalizers, and the steps that cut it into pieces.
// Behaviour is that of Hugging Face tokenizers.
#pragma once

#include <deque>
#include <string>
#include <string_view>
#include <variant>
#include <vector>

#include "text/regex.h"

namespace gyre::text {

// Rewrites a stretch of text; an empty list leaves it alone.
class Normalizer {
 public:
  void prepend(std::string prefix) { steps_.push_back({"", std::move(prefix)}); }
  // from must not be empty.
  void replace(std::string from, std::string to) { steps_.push_back({std::move(from), std::move(to)}); }
  // Canonical composition, for text that is composed already: kUnsupported with the offset for any other.
  void require_nfc() { nfc_ = true; }
  bool empty() const { return steps_.empty() && !nfc_; }
  std::string apply(std::string_view text) const;  // empty text stays empty

 private:
  struct Step {
    std::string from, to;  // from empty: put `to` in front
  };
  std::vector<Step> steps_;
  bool nfc_ = false;
};

// How the matches of a pattern cut a piece.
enum class SplitBehavior { kIsolated, kRemoved, kMergedWithNext };

class PreTokenizer {
 public:
  enum class Prefix { kNever, kFirst, kAlways };

  // inverted: what lies between the matches counts as the match.
  void split(const Regex& pattern, SplitBehavior behavior, bool inverted = false);
  // Puts prefix in front of pieces that do not start with it: all of them, or the one that starts the text.
  void add_prefix(std::string prefix, Prefix which);
  void replace(std::string from, std::string to);

  // Pieces of text, in order, none empty. They point into text or into storage, which must both outlive them.
  // at_start: text is where the whole input starts.
  std::vector<std::string_view> apply(std::string_view text, bool at_start,
                                      std::deque<std::string>& storage) const;

 private:
  struct Split {
    Regex pattern;
    SplitBehavior behavior;
    bool inverted;
  };
  struct AddPrefix {
    std::string prefix;
    Prefix which;
  };
  struct Replace {
    std::string from, to;
  };
  std::vector<std::variant<Split, AddPrefix, Replace>> steps_;
};

}  // namespace gyre::text
