#include "analysis/sweep_view.h"

#include <algorithm>
#include <cctype>
#include <cmath>

#include "analysis/keys.h"

namespace gyre::analysis {
namespace {

bool says_nothing_new(const std::string& key) {
  return is_repetition(key) || key.starts_with("measure.");
}

// A stage that several runs share is recorded where it was made, and as nothing elsewhere. As a cost of a
// method it belongs to each of them.
void share_costs(std::vector<store::RunRow>& runs) {
  std::map<std::string, double> made;
  for (const auto& run : runs)
    for (const auto& stage : run.stages)
      if (!stage.reused) made[stage.key] = stage.seconds;
  for (auto& run : runs)
    for (auto& stage : run.stages)
      if (const auto it = made.find(stage.key); stage.reused && it != made.end()) stage.seconds = it->second;
}

void correlate_view(SweepView& view) {
  struct Points {
    std::vector<const RunStats*> stats;
    std::vector<double> changes;
    std::vector<std::size_t> settings;
    void add(const SweepView& view, std::size_t run, std::size_t setting) {
      stats.push_back(&view.measurements[run].stats);
      changes.push_back(view.changes[run]);
      settings.push_back(setting);
    }
    std::vector<StatCorrelation> correlations() const { return correlate(stats, changes, settings); }
  };
  Points all;
  for (std::size_t c = 0; c < view.pivot.table.columns.size(); ++c) {
    Points column;
    for (const auto& row : view.pivot.members)
      for (const auto i : row[c])
        if (!is_full_precision(view.pivot.runs[i]) && !view.measurements[i].stats.empty()) {
          column.add(view, i, c);
          all.add(view, i, c);
        }
    view.by_column.push_back(column.correlations());
  }
  view.correlations = all.correlations();
}

}  // namespace

TableOptions natural_options(const store::RunStore& store, const std::string& sweep,
                             const std::string& metric) {
  TableOptions options{.sweep = sweep, .metric = metric};
  std::map<std::string, const store::RunRow*> first;
  const auto runs = store.runs(sweep);
  for (const auto& run : runs) {
    const auto [it, added] = first.emplace(run.label, &run);
    if (added) continue;
    for (const auto& key : differing_settings(*it->second, run))
      if (!says_nothing_new(key))
        add_once(key.starts_with("rotation.") ? options.rows : options.columns, key);
  }
  return options;
}

std::vector<std::string> ranked_metrics(const store::RunStore& store, const std::string& sweep) {
  std::vector<std::string> names;
  for (const auto& run : store.runs(sweep))
    for (const auto& metric : run.metrics)
      if (direction(metric.name) != 0) add_once(names, metric.name);
  return names;
}

SweepView view_of(const store::RunStore& store, const TableOptions& options, const std::string& prefix) {
  SweepView view;
  view.sweep = options.sweep;
  view.prefix = prefix;
  view.pivot = make_pivot(store, options);
  share_costs(view.pivot.runs);
  const auto& pivot = view.pivot;
  double reference = kNoValue;
  const auto value_of = [&](const store::RunRow& run) {
    const auto* metric = find_metric(run, pivot.table.metric);
    return run.status == "ok" && metric && metric->value > 0 && std::isfinite(metric->value) ? metric->value
                                                                                             : kNoValue;
  };
  for (const auto& run : pivot.runs)
    if (is_full_precision(run) && std::isnan(reference)) reference = value_of(run);
  view.has_reference = !std::isnan(reference);
  for (const auto& run : pivot.runs) {
    auto& measured = view.measurements.emplace_back();
    view.changes.push_back(std::log(value_of(run) / (view.has_reference ? reference : 1)));
    if (run.run_id == 0) continue;
    const auto rows = store.tensor_stats(run.run_id);
    measured.stats = layered(rows);
    measured.histograms = histograms(rows);
    measured.curve = store.curve(run.run_id);
  }
  correlate_view(view);
  return view;
}

const store::RunRow* first_run(const Pivot& pivot, std::size_t row, std::size_t column) {
  const auto runs = members_of(pivot, row, column);
  return runs.empty() ? nullptr : runs.front();
}

std::string slug(const std::string& name) {
  std::string out;
  for (const char c : name) {
    const bool kept = std::isalnum(static_cast<unsigned char>(c)) && static_cast<unsigned char>(c) < 0x80;
    if (kept)
      out += static_cast<char>(std::tolower(static_cast<unsigned char>(c)));
    else if (!out.empty() && out.back() != '-')
      out += '-';
  }
  while (!out.empty() && out.back() == '-') out.pop_back();
  return out.empty() ? "runs" : out;
}

}  // namespace gyre::analysis
