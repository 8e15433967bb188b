// What the values of one tensor look like: moments, shape of its groups, histogram. Streamed and mergeable;
// every statistic is defined in docs/CONVENTIONS.md.
#pragma once

#include <torch/torch.h>

#include <string>
#include <vector>

#include "eval/clip_curve.h"
#include "eval/histogram.h"
#include "eval/moments.h"

namespace gyre {

struct NamedValue {
  std::string name;
  double value = 0;    // nan where the tensor does not have it, or holds values that are not finite
  std::int64_t n = 0;  // values that it rests on
};

// mean, variance, skewness, excess_kurtosis, min, max, max_over_rms.
std::vector<NamedValue> named_values(const Moments& moments);

// Of all values of a tensor, taken in float32; the same for every number of threads.
Moments moments_of(const torch::Tensor& x);

// About 130 kB, however many values it has seen.
class ValueStatistics {
 public:
  // x: [..., size], any float dtype and device; group_size divides size. Values are taken in float32. The
  // result is the same for every number of threads.
  void add(const torch::Tensor& x, std::int64_t group_size);
  void merge(const ValueStatistics& other);

  // named_values() and minmax_usage, ks_uniform, w1_uniform, ks_gaussian, w1_gaussian, group_nonuniformity,
  // group_spread, optimal_clip_2bit, optimal_clip_4bit.
  std::vector<NamedValue> values() const;
  // "histogram/LOW/HIGH": share of values in [LOW, HIGH), in standard deviations of these values; the
  // outermost bins end at 16, what lies beyond is in none. Values are known to a 16th of their size.
  std::vector<NamedValue> histogram() const;
  const Moments& moments() const { return moments_; }

 private:
  void add_group(const float* x, std::int64_t n, bool sorted);

  Moments moments_, group_rms_;
  LinearHistogram unit_{0, 1, 1024};       // groups min-max normalized
  LinearHistogram standard_{-8, 8, 4096};  // groups standardized
  FloatHistogram floats_;
  ClipCurve clip_;
  double usage_ = 0, group_ks_ = 0;  // summed over groups
  std::int64_t n_usage_ = 0, n_group_ks_ = 0;
};

}  // namespace gyre
