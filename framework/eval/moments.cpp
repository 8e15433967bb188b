#include "eval/moments.h"

#include <algorithm>
#include <array>
#include <cmath>

namespace gyre {
namespace {

constexpr double kNaN = std::numeric_limits<double>::quiet_NaN();

// Independent sums, so that the compiler can keep them in vector registers; their order is fixed.
constexpr std::size_t kLanes = 8;
using Lanes = std::array<double, kLanes>;

double total(const Lanes& lanes) {
  double sum = 0;
  for (const double lane : lanes) sum += lane;
  return sum;
}

}  // namespace

void Moments::merge(const Moments& other) {
  if (other.n == 0) return;
  if (n == 0) {
    *this = other;
    return;
  }
  const auto a = static_cast<double>(n), b = static_cast<double>(other.n), both = a + b;
  const double d = other.mean - mean, step = d / both;
  m4 += other.m4 + d * step * step * step * a * b * (a * a - a * b + b * b) +
        6 * step * step * (a * a * other.m2 + b * b * m2) + 4 * step * (a * other.m3 - b * m3);
  m3 += other.m3 + d * step * step * a * b * (a - b) + 3 * step * (a * other.m2 - b * m2);
  m2 += other.m2 + d * step * a * b;
  mean += step * b;
  n += other.n;
  min = std::min(min, other.min);
  max = std::max(max, other.max);
}

double Moments::variance() const {
  return n > 0 ? m2 / static_cast<double>(n) : kNaN;
}

double Moments::skewness() const {
  const double v = variance();
  return v > 0 ? m3 / static_cast<double>(n) / (v * std::sqrt(v)) : kNaN;
}

double Moments::excess_kurtosis() const {
  const double v = variance();
  return v > 0 ? m4 / static_cast<double>(n) / (v * v) - 3 : kNaN;
}

double Moments::mean_square() const {
  return variance() + mean * mean;
}

double Moments::max_over_rms() const {
  const double square = mean_square();
  return square > 0 ? std::max(std::abs(min), std::abs(max)) / std::sqrt(square) : kNaN;
}

Moments moments_of(std::span<const float> values) {
  Moments result;
  if (values.empty()) return result;
  result.n = std::ssize(values);
  const auto whole = values.size() / kLanes * kLanes;
  Lanes sums{};
  float low = values[0], high = values[0];
  for (std::size_t i = 0; i < whole; i += kLanes)
    for (std::size_t k = 0; k < kLanes; ++k) sums[k] += static_cast<double>(values[i + k]);
  for (std::size_t i = whole; i < values.size(); ++i) sums[i - whole] += static_cast<double>(values[i]);
  for (const float x : values) {
    low = x < low ? x : low;
    high = x > high ? x : high;
  }
  result.mean = total(sums) / static_cast<double>(result.n);
  result.min = static_cast<double>(low);
  result.max = static_cast<double>(high);

  Lanes second{}, third{}, fourth{};
  const auto add = [&](std::size_t lane, float x) {
    const double d = static_cast<double>(x) - result.mean, square = d * d;
    second[lane] += square;
    third[lane] += square * d;
    fourth[lane] += square * square;
  };
  for (std::size_t i = 0; i < whole; i += kLanes)
    for (std::size_t k = 0; k < kLanes; ++k) add(k, values[i + k]);
  for (std::size_t i = whole; i < values.size(); ++i) add(i - whole, values[i]);
  result.m2 = total(second);
  result.m3 = total(third);
  result.m4 = total(fourth);
  return result;
}

}  // namespace gyre
