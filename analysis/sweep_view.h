// Everything that the report shows of one sweep under one metric. Private to analysis.
#pragma once

#include <map>
#include <optional>
#include <string>
#include <vector>

#include "analysis/pivot.h"
#include "analysis/statistics.h"

namespace gyre::analysis {

// What one run says beyond its metrics, by index into Pivot::runs.
struct RunMeasurements {
  RunStats stats;
  std::map<std::pair<std::string, std::string>, std::vector<Bin>> histograms;  // by site and phase
  std::vector<store::CurveRow> curve;
};

struct SweepView {
  std::string sweep;   // "": runs of the whole database
  std::string prefix;  // of figure ids
  Pivot pivot;
  std::vector<RunMeasurements> measurements;
  // Logarithm of the metric over full precision's, or over 1 where there is none; nan for runs without it.
  std::vector<double> changes;
  bool has_reference = false;
  std::vector<StatCorrelation> correlations;            // over all finished runs, ranked in their setting
  std::vector<std::vector<StatCorrelation>> by_column;  // within one setting
};

// Rotations down, bits across, and whatever else varies between points of one label beside them: settings of
// rotations down, others across.
TableOptions natural_options(const store::RunStore& store, const std::string& sweep,
                             const std::string& metric);

// The metrics of a sweep's finished runs that can be ranked, in the order of their first run.
std::vector<std::string> ranked_metrics(const store::RunStore& store, const std::string& sweep);

SweepView view_of(const store::RunStore& store, const TableOptions& options, const std::string& prefix);

// The row's or column's own runs that stand behind a cell; the first of them, for its settings.
const store::RunRow* first_run(const Pivot& pivot, std::size_t row, std::size_t column);

// Letters, digits and hyphens.
std::string slug(const std::string& name);

}  // namespace gyre::analysis
