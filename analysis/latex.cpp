// A table environment with booktabs rules; compiles under pdfLaTeX with no package but booktabs.
#include <array>
#include <utility>

#include "analysis/figure.h"
#include "analysis/render.h"

namespace gyre::analysis {
namespace {

// Whether valid UTF-8 at text[i] is a letter that pdfLaTeX has without further packages: those of Latin-1
// (two bytes, the first C3) but for eth, thorn and the signs among them.
bool is_accented_letter(const std::string& text, std::size_t i) {
  return text[i] == '\xc3' &&
         std::string_view("\x90\x97\x9e\xb0\xb7\xbe").find(text[i + 1]) == std::string_view::npos;
}

std::string escaped(const std::string& given) {
  const std::string text = valid_utf8(given, "?");
  static constexpr std::array<std::pair<std::string_view, std::string_view>, 21> kReplacements = {
      {{"\\", "\\textbackslash{}"},
       {"{", "\\{"},
       {"}", "\\}"},
       {"_", "\\_"},
       {"%", "\\%"},
       {"&", "\\&"},
       {"#", "\\#"},
       {"$", "\\$"},
       {"~", "\\textasciitilde{}"},
       {"^", "\\textasciicircum{}"},
       {"<", "\\textless{}"},
       {">", "\\textgreater{}"},
       {"|", "\\textbar{}"},
       {"\"", "''"},
       {"[", "{[}"},
       {"*", "{*}"},
       {"†", "\\textdagger{}"},
       {"±", "$\\pm$"},
       {"×", "$\\times$"},
       {"\n", " "},
       {"\r", " "}}};
  std::string out;
  for (std::size_t i = 0; i < text.size();) {
    bool replaced = false;
    for (const auto& [from, to] : kReplacements)
      if (text.compare(i, from.size(), from) == 0) {
        out += to;
        i += from.size();
        replaced = true;
        break;
      }
    if (replaced) continue;
    const auto c = static_cast<unsigned char>(text[i]);
    if (c < 0x80) {
      out += c < 0x20 || c == 0x7f ? ' ' : text[i];
      ++i;
    } else if (is_accented_letter(text, i)) {
      out += text.substr(i, 2);
      i += 2;
    } else {  // a character that would stop the compilation
      out += '?';
      while (++i < text.size() && (static_cast<unsigned char>(text[i]) & 0xC0) == 0x80) {
      }
    }
  }
  return out;
}

std::string cell_text(const Cell& cell) {
  std::string text = escaped(cell.text);
  if (cell.standing == Standing::kBest) text = "\\textbf{" + text + "}";
  if (cell.standing == Standing::kTied) text = "\\textit{" + text + "}";
  return cell.versus_text.empty() ? text : text + " (" + escaped(cell.versus_text) + ")";
}

}  // namespace

std::string render_latex(const Table& table) {
  std::string out = "% needs \\usepackage{booktabs}\n\\begin{table}\n\\centering\n\\caption{" +
                    escaped(table.title) + "}\n\\begin{tabular}{" + std::string(table.row_keys.size(), 'l') +
                    std::string(table.columns.size(), 'r') + "}\n\\toprule\n";
  std::string line;
  for (const auto& key : table.row_keys) line += (line.empty() ? "" : " & ") + escaped(key);
  for (std::size_t c = 0; c < table.columns.size(); ++c) line += " & " + escaped(column_name(table, c));
  out += line + " \\\\\n\\midrule\n";
  for (const auto& row : table.rows) {
    line = "";
    for (std::size_t i = 0; i < row.names.size(); ++i) line += (i == 0 ? "" : " & ") + escaped(row.names[i]);
    for (const auto& cell : row.cells) line += cell.text.empty() ? " &" : " & " + cell_text(cell);
    out += line + " \\\\\n";
  }
  out += "\\bottomrule\n\\end{tabular}\n";
  if (!table.notes.empty()) out += "\n\\smallskip\\footnotesize\\raggedright\n";
  for (const auto& note : table.notes) out += escaped(note) + "\\par\n";
  return out + "\\end{table}\n";
}

}  // namespace gyre::analysis
