// Figures of what was logged beside the metric: training curves, kernel timings.
#include <fmt/format.h>

#include <algorithm>
#include <cmath>

#include "analysis/facts.h"
#include "analysis/figures.h"
#include "core/text.h"

namespace gyre::analysis {

std::vector<Figure> curve_figures(const SweepView& view) {
  constexpr std::size_t kCurves = 16, kPoints = 400;
  struct Curve {
    std::size_t run;
    std::vector<const store::CurveRow*> rows;
  };
  std::map<std::string, std::vector<Curve>> names;
  for (std::size_t i = 0; i < view.measurements.size(); ++i)
    for (const auto& row : view.measurements[i].curve) {
      if (!std::isfinite(row.value)) continue;
      auto& list = names[row.name];
      if (list.empty() || list.back().run != i) list.push_back({i, {}});
      list.back().rows.push_back(&row);
    }
  std::vector<Figure> figures;
  for (auto& [name, list] : names) {
    Figure figure{view.prefix + "-curve-" + slug(name), "Training: " + name, "", "", {}, 420};
    if (list.size() > kCurves) {
      figure.caption = fmt::format("{} more runs left out.", list.size() - kCurves);
      list.resize(kCurves);
    }
    std::string data, plots;
    double low = list[0].rows[0]->value, high = low;
    for (std::size_t i = 0; i < list.size(); ++i) {
      const auto& rows = list[i].rows;
      const std::size_t stride = (rows.size() + kPoints - 1) / kPoints;
      data += fmt::format("$c{} << EOD\n", i);
      for (std::size_t k = 0; k < rows.size(); k += stride) {
        data += fmt::format("{} {:.6g}\n", rows[k]->step, rows[k]->value);
        low = std::min(low, rows[k]->value), high = std::max(high, rows[k]->value);
      }
      data += "EOD\n";
      plots += fmt::format("{}$c{} using 1:2 with lines lw 1.5 {} title {}", i ? ", \\\n  " : "", i,
                           line_colour(i), gnuplot_text(view.pivot.runs[list[i].run].label));
      figure.runs.push_back(view.pivot.runs[list[i].run].digest);
    }
    figure.script = figure_frame() + data + axis_scale("y", low, high) +
                    fmt::format("set xlabel 'step'\nset ylabel {}\nplot {}\n", gnuplot_text(name), plots);
    figures.push_back(std::move(figure));
  }
  return figures;
}

std::vector<Figure> roofline_figures(const std::vector<store::KernelTimingRow>& timings) {
  struct Device {
    std::map<std::string, std::vector<const store::KernelTimingRow*>> series;
    double roof = 0;  // bytes per microsecond
  };
  std::map<std::string, Device> devices;
  for (const auto& row : timings) {
    if (!(row.median_us > 0) || !(row.bytes > 0)) continue;
    auto& device = devices[row.device];
    device.series[row.kernel + " " + row.variant + " " + row.dtype].push_back(&row);
    if (row.copy_share > 0) device.roof = std::max(device.roof, row.bytes / row.median_us / row.copy_share);
  }
  std::vector<Figure> figures;
  for (auto& [name, device] : devices) {
    std::string data, plots;
    std::size_t i = 0;
    for (auto& [title, rows] : device.series) {
      std::stable_sort(rows.begin(), rows.end(), [](auto* a, auto* b) { return a->bytes < b->bytes; });
      data += fmt::format("$k{} << EOD\n", i);
      for (const auto* row : rows) {
        const auto speed = [&](double us) { return row->bytes / (us > 0 ? us : row->median_us) / 1e3; };
        data += fmt::format("{:.6g} {:.6g} {:.6g} {:.6g}\n", row->bytes, speed(row->median_us),
                            speed(row->p90_us), speed(row->p10_us));
      }
      data += "EOD\n";
      plots += fmt::format("{}$k{} using 1:2:3:4 with yerrorlines ps 0.7 {} title {}", i ? ", \\\n  " : "", i,
                           series_style(i), gnuplot_text(title));
      ++i;
    }
    if (device.roof > 0)
      plots +=
          fmt::format(", \\\n  {:.6g} with lines dt 2 lc '#555555' title 'a plain copy'", device.roof / 1e3);
    Figure figure{"kernels-" + slug(name), "Kernels against the memory roof: " + name, "", "", {}, 460};
    figure.caption =
        "GB/s of what must be read and written, median of the timings with the 10th and 90th percentile; the "
        "roof is "
        "the fastest copy that the timings were compared with.";
    figure.script = figure_frame() + data +
                    "set logscale xy\nset format x '10^%T'\nset format y '%g'\nset xlabel 'bytes'\nset "
                    "ylabel 'GB/s'\nset offsets graph 0.05, "
                    "graph 0.05, graph 0.1, graph 0.05\nplot " +
                    plots + "\n";
    figures.push_back(std::move(figure));
  }
  return figures;
}

}  // namespace gyre::analysis
