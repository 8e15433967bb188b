// Pieces of an HTML page that needs nothing but itself.
#pragma once

#include <string>
#include <string_view>
#include <vector>

namespace gyre::analysis {

// Safe in text and in quoted attributes; valid UTF-8, without control characters.
std::string html_text(std::string_view text);

// A cell: what is shown (HTML), and what it is sorted by: a number where there is one, else its text.
struct HtmlCell {
  std::string html;
  double number = 0;
  bool is_number = false;
  std::string classes = {};
};
HtmlCell text_cell(std::string_view text);
HtmlCell number_cell(double value);                           // format_value(); empty when not finite
HtmlCell number_cell(double value, const std::string& text);  // sorted by value, last when not finite

struct HtmlTable {
  std::string id;  // letters, digits and hyphens
  std::string caption;
  std::vector<std::string> header;
  std::vector<std::vector<HtmlCell>> rows;
  // Texts that the copy buttons give; without them the page makes them from the table itself.
  std::string latex, csv;
};
// Sorted by a press on a header, copied by buttons, scrolls sideways where the window is narrow.
std::string html_table(const HtmlTable& table);

// <figure> with title, drawing, caption, the command that makes it and the runs behind it.
std::string html_figure(const std::string& title, const std::string& svg, const std::string& caption,
                        const std::string& source);
// The command and the digests of runs, as it stands under tables and figures.
std::string html_source(const std::string& command, const std::vector<std::string>& digests);

// The whole page: styles and scripts inside; a policy in its head forbids every request.
std::string html_page(const std::string& title, const std::string& body);

}  // namespace gyre::analysis
