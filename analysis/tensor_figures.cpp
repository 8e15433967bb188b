// Figures of tensor statistics: kurtosis by layer, distributions, heat maps.
#include <fmt/format.h>

#include <algorithm>
#include <cmath>
#include <set>

#include "analysis/facts.h"
#include "analysis/figures.h"
#include "analysis/keys.h"
#include "analysis/series.h"
#include "core/text.h"

namespace gyre::analysis {
namespace {

// The name of a run's statistics: what the phase depends on.
std::string series_name(const store::RunRow& run, const std::string& phase) {
  if (phase == "original") return "original";
  const std::string rotation = name_under(run, "rotation");
  return phase == "rotated" ? rotation + online_rotations(run)
                            : run.label + (phase == "quantized" ? "" : " " + phase);
}

// A statistic by layer of every run that has it, alike ones once, the original first.
std::vector<LayerSeries> layers_of(const SweepView& view, const std::string& site, const std::string& name,
                                   const std::set<std::string>& phases) {
  std::vector<LayerSeries> list;
  for (const bool original : {true, false})
    for (std::size_t i = 0; i < view.measurements.size(); ++i) {
      const auto& run = view.pivot.runs[i];
      for (const auto& [stat, layered] : view.measurements[i].stats) {
        if (stat.site != site || stat.name != name || layered.layers.empty()) continue;
        if (!phases.contains(stat.phase) || (stat.phase == "original") != original) continue;
        add(list, series_name(run, stat.phase), layered.layers, run.digest);
      }
    }
  return list;
}

template <class Values>
std::vector<std::string> digests_of(const std::vector<Series<Values>>& list) {
  std::vector<std::string> digests;
  for (const auto& series : list)
    for (const auto& digest : series.runs) add_once(digests, digest);
  return digests;
}

std::set<StatName> names_of(const SweepView& view) {
  std::set<StatName> names;
  for (const auto& measured : view.measurements)
    for (const auto& [stat, layered] : measured.stats)
      if (layered.layers.size() > 1) names.insert(stat);
  return names;
}

// "and 7 more" for a caption.
template <class T>
std::string cut(std::vector<T>& list, std::size_t limit) {
  if (list.size() <= limit) return "";
  const auto more = list.size() - limit;
  list.resize(limit);
  return fmt::format(" {} more left out.", more);
}

constexpr const char* kPalette =
    "set palette defined (0 '#440154', 1 '#414487', 2 '#2a788e', 3 '#22a884', 4 '#7ad151', 5 '#fde725')\n";

std::string linear_limits(std::vector<double> values) {
  std::sort(values.begin(), values.end());
  // Single layers that stand far out would leave one colour to all others.
  const auto at = [&](double q) {
    return values[static_cast<std::size_t>(q * static_cast<double>(values.size() - 1))];
  };
  const double low = at(0.02), high = at(0.98);
  return low < high ? fmt::format("set cbrange [{}:{}]\n", format_number(low), format_number(high)) : "";
}

// Ticks of a colour scale that shows asinh of the values: linear around zero, logarithmic far from it.
std::string asinh_tics() {
  std::string tics;
  for (const int value : {-10000, -1000, -100, -10, -1, 0, 1, 10, 100, 1000, 10000, 100000})
    tics += fmt::format("{}'{}' {:.6g}", tics.empty() ? "" : ", ", value, std::asinh(value));
  return "set cbtics (" + tics + ")\n";
}

Figure heat_map(const SweepView& view, const std::string& site, const std::string& name,
                std::vector<LayerSeries> list) {
  constexpr std::size_t kRows = 24;
  const std::string left_out = cut(list, kRows);
  std::set<std::int64_t> layers;
  std::vector<double> values;
  for (const auto& series : list)
    for (const auto& [layer, value] : series.values) layers.insert(layer), values.push_back(value);
  const auto [low, high] = std::minmax_element(values.begin(), values.end());
  const bool logarithmic = *low > 0 && *high > 30 * *low, wide = !logarithmic && *high - *low > 100;
  std::string data = "$data << EOD\n", tics, layer_tics;
  std::size_t longest = 0;
  std::size_t column = 0;
  for (const auto layer : layers) {
    if (column % ((layers.size() + 7) / 8) == 0)
      layer_tics += fmt::format("{}'{}' {}", layer_tics.empty() ? "" : ", ", layer, column);
    ++column;
  }
  for (std::size_t r = 0; r < list.size(); ++r) {
    std::size_t place = 0;
    for (const auto layer : layers) {
      const auto it = list[r].values.find(layer);
      data +=
          (place++ ? " " : "") + (it == list[r].values.end()
                                      ? std::string("NaN")
                                      : fmt::format("{:.6g}", wide ? std::asinh(it->second) : it->second));
    }
    data += "\n";
    longest = std::max(longest, list[r].title().size());
    tics += fmt::format("{}{} {}", r ? ", " : "", gnuplot_tic(list[r].title()), r);
  }
  data += "EOD\n";
  Figure figure{view.prefix + "-layers-" + slug(site) + "-" + slug(name),
                name + " of " + site + " by layer",
                "",
                "",
                digests_of(list),
                150 + static_cast<int>(20 * list.size())};
  figure.caption =
      "Mean over the tensors of a layer; rows that look alike are drawn once (+n: as many others)." +
      std::string(logarithmic || wide ? "" : " The 2 % at either end of the scale share its last colour.") +
      left_out;
  const std::string scale = logarithmic ? "set logscale cb\n" : wide ? asinh_tics() : linear_limits(values);
  figure.script =
      data + kPalette +
      fmt::format(
          "set lmargin {}\nset border 0\nset tics nomirror out scale 0\nunset key\nset yrange [{}:-0.5]\nset "
          "ytics ({}) font "
          "',12'\n"
          "set xrange [-0.5:{}]\nset xtics ({})\nset xlabel 'layer'\nset cbtics font ',11' format '%.3g'\n",
          longest + longest / 5 + 4, static_cast<double>(list.size()) - 0.5, tics,
          static_cast<double>(layers.size()) - 0.5, layer_tics) +
      scale + "plot $data matrix with image\n";
  return figure;
}

}  // namespace

std::vector<Figure> kurtosis_figures(const SweepView& view) {
  constexpr std::size_t kSeries = 10;
  std::set<std::pair<std::string, std::string>> found;  // site, name
  for (const auto& stat : names_of(view))
    if (stat.name.find("kurtosis") != std::string::npos) found.emplace(stat.site, stat.name);
  std::vector<Figure> figures;
  for (const auto& [site, name] : found) {
    auto list = layers_of(view, site, name, {"original", "rotated"});
    if (list.empty()) continue;
    const std::string left_out = cut(list, kSeries);
    std::string data, plots;
    double low = list[0].values.begin()->second, high = low;
    std::int64_t last = 0;
    for (std::size_t i = 0; i < list.size(); ++i) {
      data += fmt::format("$s{} << EOD\n", i);
      for (const auto& [layer, value] : list[i].values) {
        data += fmt::format("{} {:.6g}\n", layer, value);
        low = std::min(low, value), high = std::max(high, value);
        last = std::max(last, layer);
      }
      data += "EOD\n";
      const bool original = list[i].names.front() == "original";
      plots += fmt::format("{}$s{} using 1:2 with linespoints ps 0.6 {} {} title {}", i ? ", \\\n  " : "", i,
                           original ? "dt 2" : "", original ? "pt 6 lc '#555555'" : series_style(i - 1),
                           gnuplot_text(list[i].title()));
    }
    Figure figure{view.prefix + "-" + slug(name) + "-" + slug(site),
                  name + " of " + site + " by layer, before and after rotation",
                  "Mean over the tensors of a layer; (+n): as many others look alike." + left_out,
                  "",
                  digests_of(list),
                  420};
    // Heavy tails before and none after: linear around zero, logarithmic far from it, either sign.
    const bool wide = high - low > 20;
    figure.script = figure_frame() + data +
                    (wide ? "set nonlinear y via asinh(y) inverse sinh(y)\nset ytics (-1000, -100, -10, -3, "
                            "-1, 0, 1, 3, 10, 30, "
                            "100, 300, 1000, 3000, 10000, 100000)\n"
                          : "") +
                    fmt::format("set xlabel 'layer'\nset ylabel {}\nset xrange [-0.5:{}]\nplot {}\n",
                                gnuplot_text(name), static_cast<double>(last) + 0.5, plots);
    figures.push_back(std::move(figure));
  }
  return figures;
}

std::vector<Figure> histogram_figures(const SweepView& view) {
  constexpr std::size_t kSeries = 8;
  std::map<std::string, std::vector<BinSeries>> sites;
  for (const bool original : {true, false})
    for (std::size_t i = 0; i < view.measurements.size(); ++i)
      for (const auto& [where, bins] : view.measurements[i].histograms) {
        const auto& [site, phase] = where;
        if (phase == "quantized" || (phase == "original") != original) continue;
        add(sites[site], series_name(view.pivot.runs[i], phase), bins, view.pivot.runs[i].digest);
      }
  std::vector<Figure> figures;
  for (auto& [site, list] : sites) {
    const std::string left_out = cut(list, kSeries);
    Figure figure{view.prefix + "-histogram-" + slug(site),
                  "Distribution of " + site + " values",
                  "",
                  "",
                  digests_of(list),
                  420};
    figure.caption =
        "In standard deviations of each tensor, averaged over tensors; dotted: the Gaussian; (+n): as many "
        "others look alike." +
        left_out;
    std::string data, plots;
    for (std::size_t i = 0; i < list.size(); ++i) {
      data += fmt::format("$h{} << EOD\n", i);
      for (const auto& bin : list[i].values)
        if (bin.density > 0) data += fmt::format("{:.6g} {:.6g}\n", (bin.low + bin.high) / 2, bin.density);
      data += "EOD\n";
      plots +=
          fmt::format("$h{} using 1:2 with lines lw 1.5 {} title {}, \\\n  ", i,
                      i == 0 && list[i].names.front() == "original" ? "dt 2 lc '#555555'" : line_colour(i),
                      gnuplot_text(list[i].title()));
    }
    figure.script = figure_frame() + data +
                    "set logscale y\nset format y '%g'\nset xlabel 'standard deviations'\nset ylabel "
                    "'density'\nset samples 200\n"
                    "set yrange [1e-6:*]\nplot " +
                    plots + "exp(-x**2/2)/sqrt(2*pi) with lines dt 3 lc '#000000' title 'Gaussian'\n";
    figures.push_back(std::move(figure));
  }
  return figures;
}

std::vector<Figure> heat_maps(const SweepView& view, std::size_t limit) {
  // One map shows all phases of a statistic; the strongest correlation of any of them decides.
  std::vector<std::pair<std::string, std::string>> order;
  const auto add = [&](const StatName& stat) {
    const std::pair key(stat.site, stat.name);
    if (std::find(order.begin(), order.end(), key) == order.end()) order.push_back(key);
  };
  const auto names = names_of(view);
  for (const auto& entry : view.correlations)
    if (names.contains(entry.stat)) add(entry.stat);
  for (const auto& stat : names) add(stat);
  std::vector<Figure> figures;
  for (const auto& [site, name] : order) {
    if (figures.size() == limit) break;
    auto list = layers_of(view, site, name, {"original", "rotated", "quantized"});
    if (list.size() > 1) figures.push_back(heat_map(view, site, name, std::move(list)));
  }
  return figures;
}

}  // namespace gyre::analysis
