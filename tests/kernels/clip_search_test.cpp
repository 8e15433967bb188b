// The clip search against exhaustive evaluation in float64 of what fake quantization really gives.
#include <gtest/gtest.h>

#include <cmath>
#include <random>
#include <vector>

#include "kernels/api.h"

namespace gyre::kernels {
namespace {

constexpr std::array kGrids{Grid::kSymmetric, Grid::kInteger, Grid::kReal, Grid::kNoZero};

// Heavy tails, so that clipping pays.
template <class T>
std::vector<T> heavy_tailed(std::size_t n, unsigned seed) {
  std::mt19937 random(seed);
  std::student_t_distribution<double> values(4.0);
  std::vector<T> x(n);
  for (auto& v : x) v = static_cast<T>(0.02 * values(random));
  return x;
}

template <class T>
constexpr DType dtype_of() {
  return sizeof(T) == 8 ? DType::kF64 : DType::kF32;
}

template <class T>
double error_at(const T* x, std::int64_t n, int n_bits, Grid grid, double power, float ratio) {
  std::vector<T> out(static_cast<std::size_t>(n));
  FakeQuantArgs args{x,   out.data(),    1,       n,       n,       n_bits, grid,
                     1.0, dtype_of<T>(), nullptr, nullptr, nullptr, &ratio};
  EXPECT_EQ(fake_quant_variants().back().launch(args, nullptr), 0);
  double sum = 0;
  for (std::int64_t i = 0; i < n; ++i)
    sum += std::pow(std::abs(double{out[static_cast<std::size_t>(i)]} - double{x[i]}), power);
  return sum;
}

float ratio_of(int step) {
  return static_cast<float>(1 - step / 100.0);
}

template <class T>
void expect_best_ratios(std::int64_t groups, std::int64_t group, int n_bits, Grid grid, double power) {
  const auto x = heavy_tailed<T>(static_cast<std::size_t>(groups * group), 17);
  std::vector<float> ratio(static_cast<std::size_t>(groups));
  const ClipSearchArgs args{x.data(), groups, group, group, n_bits, grid, power, dtype_of<T>(), ratio.data()};
  ASSERT_EQ(clip_search(args), 0);
  int different = 0;
  for (std::int64_t g = 0; g < groups; ++g) {
    double best = INFINITY;
    float best_ratio = 1;
    for (int step = 0; step < 80; ++step) {
      const double error = error_at(x.data() + g * group, group, n_bits, grid, power, ratio_of(step));
      if (error < best) {
        best = error;
        best_ratio = ratio_of(step);
      }
    }
    const float found = ratio[static_cast<std::size_t>(g)];
    different += found != best_ratio;
    // Terms are good to 1e-6 and their float32 sums to a few 1e-7 more.
    EXPECT_LE(error_at(x.data() + g * group, group, n_bits, grid, power, found), best * (1 + 4e-6));
  }
  EXPECT_LE(different, 1 + groups / 50) << "only near-ties may differ";
}

TEST(ClipSearch, FindsTheRatioOfTheExhaustiveSearch) {
  for (const auto grid : kGrids)
    for (const int n_bits : {2, 3, 4, 8})
      for (const double power : {2.4, 2.0}) {
        expect_best_ratios<float>(20, 64, n_bits, grid, power);
        expect_best_ratios<double>(20, 64, n_bits, grid, power);
      }
}

TEST(ClipSearch, FindsTheRatioOfLongAndOddGroups) {
  for (const auto grid : kGrids)
    for (const std::int64_t group : {1, 5, 17, 100, 576, 1531})
      expect_best_ratios<float>(5, group, 4, grid, 2.4);
}

TEST(ClipSearch, EveryVariantGivesTheSameRatios) {
  for (const auto grid : kGrids)
    for (const std::int64_t group : {7, 64, 960})
      for (const double power : {2.4, 2.0}) {
        const auto x = heavy_tailed<float>(static_cast<std::size_t>(group * 30), 23);
        std::vector<float> first(30);
        const ClipSearchArgs args{x.data(), 3, group * 10, group, 4, grid, power, DType::kF32, first.data()};
        ASSERT_EQ(clip_search(args), 0);
        for (const auto& variant : clip_search_variants()) {
          if (!variant.supports(args)) continue;
          std::vector<float> ratio(30);
          ClipSearchArgs other = args;
          other.ratio = ratio.data();
          ASSERT_EQ(variant.launch(other), 0);
          EXPECT_EQ(ratio, first) << variant.name;
        }
      }
}

// The errors are measured in units of the group's scale: magnitude plays no part.
TEST(ClipSearch, DoesNotDependOnMagnitude) {
  auto x = heavy_tailed<float>(640, 29);
  std::vector<float> first(10), ratio(10);
  for (const auto grid : kGrids) {
    ASSERT_EQ(clip_search({x.data(), 10, 64, 64, 4, grid, 2.4, DType::kF32, first.data()}), 0);
    for (const float factor : {0x1p-100f, 0x1p100f}) {
      auto scaled = x;
      for (auto& v : scaled) v *= factor;
      ASSERT_EQ(clip_search({scaled.data(), 10, 64, 64, 4, grid, 2.4, DType::kF32, ratio.data()}), 0);
      EXPECT_EQ(ratio, first) << factor;
    }
  }
}

TEST(ClipSearch, LeavesDegenerateGroupsUnclipped) {
  for (const auto grid : kGrids)
    for (const float bad : {0.0f, NAN, INFINITY}) {
      std::vector<float> x(32, bad), ratio(1);
      ASSERT_EQ(clip_search({x.data(), 1, 32, 32, 4, grid, 2.4, DType::kF32, ratio.data()}), 0);
      EXPECT_EQ(ratio[0], 1.0f);
    }
}

TEST(ClipSearch, RefusesWhatItDoesNotSupport) {
  std::vector<float> x(32), ratio(1);
  EXPECT_NE(clip_search({x.data(), 1, 32, 32, 4, Grid::kReal, 3.0, DType::kF32, ratio.data()}), 0);
  EXPECT_NE(clip_search({x.data(), 1, 32, 32, 4, Grid::kReal, 2.0, DType::kF16, ratio.data()}), 0);
  EXPECT_NE(clip_search({x.data(), 1, 32, 24, 4, Grid::kReal, 2.0, DType::kF32, ratio.data()}), 0);
  EXPECT_NE(clip_search({x.data(), 1, 32, 32, 1, Grid::kReal, 2.0, DType::kF32, ratio.data()}), 0);
}

}  // namespace
}  // namespace gyre::kernels
