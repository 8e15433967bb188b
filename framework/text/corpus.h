// Named evaluation and calibration texts, and the rule by which each is made one stream.
#pragma once

#include <span>
#include <string>
#include <string_view>

namespace gyre {

struct Corpus {
  std::string name;    // as it appears in metric names: "wikitext2", or the file's stem
  std::string text;    // the joined stream, UTF-8
  std::string digest;  // SHA-256 of text
  std::string rule;    // "rows joined by \n\n" or "file as it is"
};

struct CorpusEntry {
  std::string_view name, file, summary;
};

// wikitext2 (raw test) and wikitext2-valid: files under experiments/assets, WikiText's rows joined as below.
std::span<const CorpusEntry> corpora();

// The stream of a text in WikiText's rows, as the GPTQ lineage joins them: a row keeps its newline, a blank
// one is the empty string, rows are joined by two newlines.
std::string join_wikitext_rows(std::string_view file);

// A named text or the path of a UTF-8 file. kInput when missing or not UTF-8 (with the byte offset), naming
// the known texts.
Corpus load_corpus(const std::string& name_or_path);

}  // namespace gyre
