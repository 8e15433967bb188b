#include "eval/histogram.h"

#include <algorithm>
#include <bit>
#include <cmath>
#include <limits>
#include <numbers>
#include <numeric>

#include "core/error.h"

namespace gyre {

LinearHistogram::LinearHistogram(double low, double high, std::int64_t n_bins)
    : low_(low),
      per_unit_(static_cast<double>(n_bins) / (high - low)),
      size_(static_cast<float>(n_bins)),
      counts_(static_cast<std::size_t>(n_bins), 0) {}

void LinearHistogram::add_outside(float position) {
  if (position == size_) {
    ++counts_.back();
    return;
  }
  const bool beyond = position > size_;
  ++(beyond ? above_ : below_);
  distance_ += static_cast<double>(beyond ? position - size_ : -position);
}

void LinearHistogram::merge(const LinearHistogram& other) {
  GYRE_ASSERT(counts_.size() == other.counts_.size() && low_ == other.low_ && per_unit_ == other.per_unit_);
  for (std::size_t i = 0; i < counts_.size(); ++i) counts_[i] += other.counts_[i];
  below_ += other.below_;
  above_ += other.above_;
  distance_ += other.distance_;
}

std::int64_t LinearHistogram::n() const {
  return std::accumulate(counts_.begin(), counts_.end(), below_ + above_);
}

std::vector<double> LinearHistogram::edge_differences(const std::function<double(double)>& cdf) const {
  const auto total = static_cast<double>(n());
  std::vector<double> out;
  out.reserve(counts_.size() + 1);
  std::int64_t below = below_;
  for (std::size_t i = 0; i <= counts_.size(); ++i) {
    out.push_back(static_cast<double>(below) / total - cdf(low_ + static_cast<double>(i) / per_unit_));
    if (i < counts_.size()) below += counts_[i];
  }
  return out;
}

double LinearHistogram::ks_distance(const std::function<double(double)>& cdf) const {
  if (n() == 0) return std::numeric_limits<double>::quiet_NaN();
  double largest = 0;
  for (const double d : edge_differences(cdf)) largest = std::max(largest, std::abs(d));
  return largest;
}

double LinearHistogram::w1_distance(const std::function<double(double)>& cdf) const {
  if (n() == 0) return std::numeric_limits<double>::quiet_NaN();
  const auto d = edge_differences(cdf);
  double area = 0;  // in bins; between two edges the difference is taken as a straight line
  for (std::size_t i = 0; i + 1 < d.size(); ++i) {
    const double a = std::abs(d[i]), b = std::abs(d[i + 1]);
    const bool crosses = (d[i] < 0) != (d[i + 1] < 0) && a + b > 0;
    area += crosses ? (a * a + b * b) / (2 * (a + b)) : (a + b) / 2;
  }
  return (area + distance_ / static_cast<double>(n())) / per_unit_;
}

FloatHistogram::FloatHistogram() : counts_(std::size_t{1} << (32 - kDropped), 0) {}

void FloatHistogram::merge(const FloatHistogram& other) {
  for (std::size_t i = 0; i < counts_.size(); ++i) counts_[i] += other.counts_[i];
}

double FloatHistogram::count(double low, double high) const {
  double found = 0;
  for (std::size_t i = 0; i < counts_.size(); ++i) {
    if (counts_[i] == 0) continue;
    const auto bits = static_cast<std::uint32_t>(i) << kDropped;
    double a = static_cast<double>(std::bit_cast<float>(bits));
    double b = static_cast<double>(std::bit_cast<float>(bits | ((1u << kDropped) - 1)));
    if (std::isnan(a) || std::isnan(b)) continue;
    if (a > b) std::swap(a, b);
    const double share = b > a ? (std::min(b, high) - std::max(a, low)) / (b - a) : (a >= low && a < high);
    found += static_cast<double>(counts_[i]) * std::clamp(share, 0.0, 1.0);
  }
  return found;
}

double uniform_cdf(double x) {
  return std::clamp(x, 0.0, 1.0);
}

double normal_cdf(double x) {
  return std::erfc(-x / std::numbers::sqrt2) / 2;
}

}  // namespace gyre
