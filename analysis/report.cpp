#include "analysis/report.h"

#include <fmt/format.h>

#include <algorithm>
#include <cmath>
#include <set>

#include "analysis/agreement.h"
#include "analysis/answer.h"
#include "analysis/facts.h"
#include "analysis/figures.h"
#include "analysis/html.h"
#include "analysis/numbers.h"
#include "analysis/render.h"
#include "core/error.h"
#include "core/text.h"

namespace gyre::analysis {
namespace {

std::string answer_cards(const std::vector<Answer>& list) {
  std::string out = "<div class=\"cards\">\n";
  for (const auto& answer : list) {
    // The first word is the verdict; it alone is coloured.
    std::string verdict = html_text(answer.is_real);
    if (answer.verdict != Verdict::kNothing) {
      const auto end = verdict.find('.') + 1;
      verdict = fmt::format("<span class=\"{}\">{}</span>{}", answer.verdict == Verdict::kReal ? "yes" : "no",
                            verdict.substr(0, end), verdict.substr(end));
    }
    out += "<div class=\"card\"><h4>" + html_text(answer.setting) + "</h4><dl><dt>Best</dt><dd>" +
           html_text(answer.best) + "</dd><dt>Is it real?</dt><dd>" + verdict +
           "</dd><dt>What goes with it</dt><dd>" + html_text(answer.statistic) +
           "</dd><dt>What it costs</dt><dd>" + html_text(answer.costs) + "</dd></dl></div>\n";
  }
  return out + "</div>\n";
}

std::string ablation_table(const SweepView& view, const std::string& command) {
  const Table& table = view.pivot.table;
  HtmlTable html{view.prefix + "-table", table.title,      table.row_keys, {},
                 render_latex(table),    render_csv(table)};
  for (std::size_t c = 0; c < table.columns.size(); ++c) html.header.push_back(column_name(table, c));
  std::vector<std::string> digests;
  for (const auto& row : table.rows) {
    auto& cells = html.rows.emplace_back();
    for (const auto& name : row.names) cells.push_back(text_cell(name));
    for (const auto& cell : row.cells) {
      auto shown = number_cell(cell.value, cell.text);
      if (!cell.versus_text.empty()) shown.html += " <small>" + html_text(cell.versus_text) + "</small>";
      shown.classes = cell.standing == Standing::kBest   ? "best"
                      : cell.standing == Standing::kTied ? "tied"
                                                         : "";
      if (cell.status != "ok" && !cell.status.empty()) shown.classes = "empty";
      cells.push_back(shown);
      digests.insert(digests.end(), cell.runs.begin(), cell.runs.end());
    }
  }
  std::string out = html_table(html) + "<ul class=\"notes\">";
  for (const auto& note : table.notes) out += "<li>" + html_text(note) + "</li>\n";
  return out + "</ul>\n" + html_source(command, digests);
}

std::string correlation_table(const SweepView& view) {
  constexpr std::size_t kShown = 60;
  if (view.correlations.empty())
    return "<p class=\"soft\">No statistic was recorded for four or more finished points.</p>\n";
  const auto& columns = view.pivot.table.columns;
  HtmlTable html{
      view.prefix + "-why",
      fmt::format(
          "Spearman's ρ between each statistic (mean over tensors) and the change of the metric{}, ranked "
          "within each setting and pooled; 95 % interval; p after Holm over {} statistics. Right: one "
          "setting alone.",
          view.has_reference ? " from full precision (logarithm)" : "", view.correlations.size()),
      {"statistic", "ρ", "low", "high", "n", "p"},
      {},
      "",
      ""};
  for (std::size_t c = 0; c < columns.size(); ++c)
    if (!view.by_column[c].empty()) html.header.push_back(column_name(view.pivot.table, c));
  const auto two = [](double value) { return number_cell(value, fmt::format("{:.2f}", value)); };
  for (std::size_t i = 0; i < std::min(kShown, view.correlations.size()); ++i) {
    const auto& [stat, correlation, p_holm] = view.correlations[i];
    auto& row = html.rows.emplace_back();
    row = {text_cell(display_name(stat)),
           two(correlation.rho),
           two(correlation.low),
           two(correlation.high),
           number_cell(static_cast<double>(correlation.n), std::to_string(correlation.n)),
           number_cell(p_holm, fmt::format("{:.2g}", p_holm))};
    if (p_holm < kSignificant) row[1].classes = "best";
    for (const auto& list : view.by_column) {
      if (list.empty()) continue;
      const auto it =
          std::find_if(list.begin(), list.end(), [&](const auto& entry) { return entry.stat == stat; });
      row.push_back(it == list.end() ? number_cell(kNoValue, "") : two(it->correlation.rho));
      if (it != list.end() && it->p_holm < kSignificant) row.back().classes = "best";
    }
  }
  std::string out = html_table(html);
  if (view.correlations.size() > kShown)
    out += fmt::format("<p class=\"soft\">{} weaker ones left out.</p>\n", view.correlations.size() - kShown);
  return out;
}

std::string run_table(const SweepView& view) {
  HtmlTable html{view.prefix + "-runs",
                 "Every point; seconds: stages before evaluation, and evaluation itself; what runs share "
                 "counts in full.",
                 {"run", "point", "status", view.pivot.table.metric, "±", "bits/weight", "before",
                  "evaluation", "error"},
                 {},
                 "",
                 ""};
  for (const auto& run : view.pivot.runs) {
    const auto* metric = find_metric(run, view.pivot.table.metric);
    const double before = preparation_seconds(run), bits = bits_per_weight(run);
    auto error = text_cell(run.error.empty() ? "" : split(run.error, '\n').front());
    error.classes = "long";
    html.rows.push_back(
        {{"<code>" + html_text(short_digest(run.digest)) + "</code>"},
         text_cell(run.label),
         text_cell(run.status),
         number_cell(metric ? metric->value : kNoValue),
         number_cell(metric ? metric->std_error : kNoValue),
         number_cell(bits, fmt::format("{:.4g}", bits)),
         number_cell(before, fmt::format("{:.2f}", before)),
         number_cell(total_seconds(run) - before, fmt::format("{:.2f}", total_seconds(run) - before)),
         error});
  }
  return fmt::format("<details><summary>All {} points</summary>\n", view.pivot.runs.size()) +
         html_table(html) + "</details>\n";
}

std::string kernel_table(const std::vector<store::KernelTimingRow>& timings) {
  HtmlTable html{
      "kernels-table",
      "Microseconds; error: largest difference from the float64 oracle.",
      {"kernel", "variant", "shape", "dtype", "device", "median", "p10", "p90", "GB/s", "of a copy", "error"},
      {},
      "",
      ""};
  for (const auto& row : timings)
    html.rows.push_back(
        {text_cell(row.kernel), text_cell(row.variant), text_cell(row.shape), text_cell(row.dtype),
         text_cell(row.device), number_cell(row.median_us), number_cell(row.p10_us), number_cell(row.p90_us),
         number_cell(row.median_us > 0 ? row.bytes / row.median_us / 1e3 : kNoValue),
         number_cell(row.copy_share),
         number_cell(row.max_error,
                     std::isfinite(row.max_error) ? fmt::format("{:.2g}", row.max_error) : "")});
  return html_table(html);
}

// Figures are drawn all at once, so that gnuplot starts once; sections wait for theirs.
struct Gallery {
  std::vector<Figure> figures;
  std::set<std::string> ids;
  void add(std::vector<Figure> list) {
    for (auto& figure : list) {
      const std::string id = figure.id;
      for (int n = 2; !ids.insert(figure.id).second; ++n) figure.id = fmt::format("{}-{}", id, n);
      figures.push_back(std::move(figure));
    }
  }
};

std::string figure_section(const std::vector<Figure>& figures, const std::vector<std::string>& drawings,
                           std::size_t first, std::size_t count, const std::string& command) {
  std::string out;
  for (std::size_t i = first; i < first + count; ++i)
    out += html_figure(
        figures[i].title, drawings[i], figures[i].caption,
        html_source(command + " --figures DIR (" + figures[i].id + ".svg, .pdf)", figures[i].runs));
  return out;
}

struct Section {
  SweepView view;
  std::size_t first_figure, n_figures;
};

std::string section_title(const SweepView& view, bool several_metrics) {
  std::string title = view.sweep.empty() ? "All runs of the database" : "Sweep " + view.sweep;
  return several_metrics ? title + ": " + view.pivot.table.metric : title;
}

std::string orderings_part(const SweepView& view, const ReportOptions& options, Report& report) {
  const auto it = options.orderings.find(view.sweep);
  if (it == options.orderings.end() || !comparable(it->second, view.pivot.table.metric) ||
      is_recorded_sweep(it->second, view.pivot, view.sweep))
    return "";
  const auto list = judge_orderings(it->second, view.pivot);
  report.agreements.push_back(agreement_summary(it->second, list));
  return agreement_section(it->second, list, report.agreements.back(), view.pivot.table.metric,
                           view.prefix + "-orderings");
}

// Orderings that no metric of their sweep can be held against would be left out without a word.
void check_orderings(const store::RunStore& store, const ReportOptions& options,
                     const std::vector<Section>& sections) {
  for (const auto& [sweep, orderings] : options.orderings) {
    const auto is_of = [&](const auto& section) { return section.view.sweep == sweep; };
    if (std::none_of(sections.begin(), sections.end(), is_of)) continue;
    const auto metrics = ranked_metrics(store, sweep);
    GYRE_CHECK(std::any_of(metrics.begin(), metrics.end(),
                           [&](const auto& metric) { return comparable(orderings, metric); }),
               ErrorCode::kInput,
               "the orderings recorded of {} are of {}; sweep '{}' has {}, which is of another protocol. "
               "Evaluate both sweeps alike, or name no orderings",
               orderings.model, orderings.metric, sweep, join(metrics, ", "));
  }
}

}  // namespace

Report make_report(const store::RunStore& store, const ReportOptions& options, bool with_files) {
  std::vector<std::string> sweeps = options.sweep.empty() ? store.sweeps() : std::vector{options.sweep};
  if (options.sweep.empty() &&
      std::all_of(sweeps.begin(), sweeps.end(), [&](const auto& s) { return store.runs(s).empty(); }))
    sweeps = {""};
  const auto timings = options.sweep.empty() ? store.kernel_timings() : std::vector<store::KernelTimingRow>{};
  Gallery gallery;
  std::vector<Section> sections;
  std::vector<std::string> empty;
  for (const auto& sweep : sweeps) {
    if (store.runs(sweep).empty()) {
      GYRE_CHECK(options.sweep.empty(), ErrorCode::kInput, "sweep '{}' has no points", sweep);
      continue;
    }
    auto metrics = ranked_metrics(store, sweep);
    if (metrics.empty()) {
      empty.push_back(sweep);
      continue;
    }
    for (const auto& metric : metrics) {
      std::string prefix = slug(sweep);
      if (metrics.size() > 1) prefix += "-" + slug(metric);
      while (std::any_of(sections.begin(), sections.end(),
                         [&](const auto& s) { return s.view.prefix == prefix; }))
        prefix += "-2";
      auto table = natural_options(store, sweep, metric);
      Section section{view_of(store, table, prefix), gallery.figures.size(), 0};
      gallery.add(figures_of(section.view));
      section.n_figures = gallery.figures.size() - section.first_figure;
      sections.push_back(std::move(section));
    }
  }
  check_orderings(store, options, sections);
  const auto first_kernel = gallery.figures.size();
  gallery.add(roofline_figures(timings));
  GYRE_CHECK(!sections.empty() || !empty.empty() || !timings.empty(), ErrorCode::kInput,
             "database {} has no runs yet; `gyre run` and `gyre sweep` make some", store.path().string());

  const auto drawings = draw(gallery.figures, FigureFormat::kSvg);
  Report report;
  std::string nav = "<nav><ul>", body;
  for (const auto& [view, first, count] : sections) {
    const bool several = std::count_if(sections.begin(), sections.end(),
                                       [&](const auto& s) { return s.view.sweep == view.sweep; }) > 1;
    const std::string title = html_text(section_title(view, several));
    nav += "<li><a href=\"#" + view.prefix + "\">" + title + "</a></li>";
    const auto list = answers(view);
    body += "<section>\n<h2 id=\"" + view.prefix + "\">" + title + "</h2>\n<p class=\"summary\">" +
            html_text(overall(view, list)) + "</p>\n" + answer_cards(list) + "<h3>Table</h3>\n" +
            ablation_table(view, options.command) + orderings_part(view, options, report) +
            "<h3>Figures</h3>\n" + figure_section(gallery.figures, drawings, first, count, options.command) +
            "<h3>Why: statistics and the metric</h3>\n" + correlation_table(view) + "<h3>Runs</h3>\n" +
            run_table(view) + "</section>\n";
  }
  for (const auto& sweep : empty)
    body += "<section>\n<h2>" + html_text(sweep.empty() ? "All runs of the database" : "Sweep " + sweep) +
            "</h2>\n<p>No point has a perplexity or an accuracy yet.</p>\n</section>\n";
  if (!timings.empty()) {
    nav += "<li><a href=\"#kernels\">Kernels</a></li>";
    body += "<section>\n<h2 id=\"kernels\">Kernels</h2>\n" +
            figure_section(gallery.figures, drawings, first_kernel, gallery.figures.size() - first_kernel,
                           options.command) +
            kernel_table(timings) + html_source(options.command, {}) + "</section>\n";
  }
  report.html = html_page("gyre report", "<header><h1>gyre report</h1>\n<p class=\"soft\">" +
                                             html_text(store.path().filename().string()) + "</p>\n" + nav +
                                             "</ul></nav></header>\n" + body + "<footer><p>Made by <code>" +
                                             html_text(options.command) + "</code></p></footer>\n");
  if (with_files) {
    const auto pdf = draw(gallery.figures, FigureFormat::kPdf);
    for (std::size_t i = 0; i < pdf.size(); ++i) {
      report.files.emplace_back(gallery.figures[i].id + ".svg", drawings[i]);
      report.files.emplace_back(gallery.figures[i].id + ".pdf", pdf[i]);
    }
  }
  return report;
}

}  // namespace gyre::analysis
