// Documents of a training text, one at a time: articles of a .jsonl, articles of a file in WikiText's rows,
// or pieces of any other text.
#pragma once

#include <cstdint>
#include <filesystem>
#include <functional>
#include <string>
#include <string_view>

namespace gyre::text {

struct Document {
  enum class Form {
    kArticle,  // title and text apart, text in plain writing, paragraphs a line each
    kRows,     // an article in WikiText's rows, its title among them
    kPlain     // whole lines of a file
  };
  Form form = Form::kPlain;
  std::int64_t number = 0;  // in its file, from 0
  std::string id;           // kArticle: as the file says; else empty
  std::string title, text;
  std::uint64_t read = 0;  // bytes of the file, as it is stored, read so far
};

// path: .jsonl (objects {"id", "title", "text"}, one a line; id and title may be missing) or UTF-8 text, both
// also with .xz behind. A text with WikiText's title rows (" = Title = ") is parted before them; any other,
// and an article above 16 MiB, at a blank line behind the first MiB, or at any line behind 16. visit returns
// whether to go on. Memory is bounded by one document. kInput with file and line when a line of a .jsonl is
// not such an object, and as LineReader says.
void read_documents(const std::filesystem::path& path, const std::function<bool(Document&)>& visit);

// Whether a row is a title (" = Title = "), and the level of a heading (1 for a title, 2 for " = = X = = ");
// 0 for any other row.
int heading_level(std::string_view row);

// Rows without those that hold "<unk>", which stands for a rare word in WikiText's word-level files and in no
// text that a model is asked about. A heading without a paragraph below it goes too.
std::string without_unknown_words(std::string_view rows);

}  // namespace gyre::text
