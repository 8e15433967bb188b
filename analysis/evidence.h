// What is known of a cell beyond its value, and the difference of two cells. Private to analysis.
#pragma once

#include <optional>
#include <string>
#include <utility>
#include <vector>

#include "analysis/significance.h"
#include "store/run_store.h"

namespace gyre::analysis {

// Repetitions of one experiment taken apart: seeds against each other, replicas (the same seed in another
// arithmetic) within a seed.
struct Spread {
  std::vector<double> seed_means;
  std::int64_t n_replicas = 0;          // of the seed that has most
  std::optional<double> seed_sd;        // over seed_means
  std::optional<double> arithmetic_sd;  // within seeds, pooled
};
Spread spread_of(const std::vector<std::pair<std::string, double>>& values_by_seed);

// Weights, of sum 1, of a mean over the runs of these seeds: each seed counts once, shared among its
// replicas.
std::vector<double> seed_weights(const std::vector<std::string>& seeds);

// In units of the samples: NLL per target, or share of items.
struct Evidence {
  std::vector<store::SampleRow> samples;  // mean over seeds, block by block
  bool items = false;                     // of one run, each sample an item that is right (1) or wrong (0)
  Spread spread;
  bool amplifies = false;  // rounding: 4-bit activations, keys or values; GPTQ
};

// Of the finished runs of a cell; nothing when they kept no samples or these do not pair.
std::optional<Evidence> gather(const store::RunStore& store, const std::vector<const store::RunRow*>& runs,
                               const std::string& metric);

// Difference in logarithm of perplexity above which a comparison counts although arithmetic was never
// measured where it is amplified: seen there on SmolLM2-135M are up to 7 %.
inline constexpr double kUnknownArithmetic = 0.1;

struct Difference {
  double mean = 0, std_error = 0;  // of a minus b; the error from clusters
  double p = 1;                    // the larger one of text and seeds
  double floor = 0;                // what arithmetic may be
  bool floor_known = true;
  bool by_items = false, by_window = true, by_seed = false;
  std::vector<Cluster> clusters;
  bool exceeds_floor() const;
};

// test: "t" or "wilcoxon". column_sd: arithmetic spread of a neighbour, for a cell that has no replicas.
// Nothing when the two did not score the same blocks.
std::optional<Difference> difference(const Evidence& a, const Evidence& b, const std::string& test,
                                     std::optional<double> column_sd);

}  // namespace gyre::analysis
