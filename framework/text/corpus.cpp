#include "text/corpus.h"

#include <array>
#include <filesystem>

#include "core/digest.h"
#include "core/error.h"
#include "core/files.h"
#include "core/text.h"
#include "text/unicode.h"

namespace gyre {

namespace {

constexpr std::array kCorpora = {
    CorpusEntry{"wikitext2", "wikitext-2/wiki.test.raw", "WikiText-2 raw, test split", true},
    CorpusEntry{"wikitext2-valid", "wikitext-2/wiki.valid.raw",
                "WikiText-2 raw, validation split (4 white-space bytes short of the official file)", true},
    CorpusEntry{"stories", "stories/tinystories.txt",
                "a part of TinyStories, stories parted by <|endoftext|>", false},
    CorpusEntry{"stories-train", "stories/tinystories.txt", "the first four fifths of stories", false,
                Stories::kFirst},
    CorpusEntry{"stories-heldout", "stories/tinystories.txt", "the rest of stories", false, Stories::kLast},
};

// The stories that a named text is of.
std::string_view part(std::string_view text, Stories which) {
  if (which == Stories::kAll) return text;
  constexpr std::string_view kEnd = "<|endoftext|>\n";
  const auto last = text.rfind(kEnd, text.size() / 5 * 4);
  GYRE_ASSERT(last != std::string_view::npos);
  const auto middle = last + kEnd.size();
  return which == Stories::kFirst ? text.substr(0, middle) : text.substr(middle);
}

}  // namespace

std::string join_wikitext_rows(std::string_view file) {
  std::string out;
  out.reserve(file.size() + file.size() / 100);
  for (std::size_t at = 0; at < file.size();) {
    const auto end = std::min(file.find('\n', at), file.size());
    const auto line = file.substr(at, end - at);
    if (at > 0) out += "\n\n";
    if (!trim(line).empty()) out.append(line).append("\n");
    at = end + 1;
  }
  return out;
}

std::span<const CorpusEntry> corpora() {
  return kCorpora;
}

Corpus load_corpus(const std::string& name_or_path) {
  Corpus corpus;
  const CorpusEntry* entry = nullptr;
  std::vector<std::string> known;
  for (const auto& candidate : kCorpora) {
    known.emplace_back(candidate.name);
    if (candidate.name == name_or_path) entry = &candidate;
  }
  const std::filesystem::path path = entry ? asset_path(entry->file) : std::filesystem::path(name_or_path);
  GYRE_CHECK(std::filesystem::is_regular_file(path), ErrorCode::kInput,
             "{}: no such text{}; expected a named text or a UTF-8 file",
             entry ? path.string() : name_or_path, entry ? "" : suggestion(name_or_path, known));
  const auto bytes = read_file(path);
  text::require_utf8(bytes, path.string());
  corpus.name = entry ? std::string(entry->name) : path.stem().string();
  corpus.text = entry && entry->wikitext_rows ? join_wikitext_rows(bytes)
                : entry                       ? std::string(part(bytes, entry->stories))
                                              : bytes;
  corpus.rule = entry && entry->wikitext_rows              ? "rows joined by \\n\\n"
                : entry && entry->stories != Stories::kAll ? "a part of the file"
                                                           : "file as it is";
  GYRE_CHECK(!corpus.text.empty(), ErrorCode::kInput, "{}: the text is empty", path.string());
  corpus.digest = sha256_hex(corpus.text);
  return corpus;
}

}  // namespace gyre
