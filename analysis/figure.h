// Figures: gnuplot commands, drawn by gnuplot as a process.
#pragma once

#include <string>
#include <string_view>
#include <vector>

namespace gyre::analysis {

struct Figure {
  std::string id;                 // file name and prefix of SVG ids: letters, digits and hyphens
  std::string title, caption;     // for the page around it
  std::string script;             // gnuplot commands, without terminal and output
  std::vector<std::string> runs;  // digests of the runs whose numbers it shows
  int height = 400;               // pixels, at a width of 720
};

enum class FigureFormat { kSvg, kPdf };

// Each figure as a file's bytes, the same for the same figures: no dates, fixed fonts, no user settings. SVG
// comes without XML declaration, ids prefixed with Figure::id, so that several can stand in one HTML page.
// kInput when gnuplot is not installed, kRun with its message when it refuses a script.
std::vector<std::string> draw(const std::vector<Figure>& figures, FigureFormat format);

// A text as a gnuplot string that means nothing but itself; control characters become spaces, what is not
// UTF-8 question marks.
std::string gnuplot_text(std::string_view text);
// The same for tic labels, which gnuplot reads as formats.
std::string gnuplot_tic(std::string_view text);

// Valid UTF-8: each byte that is not part of a sequence becomes the replacement.
std::string valid_utf8(std::string_view text, std::string_view replacement);

}  // namespace gyre::analysis
