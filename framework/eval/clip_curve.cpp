#include "eval/clip_curve.h"

#include <cmath>
#include <limits>

namespace gyre {
namespace {

double centre(std::int64_t bin) {
  return (static_cast<double>(bin) + 0.5) * 2 / ClipCurve::kBins - 1;
}

// Sums of w, w u and w u^2 over the bins before one, so that a level's share of the error costs no loop.
struct Prefix {
  explicit Prefix(const std::vector<double>& weights) {
    for (std::size_t i = 0; i < weights.size(); ++i) {
      const double u = centre(static_cast<std::int64_t>(i));
      w.push_back(w.back() + weights[i]);
      wu.push_back(wu.back() + weights[i] * u);
      wuu.push_back(wuu.back() + weights[i] * u * u);
    }
  }
  // sum w (level - u)^2 over bins first..last-1.
  double error(std::size_t first, std::size_t last, double level) const {
    return (wuu[last] - wuu[first]) - 2 * level * (wu[last] - wu[first]) +
           level * level * (w[last] - w[first]);
  }
  std::vector<double> w{0}, wu{0}, wuu{0};
};

double squared_error(const Prefix& prefix, int n_bits, double p) {
  const double half = std::ldexp(1.0, n_bits - 1), scale = p / (half - 1);
  double sum = 0;
  std::size_t first = 0;
  for (double code = -half; code < half; ++code) {
    // The first bin that is nearer to the next level.
    const double border = std::ceil(((code + 0.5) * scale + 1) * ClipCurve::kBins / 2 - 0.5);
    const auto last = code == half - 1
                          ? std::size_t{ClipCurve::kBins}
                          : static_cast<std::size_t>(std::clamp(border, 0.0, double{ClipCurve::kBins}));
    sum += prefix.error(first, last, code * scale);
    first = last;
  }
  return sum;
}

}  // namespace

void ClipCurve::merge(const ClipCurve& other) {
  for (std::size_t i = 0; i < weights_.size(); ++i) weights_[i] += other.weights_[i];
}

double ClipCurve::best_ratio(int n_bits) const {
  const Prefix prefix(weights_);
  double best = std::numeric_limits<double>::quiet_NaN(), least = std::numeric_limits<double>::infinity();
  if (!(prefix.w.back() > 0)) return best;
  for (int i = 0; i < 80; ++i) {
    const double p = 1 - i / 100.0, error = squared_error(prefix, n_bits, p);
    if (error < least) least = error, best = p;
  }
  return best;
}

}  // namespace gyre
