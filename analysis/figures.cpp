// Figures of the metric itself: by setting, and against what it costs.
#include "analysis/figures.h"

#include <fmt/format.h>

#include <algorithm>
#include <array>
#include <cmath>
#include <set>

#include "analysis/facts.h"
#include "analysis/keys.h"
#include "core/text.h"

namespace gyre::analysis {
namespace {

// One finished cell.
struct Point {
  std::size_t row, column;
  double bits, value, error, seconds;
  std::string kind;  // online_name()
  bool is_reference;
};

std::vector<Point> points_of(const SweepView& view) {
  std::vector<Point> points;
  const auto& pivot = view.pivot;
  for (std::size_t r = 0; r < pivot.table.rows.size(); ++r)
    for (std::size_t c = 0; c < pivot.table.columns.size(); ++c) {
      const Cell& cell = pivot.table.rows[r].cells[c];
      if (cell.status != "ok" || !(cell.value > 0)) continue;
      const auto& run = *first_run(pivot, r, c);
      points.push_back({r, c, bits_per_weight(run), cell.value,
                        std::isfinite(cell.std_error) ? cell.std_error : 0, total_seconds(run),
                        online_name(run), is_full_precision(run)});
    }
  return points;
}

std::vector<std::string> digests_of(const SweepView& view) {
  std::vector<std::string> digests;
  for (const auto& row : view.pivot.table.rows)
    for (const auto& cell : row.cells) digests.insert(digests.end(), cell.runs.begin(), cell.runs.end());
  return digests;
}

std::string metric_label(const SweepView& view) {
  return view.pivot.table.metric.starts_with("ppl/") ? "perplexity" : view.pivot.table.metric;
}

// j is nowhere worse than i, and somewhere better.
bool beats(const Point& j, const Point& i, int sign) {
  const bool no_worse = sign * j.value <= sign * i.value && j.bits <= i.bits && j.seconds <= i.seconds;
  return no_worse && (j.value != i.value || j.bits < i.bits || j.seconds < i.seconds);
}

}  // namespace

std::string figure_frame() {
  return "set border 3 lc '#555555'\nset tics nomirror out\nset grid ytics lc '#dddddd' lt 1\n"
         "set key above samplen 1.5 width 1\n";
}

std::string line_colour(std::size_t index) {
  // Okabe and Ito's colours, told apart by the colour-blind.
  constexpr std::array<const char*, 8> kColours = {"#0072B2", "#D55E00", "#009E73", "#CC79A7",
                                                   "#E69F00", "#56B4E9", "#000000", "#8C6D31"};
  return fmt::format("lc '{}'", kColours[index % kColours.size()]);
}

std::string series_style(std::size_t index) {
  constexpr std::array<int, 7> kPoints = {7, 5, 9, 11, 13, 4, 6};
  return fmt::format("pt {} {}", kPoints[index % kPoints.size()], line_colour(index));
}

std::string axis_scale(const std::string& axis, double low, double high) {
  std::string script = "set format " + axis + " '%g'\n";
  if (low > 0 && high > 4 * low) script += "set logscale " + axis + "\n";
  return script;
}

std::optional<Figure> perplexity_figure(const SweepView& view) {
  const auto& table = view.pivot.table;
  auto points = points_of(view);
  std::optional<Point> reference;
  for (const auto& point : points)
    if (point.is_reference && !reference) reference = point;
  std::erase_if(points, [](const Point& point) { return point.is_reference; });
  if (points.empty()) return std::nullopt;

  std::vector<std::size_t> columns, rows;
  double low = points.front().value, high = low;
  for (const auto& point : points) {
    if (std::find(columns.begin(), columns.end(), point.column) == columns.end())
      columns.push_back(point.column);
    if (std::find(rows.begin(), rows.end(), point.row) == rows.end()) rows.push_back(point.row);
    low = std::min(low, point.value);
    high = std::max(high, point.value);
  }
  if (reference) low = std::min(low, reference->value);
  std::sort(columns.begin(), columns.end());
  std::sort(rows.begin(), rows.end());
  const auto place_of = [](const std::vector<std::size_t>& list, std::size_t value) {
    return static_cast<double>(std::find(list.begin(), list.end(), value) - list.begin());
  };
  std::string tics, data, plots;
  for (std::size_t i = 0; i < columns.size(); ++i) {
    const auto same = [&](const Point& point) { return point.column == columns[i]; };
    const double bits = std::find_if(points.begin(), points.end(), same)->bits;
    tics += fmt::format("{}{} {}", i ? ", " : "",
                        gnuplot_tic(column_name(table, columns[i]) + fmt::format(" ({:.4g})", bits)), i);
  }
  // The order of collapsed points means nothing, and they would leave no room for the others.
  const bool is_cut = table.metric.starts_with("ppl/") && high > kCollapsed && low < kCollapsed;
  const double top = is_cut ? 1.5 * kCollapsed : high;
  const double step = 0.7 / static_cast<double>(rows.size());
  for (std::size_t i = 0; i < rows.size(); ++i) {
    data += fmt::format("$row{} << EOD\n", i);
    for (const auto& point : points)
      if (point.row == rows[i])
        data += fmt::format(
            "{:.4f} {} {}\n", place_of(columns, point.column) + (static_cast<double>(i) + 0.5) * step - 0.35,
            format_number(std::min(point.value, top)), format_number(point.value > top ? 0 : point.error));
    data += "EOD\n";
    plots += fmt::format("{}$row{} using 1:2:3 with yerrorbars ps 0.8 {} title {}", i ? ", \\\n  " : "", i,
                         series_style(i), gnuplot_text(row_name(table.rows[rows[i]])));
  }
  if (reference)
    plots += fmt::format(", \\\n  {} with lines lc '#555555' dt 2 title 'full precision'",
                         format_number(reference->value));
  Figure figure{view.prefix + "-perplexity", "Perplexity by setting", "", "", digests_of(view), 420};
  if (!table.metric.starts_with("ppl/")) figure.title = table.metric + " by setting";
  figure.caption = "In brackets: stored bits per weight. Bars: standard error from the text.";
  if (is_cut) figure.caption += " On the upper edge: collapsed, above 1000.";
  figure.script = figure_frame() + data + axis_scale("y", low, top) +
                  (is_cut ? fmt::format("set yrange [{}:{}]\n", format_number(0.8 * low), top) : "") +
                  fmt::format("set ylabel {}\nset xrange [-0.5:{}]\nset xtics ({}){}\nplot {}\n",
                              gnuplot_text(metric_label(view)), static_cast<double>(columns.size()) - 0.5,
                              tics, columns.size() > 4 ? " rotate by 20 right" : "", plots);
  return figure;
}

std::optional<Figure> pareto_figure(const SweepView& view) {
  // Collapsed points would leave no room for the others.
  constexpr double kShown = 10;
  auto points = points_of(view);
  std::erase_if(points, [](const Point& point) { return point.is_reference; });
  if (points.size() < 2) return std::nullopt;
  const int sign = direction(view.pivot.table.metric);
  const auto n_points = points.size();
  if (sign > 0) {
    double best = points.front().value;
    for (const auto& point : points) best = std::min(best, point.value);
    std::erase_if(points, [&](const Point& point) { return point.value > kShown * best; });
  }
  std::vector<std::string> kinds;
  double low = points.front().value, high = low, fast = points.front().seconds, slow = fast;
  for (const auto& point : points) {
    if (std::find(kinds.begin(), kinds.end(), point.kind) == kinds.end()) kinds.push_back(point.kind);
    low = std::min(low, point.value), high = std::max(high, point.value);
    fast = std::min(fast, point.seconds), slow = std::max(slow, point.seconds);
  }
  std::set<double> all_bits;
  for (const auto& point : points) all_bits.insert(point.bits);
  std::string tics;
  for (const double bits : all_bits)
    tics += fmt::format("{}'{:.4g}' {}", tics.empty() ? "" : ", ", bits, format_number(bits));
  constexpr std::array<int, 6> kShapes = {7, 5, 9, 11, 13, 15};
  std::string data, labels, plots, rings = "$rings << EOD\n";
  for (std::size_t k = 0; k < kinds.size(); ++k) {
    std::vector<Point> own;
    for (const auto& point : points)
      if (point.kind == kinds[k]) own.push_back(point);
    std::stable_sort(own.begin(), own.end(), [&](const Point& a, const Point& b) {
      return a.bits != b.bits ? a.bits < b.bits : sign * a.value < sign * b.value;
    });
    // Kinds stand side by side where they have the same bits.
    const auto shift_of = [&](double bits) {
      double before = 0, all = 0;
      for (std::size_t other = 0; other < kinds.size(); ++other)
        if (std::any_of(points.begin(), points.end(), [&](const Point& point) {
              return point.bits == bits && point.kind == kinds[other];
            })) {
          before += other < k;
          all += 1;
        }
      return 0.16 * (before - (all - 1) / 2);
    };
    std::string front = fmt::format("$front{} << EOD\n", k);
    data += fmt::format("$kind{} << EOD\n", k);
    double best = kNoValue, labelled = kNoValue;
    for (const auto& point : own) {
      const std::string place =
          fmt::format("{:.4f} {}", point.bits + shift_of(point.bits), format_number(point.value));
      data += fmt::format("{} {}\n", place, format_number(point.seconds));
      if (std::none_of(own.begin(), own.end(), [&](const Point& other) { return beats(other, point, sign); }))
        rings += place + "\n";
      if (point.bits != labelled)
        labels +=
            fmt::format("set label {} at {:.4f},{} center offset 0,{} font ',10'\n",
                        gnuplot_text(row_name(view.pivot.table.rows[point.row])),
                        point.bits + shift_of(point.bits), format_number(point.value), k % 2 ? -1.9 : -1.1);
      labelled = point.bits;
      if (!std::isnan(best) && sign * point.value >= sign * best) continue;
      best = point.value;
      front += place + "\n";
    }
    data += "EOD\n" + front + "EOD\n";
    plots += fmt::format(
        "{}$front{} using 1:2 with lines lc '#999999' dt 3 notitle, \\\n  $kind{} using 1:2:3 with points pt "
        "{} ps 1 lc "
        "palette title {}",
        k ? ", \\\n  " : "", k, k, kShapes[k % kShapes.size()], gnuplot_text(kinds[k]));
  }
  plots += ", \\\n  $rings using 1:2 with points pt 6 ps 1.8 lc '#333333' title 'not beaten'";
  const std::string metric = metric_label(view);
  Figure figure{view.prefix + "-pareto",
                "What it costs: " + metric + ", bits and seconds",
                "",
                "",
                digests_of(view),
                480};
  figure.caption = "Dotted: the front of " + metric +
                   " and stored bits per weight, for each kind of activation and cache quantization; kinds "
                   "stand side by side, "
                   "named is the best of each. Ring: no point of its kind is at least as good in " +
                   metric +
                   ", bits and seconds. Colour: seconds of all stages of a run, shared ones in full.";
  if (points.size() < n_points)
    figure.caption +=
        fmt::format(" {} more points lie above {:.0f} times the best.", n_points - points.size(), kShown);
  // Room for names below the lowest points.
  const double margin = low < high ? 0.06 * (high - low) : 1;
  const double bottom = low > 0 && high > 4 * low ? low / 1.5 : low - 2.5 * margin;
  figure.script =
      figure_frame() + data + rings + "EOD\n" + labels + axis_scale("y", low, high) +
      (fast > 0 && slow > 4 * fast ? "set logscale cb\n" : "") +
      (fast == slow ? fmt::format("set cbrange [{}:{}]\n", format_number(fast - 1), format_number(slow + 1))
                    : "") +
      fmt::format(
          "set palette defined (0 '#0d0887', 1 '#7e03a8', 2 '#cc4778', 3 '#f89540', 4 '#e8d524')\n"
          "set xrange [{}:{}]\nset yrange [{}:{}]\nset xtics ({})\nset cblabel 'seconds'\nset xlabel 'stored "
          "bits "
          "per weight'\nset ylabel {}\nplot {}\n",
          *all_bits.begin() - 0.6, *all_bits.rbegin() + 0.6, format_number(bottom),
          format_number(high + margin), tics, gnuplot_text(metric), plots);
  return figure;
}

std::vector<Figure> figures_of(const SweepView& view) {
  constexpr std::size_t kHeatMaps = 8;
  std::vector<Figure> figures;
  for (auto figure : {perplexity_figure(view), pareto_figure(view)})
    if (figure) figures.push_back(std::move(*figure));
  for (auto&& list :
       {kurtosis_figures(view), histogram_figures(view), heat_maps(view, kHeatMaps), curve_figures(view)})
    figures.insert(figures.end(), list.begin(), list.end());
  return figures;
}

}  // namespace gyre::analysis
