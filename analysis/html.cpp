#include "analysis/html.h"

#include <fmt/format.h>

#include <cmath>

#include "analysis/facts.h"
#include "analysis/figure.h"
#include "analysis/numbers.h"
#include "core/text.h"

namespace gyre::analysis {
namespace {

std::string copy_button(const std::string& id, const char* kind, const std::string& text) {
  std::string out =
      fmt::format("<button type=\"button\" data-copy=\"{}\" data-table=\"{}\">Copy as {}</button>", kind, id,
                  std::string_view(kind) == "csv" ? "CSV" : "LaTeX");
  if (!text.empty())
    out += fmt::format("<textarea id=\"{}-{}\" hidden readonly>\n{}</textarea>", id, kind, html_text(text));
  return out;
}

}  // namespace

std::string html_text(std::string_view text) {
  std::string out;
  for (const char c : valid_utf8(text, "\xEF\xBF\xBD")) switch (c) {
      case '&':
        out += "&amp;";
        break;
      case '<':
        out += "&lt;";
        break;
      case '>':
        out += "&gt;";
        break;
      case '"':
        out += "&quot;";
        break;
      case '\'':
        out += "&#39;";
        break;
      default:
        if (static_cast<unsigned char>(c) >= 0x20 || c == '\n')
          out += c;
        else if (c != '\r')
          out += ' ';
    }
  return out;
}

HtmlCell text_cell(std::string_view text) {
  return {html_text(text), 0, false};
}

HtmlCell number_cell(double value) {
  return number_cell(value, std::isfinite(value) ? format_value(value) : "");
}

HtmlCell number_cell(double value, const std::string& text) {
  return {html_text(text), value, true};
}

std::string html_table(const HtmlTable& table) {
  // The caption stays where it is when a wide table scrolls.
  std::string out = "<p class=\"soft\" id=\"" + table.id + "-caption\">" + html_text(table.caption) +
                    "</p>\n<div class=\"tools\">" + copy_button(table.id, "latex", table.latex) +
                    copy_button(table.id, "csv", table.csv) + "</div>\n<div class=\"wide\"><table id=\"" +
                    table.id + "\" aria-describedby=\"" + table.id + "-caption\">\n";
  out += "<thead><tr>";
  for (std::size_t i = 0; i < table.header.size(); ++i) {
    const bool numbers = !table.rows.empty() && table.rows.front()[i].is_number;
    out += fmt::format("<th scope=\"col\" tabindex=\"0\"{}>{}</th>", numbers ? " class=\"n\"" : "",
                       html_text(table.header[i]));
  }
  out += "</tr></thead>\n<tbody>\n";
  for (const auto& row : table.rows) {
    out += "<tr>";
    for (const auto& cell : row) {
      std::string classes = cell.is_number ? "n" : "";
      if (!cell.classes.empty()) classes += (classes.empty() ? "" : " ") + cell.classes;
      out += "<td";
      if (!classes.empty()) out += " class=\"" + classes + "\"";
      if (cell.is_number && std::isfinite(cell.number))
        out += " data-v=\"" + format_number(cell.number) + "\"";
      out += ">" + cell.html + "</td>";
    }
    out += "</tr>\n";
  }
  return out + "</tbody></table></div>\n";
}

std::string html_figure(const std::string& title, const std::string& svg, const std::string& caption,
                        const std::string& source) {
  return "<figure>\n<figcaption><b>" + html_text(title) + ".</b> " + html_text(caption) +
         "</figcaption>\n<div class=\"plot\" role=\"img\" aria-label=\"" + html_text(title) + "\">" + svg +
         "</div>\n" + source + "</figure>\n";
}

std::string html_source(const std::string& command, const std::vector<std::string>& digests) {
  std::string out = "<p class=\"source\"><code>" + html_text(command) + "</code>";
  if (!digests.empty()) {
    out += fmt::format(" &middot; {} run{}:", digests.size(), digests.size() == 1 ? "" : "s");
    for (const auto& digest : digests) out += " " + html_text(short_digest(digest));
  }
  return out + "</p>\n";
}

}  // namespace gyre::analysis
