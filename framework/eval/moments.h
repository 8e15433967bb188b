// Moments of a stream of values, in double, merged without loss of digits (Chan, Golub and LeVeque 1979;
// third and fourth order: Pebay 2008).
#pragma once

#include <cstdint>
#include <limits>
#include <span>

namespace gyre {

// All results are nan without values. Values that are not finite make them nan too.
struct Moments {
  std::int64_t n = 0;
  double mean = 0;
  double m2 = 0, m3 = 0, m4 = 0;  // sums of (x - mean)^k
  double min = std::numeric_limits<double>::infinity(), max = -std::numeric_limits<double>::infinity();

  // The moments of both streams together.
  void merge(const Moments& other);
  double variance() const;         // m2 / n
  double skewness() const;         // (m3 / n) / variance^1.5; nan where all values are equal
  double excess_kurtosis() const;  // (m4 / n) / variance^2 - 3; nan where all values are equal
  double mean_square() const;      // variance + mean^2
  double max_over_rms() const;     // max|x| / sqrt(mean_square); nan where all values are zero
};

Moments moments_of(std::span<const float> values);

}  // namespace gyre
