// The clip ratio at which one tensor's quantization error is smallest, if all of its groups shared it.
#pragma once

#include <algorithm>
#include <cstdint>
#include <vector>

namespace gyre {

// Values over their group's largest magnitude, u = x / max|x| in [-1, 1], in 2048 bins weighted by the
// squared magnitude: all that the squared error of a symmetric grid depends on, to half a bin.
class ClipCurve {
 public:
  static constexpr int kBins = 2048;
  ClipCurve() : weights_(kBins, 0.0) {}
  // position: (u + 1) * kBins / 2; weight: max|x|^2.
  void add_scaled(float position, double weight) {
    const float inside = std::clamp(position, 0.0f, static_cast<float>(kBins - 1));
    weights_[static_cast<std::size_t>(inside)] += weight;
  }
  void merge(const ClipCurve& other);
  // The p = 1 - i/100, i = 0..79, with the least sum of (q(x) - x)^2; the first of equals. Scale
  // p max|x| / (2^(b-1) - 1), levels -2^(b-1) .. 2^(b-1) - 1. nan without values.
  double best_ratio(int n_bits) const;

 private:
  std::vector<double> weights_;
};

}  // namespace gyre
