// LaTeX output, read as pdfLaTeX would: without a TeX installation this is what stands for compiling it.
// Commands are known ones, braces, environments and mathematics close, every row of a tabular has its
// columns, and no character is left that TeX takes for its own or does not have.
#include <gmock/gmock.h>

#include <set>
#include <sstream>

#include "analysis/render.h"
#include "analysis/synthetic.h"

namespace gyre::analysis {
namespace {

using namespace testing;

// What LaTeX itself and booktabs define.
const std::set<std::string> kCommands = {
    "begin",       "end",     "centering",      "caption",        "toprule",       "midrule",
    "bottomrule",  "textbf",  "textit",         "smallskip",      "footnotesize",  "raggedright",
    "par",         "pm",      "times",          "textdagger",     "textbackslash", "textless",
    "textgreater", "textbar", "textasciitilde", "textasciicircum"};

class LatexReader {
 public:
  explicit LatexReader(const std::string& text) : text_(text) {}

  // Empty where it would compile, else what would stop it.
  std::string problem() {
    while (at_ < text_.size() && problem_.empty()) step();
    if (problem_.empty() && !open_.empty()) fail("not closed: " + open_.back());
    if (problem_.empty() && math_) fail("mathematics not closed");
    return problem_;
  }
  int rows = 0;

 private:
  void fail(const std::string& what) {
    std::ostringstream out;
    out << what << " before: " << text_.substr(at_, 60);
    problem_ = out.str();
  }
  void step() {
    const char c = text_[at_];
    const auto byte = static_cast<unsigned char>(c);
    if (c == '%') return skip_line();
    ++at_;
    if (c == '\\') return command();
    if (c == '{') return open_.push_back("{");
    if (c == '}') return close("{");
    if (c == '$') {
      math_ = !math_;
      return;
    }
    if (c == '&') return separator();
    if ((c == '_' || c == '^') && !math_) return fail("a script outside of mathematics");
    if (c == '#' || c == '~' || c == '<' || c == '>' || c == '|' || c == '"')
      return fail("a bare special character");
    if (byte < 0x20 && c != '\n') return fail("a control character");
    if (byte >= 0x80) {
      if (byte != 0xC3) return fail("a character that pdfLaTeX does not have");
      ++at_;
    }
  }
  void skip_line() { at_ = std::min(text_.find('\n', at_), text_.size() - 1) + 1; }
  void close(const std::string& what) {
    if (open_.empty() || open_.back() != what) return fail("closes what is not open: " + what);
    open_.pop_back();
  }
  std::string argument() {
    const auto end = text_.find('}', at_);
    if (text_[at_] != '{' || end == std::string::npos) return fail("no argument"), "";
    const auto name = text_.substr(at_ + 1, end - at_ - 1);
    at_ = end + 1;
    return name;
  }
  void command() {
    const char c = text_[at_];
    if (!std::isalpha(static_cast<unsigned char>(c))) {
      ++at_;
      if (c == '\\') return end_row();
      if (std::string("{}_%&#$").find(c) == std::string::npos) fail("an unknown command");
      return;
    }
    const auto begin = at_;
    while (at_ < text_.size() && std::isalpha(static_cast<unsigned char>(text_[at_]))) ++at_;
    const auto name = text_.substr(begin, at_ - begin);
    if (!kCommands.contains(name)) return fail("an unknown command \\" + name);
    if ((name == "pm" || name == "times") && !math_) return fail("a symbol of mathematics outside of it");
    if (name == "begin") {
      open_.push_back(argument());
      if (open_.back() == "tabular") {
        const auto columns = argument();
        if (columns.find_first_not_of("lcr") != std::string::npos) return fail("column types");
        n_columns_ = columns.size();
        n_cells_ = 1;
      }
    }
    if (name == "end") {
      if (n_cells_ > 1) return fail("a row without its end");
      close(argument());
    }
    if (name.ends_with("rule") && (open_.empty() || open_.back() != "tabular" || n_cells_ != 1))
      return fail("a rule inside of a row");
  }
  void separator() {
    if (open_.empty() || open_.back() != "tabular") return fail("a bare &");
    ++n_cells_;
  }
  void end_row() {
    if (open_.empty() || open_.back() != "tabular") return fail("a row's end outside of a tabular");
    if (n_cells_ != n_columns_) return fail("a row with another number of cells");
    if (text_[at_] == '[' || text_[at_] == '*') return fail("a row's end that takes an argument");
    n_cells_ = 1;
    ++rows;
  }

  const std::string text_;
  std::size_t at_ = 0, n_columns_ = 0, n_cells_ = 1;
  bool math_ = false;
  std::vector<std::string> open_;
  std::string problem_;
};

class LatexTest : public SyntheticFixture {};

TEST_F(LatexTest, OfAWholeSweepReads) {
  fill({.n_layers = 1, .n_windows = 3, .n_replicas = 2, .stats = false});
  for (const char* baseline : {"", "none"}) {
    const auto text = render(table({.sweep = Synthetic{}.sweep, .baseline = baseline}), Format::kLatex);
    LatexReader reader(text);
    EXPECT_EQ(reader.problem(), "") << text;
    EXPECT_EQ(reader.rows, 1 + 8);  // header, full precision and seven rotations
  }
}

TEST(Latex, OfEveryCharacterReads) {
  Table t;
  std::string all = "é ÷ 漢 ×±†\xff \xe2\x82";
  for (char c = 1; c < 0x7f; ++c) all += c;
  t.title = all;
  t.row_keys = {all, "[b]"};
  t.column_keys = {"bits"};
  t.columns = {{all}, {"*"}};
  t.rows = {{{"[a] \\", "*"}, {Cell{.status = "ok", .text = all, .versus_text = all}, Cell{}}}};
  t.notes = {all};
  const auto text = render(t, Format::kLatex);
  LatexReader reader(text);
  EXPECT_EQ(reader.problem(), "") << text;
  EXPECT_EQ(reader.rows, 2);
  EXPECT_THAT(text, ::testing::HasSubstr("é ? ? $\\times$$\\pm$\\textdagger{}?"));
}

// The reader finds what a compiler would.
TEST(LatexReader, RefusesWhatWouldNotCompile) {
  for (const char* text :
       {"a & b", "50\\% {", "a_b", "\\unknown", "\\begin{tabular}{lr}\na \\\\\n\\end{tabular}", "$a",
        "\xcf\x81", "\\begin{table}", "\\pm", "\\begin{tabular}{l}\na \\\\[b] \\\\\n\\end{tabular}", "}"})
    EXPECT_NE(LatexReader(text).problem(), "") << text;
  EXPECT_EQ(LatexReader("\\begin{tabular}{lr}\na & $\\pm$ 1 \\\\\n\\end{tabular} 5\\% % x_y").problem(), "");
}

}  // namespace
}  // namespace gyre::analysis
