// The figures of a report. Each returns nothing when the database has nothing to show in it. Private to
// analysis.
#pragma once

#include <optional>
#include <vector>

#include "analysis/figure.h"
#include "analysis/sweep_view.h"

namespace gyre::analysis {

// Perplexity of every cell by setting, with standard errors, beside full precision's.
std::optional<Figure> perplexity_figure(const SweepView& view);
// Perplexity against stored bits per weight, coloured by seconds; the front of both as a line for each kind
// of activation and cache quantization, a ring around what no other point of its kind beats in all three.
std::optional<Figure> pareto_figure(const SweepView& view);
// Kurtosis by layer, one figure a site: the original's and what each rotation makes of it.
std::vector<Figure> kurtosis_figures(const SweepView& view);
// Distribution of values by site, original and rotated, beside the Gaussian.
std::vector<Figure> histogram_figures(const SweepView& view);
// What training logged, one figure a name.
std::vector<Figure> curve_figures(const SweepView& view);
// Statistics by layer and run, those first that go best with the metric; at most `limit` figures.
std::vector<Figure> heat_maps(const SweepView& view, std::size_t limit);
// Bytes per second against bytes for each kernel variant, one figure a device, with the copy's speed as roof.
std::vector<Figure> roofline_figures(const std::vector<store::KernelTimingRow>& timings);

// All of a view, in this order.
std::vector<Figure> figures_of(const SweepView& view);

// Shared by their scripts.
std::string figure_frame();                                                // borders, grid, legend
std::string series_style(std::size_t index);                               // "pt 7 lc '#0072B2'"
std::string line_colour(std::size_t index);                                // "lc '#0072B2'"
std::string axis_scale(const std::string& axis, double low, double high);  // logarithmic where it spans much

}  // namespace gyre::analysis
