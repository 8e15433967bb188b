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
    CorpusEntry{"wikitext2", "wikitext-2/wiki.test.raw", "WikiText-2 raw, test split"},
    CorpusEntry{"wikitext2-valid", "wikitext-2/wiki.valid.raw",
                "WikiText-2 raw, validation split (4 white-space bytes short of the official file)"},
};

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
  corpus.text = entry ? join_wikitext_rows(bytes) : bytes;
  corpus.rule = entry ? "rows joined by \\n\\n" : "file as it is";
  GYRE_CHECK(!corpus.text.empty(), ErrorCode::kInput, "{}: the text is empty", path.string());
  corpus.digest = sha256_hex(corpus.text);
  return corpus;
}

}  // namespace gyre
