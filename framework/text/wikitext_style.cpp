#include "text/wikitext_style.h"

#include <algorithm>
#include <array>
#include <vector>

#include "core/text.h"
#include "text/regex.h"
#include "text/unicode.h"

namespace gyre::text {
namespace {

constexpr std::size_t kMostHeadingBytes = 80, kMostHeadingWords = 10;

// Words that sentences have and headings do not: pronouns that begin one, and finite verbs.
constexpr std::array<std::string_view, 6> kSentenceStarts = {"he", "she", "it", "they", "we", "there"};
constexpr std::array<std::string_view, 39> kVerbs = {
    "is",     "are",   "was",     "were",     "has",      "have",   "had",    "be",     "been",     "being",
    "will",   "would", "can",     "could",    "may",      "might",  "must",   "should", "shall",    "does",
    "did",    "do",    "became",  "becomes",  "began",    "won",    "wrote",  "made",   "includes", "include",
    "serves", "lies",  "remains", "remained", "received", "played", "joined", "died",   "consists"};

// After these a full stop belongs to the word.
constexpr std::array<std::string_view, 52> kAbbreviations = {
    "Adj",  "Adm", "Assoc", "Ave",  "Bldg",   "Brig", "Bros", "Capt", "Cmdr", "Co",   "Col",  "Comdr", "Corp",
    "Cpl",  "DR",  "Dr",    "Ens",  "Gen",    "Gov",  "Hon",  "Hosp", "Inc",  "Jr",   "Lt",   "Ltd",   "Maj",
    "MM",   "MR",  "MRS",   "MS",   "Messrs", "Mr",   "Mrs",  "Ms",   "Mt",   "Msgr", "Op",   "Pfc",   "Ph",
    "Prof", "Pvt", "Rep",   "Reps", "Rev",    "Sen",  "Sens", "Sgt",  "Sr",   "St",   "Supt", "vs",    "rev"};
// The same, where a number follows.
constexpr std::array<std::string_view, 4> kNumbered = {"No", "Nos", "Art", "pp"};

template <std::size_t n>
bool is_one_of(std::string_view word, const std::array<std::string_view, n>& words) {
  return std::ranges::find(words, word) != words.end();
}

bool is_digit(char c) {
  return c >= '0' && c <= '9';
}

// What PCRE2 knows and ASCII tells fast: letters and digits of every script.
class Line {
 public:
  explicit Line(std::string_view text)
      : text_(text), alnum_(text.size(), false), letter_(text.size(), false) {
    static const Regex kLetters(R"(\p{L}+)"), kNumbers(R"(\p{N}+)");
    bool ascii = true;
    for (std::size_t i = 0; i < text.size(); ++i) {
      const char c = text[i];
      const bool letter = (c >= 'a' && c <= 'z') || (c >= 'A' && c <= 'Z');
      letter_[i] = letter;
      alnum_[i] = letter || is_digit(c);
      ascii &= static_cast<unsigned char>(c) < 0x80;
    }
    if (ascii) return;
    std::vector<Regex::Match> matches;
    const auto mark = [&](const Regex& pattern, std::vector<bool>* also) {
      pattern.find_all(text, matches);
      for (const auto& [begin, end] : matches)
        for (auto i = begin; i < end; ++i) {
          alnum_[i] = true;
          if (also) (*also)[i] = true;
        }
    };
    mark(kLetters, &letter_);
    mark(kNumbers, nullptr);
  }

  std::size_t size() const { return text_.size(); }
  char at(std::size_t i) const { return i < text_.size() ? text_[i] : '\0'; }
  // Bytes; those beyond the ends (also size_t(-1)) are neither.
  bool alnum(std::size_t i) const { return i < text_.size() && alnum_[i]; }
  bool letter(std::size_t i) const { return i < text_.size() && letter_[i]; }

  // Whether the mark at i stands inside a number that nothing is glued to: "1,234.5", not "9.9M".
  bool in_number(std::size_t i) const {
    if (i == 0 || !is_digit(at(i - 1)) || !is_digit(at(i + 1))) return false;
    const auto part = [&](std::size_t j) {
      return is_digit(at(j)) || ((at(j) == '.' || at(j) == ',') && is_digit(at(j + 1)));
    };
    std::size_t begin = i, end = i;
    while (begin > 0 && part(begin - 1)) --begin;
    while (part(end)) ++end;
    return !alnum(begin - 1) && !alnum(end);
  }

  // Whether the full stop at i, with nothing of the word behind it, belongs to the word that ends there.
  bool stop_belongs(std::size_t i) const {
    std::size_t begin = i;
    while (begin > 0 && (alnum(begin - 1) || at(begin - 1) == '.')) --begin;
    const auto word = text_.substr(begin, i - begin);
    bool any_letter = false;
    for (std::size_t j = begin; j < i; ++j) any_letter |= letter(j);
    if (word.empty() || !any_letter) return false;
    if (word.find('.') != std::string_view::npos) return true;              // U.S.
    if (word.size() == 1 && word[0] >= 'A' && word[0] <= 'Z') return true;  // J.
    std::size_t next = i + 1;
    while (at(next) == ' ') ++next;
    if (next == size() || next == i + 1) return is_one_of(word, kAbbreviations) && next != size();
    if (is_one_of(word, kAbbreviations)) return true;
    if (is_one_of(word, kNumbered)) return is_digit(at(next));
    return at(next) >= 'a' && at(next) <= 'z';
  }

 private:
  std::string_view text_;
  std::vector<bool> alnum_, letter_;
};

class Writer {
 public:
  explicit Writer(std::size_t room) { out_.reserve(room + room / 4); }
  void blank() {
    if (!out_.empty() && out_.back() != ' ') out_ += ' ';
  }
  void glue(std::string_view text) { out_ += text; }
  void alone(std::string_view text) {
    blank();
    out_ += text;
    out_ += ' ';
  }
  std::string finish() {
    while (out_.ends_with(' ')) out_.pop_back();
    return std::move(out_);
  }

 private:
  std::string out_;
};

}  // namespace

std::string wikitext_words(std::string_view text) {
  const Line line(text);
  Writer out(text.size());
  for (std::size_t i = 0; i < text.size();) {
    const char c = text[i];
    const auto length = std::min(utf8_length(c), text.size() - i);
    const auto character = text.substr(i, length);
    const bool before = i > 0 && line.alnum(i - 1), behind = line.alnum(i + length);
    if (line.alnum(i)) {
      out.glue(character);
    } else if (const auto space = leading_white_space(text.substr(i)); space > 0) {
      out.blank();
      i += space;
      continue;
    } else if (c == '-') {
      if (before && behind)
        out.alone("@-@");
      else
        out.glue("-");
    } else if ((c == '.' || c == ',') && line.in_number(i)) {
      out.alone(c == '.' ? "@.@" : "@,@");
    } else if (c == '.') {
      const auto end = std::min(text.find_first_not_of('.', i), text.size());
      if (end - i > 1) {
        out.alone(text.substr(i, end - i));
        i = end;
        continue;
      }
      if (behind || line.stop_belongs(i))
        out.glue(".");
      else
        out.alone(".");
    } else if (c == ',' && is_digit(line.at(i - 1)) && is_digit(line.at(i + 1))) {
      out.glue(",");  // in a number that a letter is glued to
    } else if (c == '\'') {
      const bool letter_before = i > 0 && line.letter(i - 1), letter_behind = line.letter(i + 1);
      if (before && letter_behind && (letter_before || line.at(i + 1) == 's')) {
        out.blank();
        out.glue("'");
      } else if (before && !letter_before && letter_behind) {
        out.glue("'");
      } else {
        out.alone("'");
      }
    } else if (c == '"') {
      out.alone("\"");
      const auto end = text.find_first_not_of('"', i);
      i = std::min(end, text.size());
      continue;
    } else {
      out.alone(character);
    }
    i += length;
  }
  return out.finish();
}

bool is_plain_heading(std::string_view line) {
  line = trim(line);
  if (line.size() < 3 || line.size() > kMostHeadingBytes || !line.ends_with('.') || line.ends_with(".."))
    return false;
  line.remove_suffix(1);
  if (line.find(". ") != std::string_view::npos && line.find(". ") > 3) return false;  // two sentences
  const char first = line[0];
  if ((first >= 'a' && first <= 'z') || first == '-' || first == '*' || first == '#' || line.starts_with("•"))
    return false;
  std::size_t words = 0;
  for (std::size_t at = 0; at < line.size();) {
    const auto end = std::min(line.find(' ', at), line.size());
    std::string word(line.substr(at, end - at));
    at = end + 1;
    if (word.empty()) continue;
    std::string lower = word;
    for (char& c : lower)
      if (c >= 'A' && c <= 'Z') c = static_cast<char>(c - 'A' + 'a');
    if (words == 0 && is_one_of(lower, kSentenceStarts)) return false;
    if (words > 0 && is_one_of(word, kVerbs)) return false;
    if (++words > kMostHeadingWords) return false;
  }
  return words > 0;
}

std::string wikitext_rows(std::string_view title, std::string_view text) {
  std::string out = " \n = " + wikitext_words(title) + " = \n \n";
  std::vector<std::string> headings;  // since the last paragraph
  bool first = true;
  for (std::size_t at = 0; at < text.size();) {
    const auto end = std::min(text.find('\n', at), text.size());
    const auto line = trim(text.substr(at, end - at));
    at = end + 1;
    if (line.empty()) continue;
    if (!first && is_plain_heading(line)) {
      headings.push_back(wikitext_words(line.substr(0, line.size() - 1)));
      continue;
    }
    first = false;
    // Of several in a row the last is part of the one before it; what comes before those two is empty.
    if (!headings.empty()) {
      if (headings.size() > 1) out += " \n = = " + headings[headings.size() - 2] + " = = \n";
      const std::string mark = headings.size() > 1 ? "= = =" : "= =";
      out += " \n " + mark + " " + headings.back() + " " + mark + " \n \n";
      headings.clear();
    }
    out += ' ' + wikitext_words(line) + " \n";
  }
  return out + " \n";
}

}  // namespace gyre::text
