// Histograms that merge exactly, and distances of what they hold from a distribution.
#pragma once

#include <cstdint>
#include <functional>
#include <vector>

namespace gyre {

// Counts of values in bins of equal width; what lies outside is kept as its number and its summed distance.
class LinearHistogram {
 public:
  LinearHistogram(double low, double high, std::int64_t n_bins);
  // A value in bin units, (x - low) / width; high itself belongs to the last bin. Not for nan.
  void add_scaled(float position) {
    if (position >= 0 && position < size_)
      ++counts_[static_cast<std::size_t>(position)];
    else
      add_outside(position);
  }
  // The factor and offset of add_scaled's argument.
  double bins_per_unit() const { return per_unit_; }
  double low() const { return low_; }
  void add(double x) { add_scaled(static_cast<float>((x - low_) * per_unit_)); }
  void merge(const LinearHistogram& other);
  std::int64_t n() const;

  // Of the empirical distribution F against cdf, with F linear within a bin. Kolmogorov-Smirnov: the largest
  // |F - cdf| at bin edges, at most one bin's share away from that of the values. Wasserstein-1: the integral
  // of |F - cdf| over the histogram's range, and the distance that values have to it; at most half a bin's
  // width away. nan without values. cdf must be 0 and 1 outside of the range, to the digits that count.
  double ks_distance(const std::function<double(double)>& cdf) const;
  double w1_distance(const std::function<double(double)>& cdf) const;

 private:
  void add_outside(float position);
  std::vector<double> edge_differences(const std::function<double(double)>& cdf) const;

  double low_, per_unit_;
  float size_;
  std::vector<std::int64_t> counts_;
  std::int64_t below_ = 0, above_ = 0;
  double distance_ = 0;  // of the values outside from the range, in bins
};

// The bin edges and counts of a float's own bits: sign, exponent and four bits of the mantissa, so that a bin
// is at most 1/16 as wide as its values are large. 8192 bins for every float there is.
class FloatHistogram {
 public:
  FloatHistogram();
  void add(float x) {
    std::uint32_t bits;
    static_assert(sizeof bits == sizeof x);
    __builtin_memcpy(&bits, &x, sizeof x);
    ++counts_[bits >> kDropped];
  }
  void merge(const FloatHistogram& other);
  // Number of values in [low, high), values spread evenly within a bin. Not-a-number counts nowhere.
  double count(double low, double high) const;

 private:
  static constexpr int kDropped = 19;
  std::vector<std::int64_t> counts_;
};

double uniform_cdf(double x);  // of U[0, 1]
double normal_cdf(double x);   // of N(0, 1)

}  // namespace gyre
