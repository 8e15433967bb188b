// Tensor statistics of the runs of a sweep, and how they go with what quantization costs.
#pragma once

#include <map>
#include <string>
#include <tuple>
#include <vector>

#include "analysis/significance.h"
#include "store/run_store.h"

namespace gyre::analysis {

struct StatName {
  std::string site, phase, name;
  friend auto operator<=>(const StatName&, const StatName&) = default;
};
std::string display_name(const StatName& stat);  // "rotated weight: excess_kurtosis"

// Whether it says what quantization did to outputs, as the metric itself does, rather than what tensors are
// like.
inline bool is_outcome(const StatName& stat) {
  return stat.name == "kl" || stat.name == "output_error" || stat.name == "layer_error";
}

// One statistic of one run: the mean over the tensors of each layer, and over all tensors with a layer (or,
// where there are none, those of the whole model). Values that are not finite are left out.
struct LayeredStat {
  std::map<std::int64_t, double> layers;
  double mean = 0;
};
using RunStats = std::map<StatName, LayeredStat>;

// Histogram bins are not among them.
RunStats layered(const std::vector<store::TensorStatRow>& rows);

// "histogram/LOW/HIGH" rows of one site and phase, averaged over tensors: share per unit of width.
struct Bin {
  double low, high, density;
  friend bool operator==(const Bin&, const Bin&) = default;
};
std::map<std::pair<std::string, std::string>, std::vector<Bin>> histograms(
    const std::vector<store::TensorStatRow>& rows);

// Spearman's correlation of each statistic with the change of each run, within strata (spearman_within), over
// the runs that have it; p corrected over all of them. The least chance first, then the strongest, then by
// name; statistics that do not vary are left out.
struct StatCorrelation {
  StatName stat;
  Correlation correlation;
  double p_holm = 1;
};
std::vector<StatCorrelation> correlate(const std::vector<const RunStats*>& stats,
                                       const std::vector<double>& changes,
                                       const std::vector<std::size_t>& strata);

}  // namespace gyre::analysis
