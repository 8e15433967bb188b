#include "text/documents.h"

#include <nlohmann/json.hpp>
#include <utility>
#include <vector>

#include "core/error.h"
#include "core/text.h"
#include "text/line_reader.h"

namespace gyre::text {
namespace {

using Json = nlohmann::json;

constexpr std::size_t kPiece = std::size_t{1} << 20, kLongest = std::size_t{16} << 20;

std::string text_of(const Json& json, const char* key) {
  const auto found = json.find(key);
  if (found == json.end() || found->is_null()) return {};
  return found->is_string() ? found->get<std::string>() : found->dump();
}

Document parse_article(const std::string& line, const std::string& file, std::int64_t number) {
  Json json;
  std::string problem;
  try {
    json = Json::parse(line);
    if (!json.is_object())
      problem = fmt::format("found {}", json.type_name());
    else if (!json.contains("text") || !json["text"].is_string())
      problem = "it has no \"text\"";
  } catch (const Json::exception& error) {
    problem = error.what();
  }
  GYRE_CHECK(problem.empty(), ErrorCode::kInput,
             "{}: line {} is not an article, expected {{\"id\": ..., \"title\": ..., \"text\": ...}}: {}",
             file, number, problem);
  Document document;
  document.form = Document::Form::kArticle;
  document.id = text_of(json, "id");
  document.title = text_of(json, "title");
  document.text = std::move(json["text"].get_ref<std::string&>());
  return document;
}

void read_articles(LineReader& lines, const std::string& file, const std::function<bool(Document&)>& visit) {
  std::string line;
  for (std::int64_t number = 0; lines.next(line);) {
    if (trim(line).empty()) continue;
    auto document = parse_article(line, file, lines.line());
    document.number = number++;
    document.read = lines.bytes_read();
    if (!visit(document)) return;
  }
}

// Rows before the first title are an article without one.
void read_text(LineReader& lines, const std::function<bool(Document&)>& visit) {
  Document document;
  std::int64_t number = 0;
  bool going = true;
  const auto give = [&] {
    if (trim(document.text).empty()) {
      document = {};
      return;
    }
    document.number = number++;
    document.read = lines.bytes_read();
    going = visit(document);
    document = {};
  };
  std::string line;
  while (going && lines.next(line)) {
    const bool blank = trim(line).empty();
    const bool title = heading_level(line) == 1;
    if (title || (blank && document.form == Document::Form::kPlain && document.text.size() > kPiece) ||
        document.text.size() > kLongest) {
      const auto form = document.form;
      give();
      document.form = form;
    }
    if (title) {
      document.form = Document::Form::kRows;
      const auto words = trim(line);
      document.title = trim(words.substr(1, words.size() - 2));
      document.text = " \n";
    }
    document.text.append(line).push_back('\n');
  }
  if (going) give();
}

}  // namespace

void read_documents(const std::filesystem::path& path, const std::function<bool(Document&)>& visit) {
  LineReader lines(path);
  auto name = path;
  if (name.extension() == ".xz") name.replace_extension();
  if (name.extension() == ".jsonl")
    read_articles(lines, path.string(), visit);
  else
    read_text(lines, visit);
}

int heading_level(std::string_view row) {
  if (!row.starts_with(" = ")) return 0;
  auto words = row.substr(1);
  while (words.ends_with(' ')) words.remove_suffix(1);
  int level = 0;
  while (words.size() > 4 && words.starts_with("= ") && words.ends_with(" =")) {
    words = words.substr(2, words.size() - 4);
    ++level;
  }
  return level;
}

std::string without_unknown_words(std::string_view rows) {
  std::string out;
  std::vector<std::pair<int, std::string_view>> headings;  // not yet written, outermost first
  for (std::size_t at = 0; at < rows.size();) {
    const auto end = std::min(rows.find('\n', at), rows.size());
    const auto row = rows.substr(at, end - at);
    at = end + 1;
    if (trim(row).empty()) continue;
    if (const int level = heading_level(row)) {
      while (!headings.empty() && headings.back().first >= level) headings.pop_back();
      headings.emplace_back(level, row);
      continue;
    }
    if (row.find("<unk>") != std::string_view::npos) continue;
    for (const auto& [level, heading] : headings)
      if (heading.find("<unk>") == std::string_view::npos) out.append(" \n").append(heading).append("\n \n");
    headings.clear();
    out.append(row).push_back('\n');
  }
  if (!out.empty()) out += " \n";
  return out;
}

}  // namespace gyre::text
