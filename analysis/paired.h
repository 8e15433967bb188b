// Paired comparison of two evaluations of the same text.
#pragma once

#include <cstdint>
#include <optional>
#include <span>
#include <vector>

#include "analysis/significance.h"
#include "store/run_store.h"

namespace gyre::analysis {

struct PairedDifference {
  double mean = 0;       // NLL per target of a minus that of b, nats
  double std_error = 0;  // of mean; nan with a single cluster
  std::int64_t n = 0;    // targets
  std::vector<Cluster> clusters;
  bool by_window = true;  // clusters are windows, or, when there is one window, its blocks
};

// Sums of NLL per block, paired block by block; neighbouring blocks share their context, so that the blocks
// of a window stay together as one cluster. With D_w and n_w the difference and the targets of cluster w of
// W, and N = sum n_w:
//   mean = sum D_w / N,   std_error^2 = W / (W - 1) * sum (D_w - mean n_w)^2 / N^2.
// Nothing when the two do not have the same windows, blocks and counts, are empty, or hold a sum that is not
// finite.
std::optional<PairedDifference> paired_difference(std::span<const store::SampleRow> a,
                                                  std::span<const store::SampleRow> b);

}  // namespace gyre::analysis
