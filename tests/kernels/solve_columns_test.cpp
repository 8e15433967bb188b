// The inner loop against its definition, read off kernels/solve_columns.h in plain loops.
#include "kernels/solve_columns.h"

#include <gtest/gtest.h>

#include <cmath>
#include <random>
#include <vector>

namespace gyre::kernels {
namespace {

template <class T>
class SolveColumns : public testing::Test {
 protected:
  // 7 columns in two groups (the second from column 3 on), rows beyond one tile and not a multiple of it.
  static constexpr std::int64_t kColumns = 7, kRows = 131, kStride = 9;

  SolveColumns() {
    std::mt19937_64 random(5);
    std::normal_distribution<double> normal;
    const auto fill = [&](auto& values, std::int64_t n, auto draw) {
      values.resize(static_cast<std::size_t>(n));
      for (auto& v : values) v = static_cast<std::remove_reference_t<decltype(v)>>(draw());
    };
    fill(weight_, kColumns * kRows, [&] { return normal(random); });
    fill(factor_, kColumns * kStride, [&] { return 0.3 * normal(random); });
    for (std::int64_t j = 0; j < kColumns; ++j) factor_[j * kStride + j] = 0.5 + 0.1 * static_cast<double>(j);
    fill(scale_, 2 * kRows, [&] { return 0.2 + 0.1 * std::abs(normal(random)); });
    errors_.resize(kColumns * kRows);
    values_.resize(kColumns * kRows);
    codes_.resize(kColumns * kRows);
  }

  SolveColumnsArgs args() {
    SolveColumnsArgs args{};
    args.columns = kColumns;
    args.rows = kRows;
    args.weight = weight_.data();
    args.factor = factor_.data();
    args.factor_stride = kStride;
    args.dtype = sizeof(T) == 8 ? DType::kF64 : DType::kF32;
    args.errors = errors_.data();
    args.values = values_.data();
    args.codes = codes_.data();
    return args;
  }

  // round(column, row, v) gives {code, value}.
  template <class Round>
  void expect_definition(Round round) {
    std::vector<double> errors(weight_.size());
    for (std::int64_t r = 0; r < kRows; ++r)
      for (std::int64_t j = 0; j < kColumns; ++j) {
        const auto at = static_cast<std::size_t>(j * kRows + r);
        double w = weight_[at];
        for (std::int64_t i = 0; i < j; ++i) w -= factor_[i * kStride + j] * errors[i * kRows + r];
        const auto [code, value] = round(j, r, static_cast<T>(w));
        errors[at] = (w - static_cast<double>(value)) / factor_[j * kStride + j];
        ASSERT_EQ(values_[at], value) << "column " << j << " row " << r;
        ASSERT_EQ(codes_[at], code);
        ASSERT_EQ(errors_[at], errors[at]);
      }
  }

  std::vector<double> weight_, factor_, errors_;
  std::vector<T> scale_, values_;
  std::vector<std::uint8_t> codes_;
};

using Types = testing::Types<float, double>;
TYPED_TEST_SUITE(SolveColumns, Types);

TYPED_TEST(SolveColumns, FollowsItsDefinitionOnEveryGrid) {
  using T = TypeParam;
  for (const Grid grid : {Grid::kSymmetric, Grid::kInteger, Grid::kReal, Grid::kNoZero})
    for (const int n_bits : {2, 3, 8}) {
      SCOPED_TRACE(testing::Message() << "grid " << static_cast<int>(grid) << " bits " << n_bits);
      const T last = static_cast<T>((1 << n_bits) - 1), half = (last + 1) / 2;
      std::vector<T> zero(this->scale_.size());
      for (std::size_t i = 0; i < zero.size(); ++i)
        zero[i] = grid == Grid::kSymmetric ? half
                  : grid == Grid::kNoZero  ? half - T(0.5)
                  : grid == Grid::kInteger ? static_cast<T>(i % static_cast<std::size_t>(last + 1))
                                           : static_cast<T>(-0.3 - 0.01 * static_cast<double>(i % 50));
      this->scale_[5] = 0;  // a group of zeros
      std::vector<const void*> scales, zeros;
      for (std::int64_t j = 0; j < this->kColumns; ++j) {
        scales.push_back(this->scale_.data() + (j < 3 ? 0 : this->kRows));
        zeros.push_back(zero.data() + (j < 3 ? 0 : this->kRows));
      }
      auto args = this->args();
      args.grid = grid;
      args.n_bits = n_bits;
      args.scale = scales.data();
      args.zero = zeros.data();
      ASSERT_EQ(solve_columns(args), 0);
      this->expect_definition([&](std::int64_t j, std::int64_t r, T v) {
        const auto i = static_cast<std::size_t>((j < 3 ? 0 : this->kRows) + r);
        const T s = this->scale_[i], z = zero[i], inverse = s > 0 ? 1 / s : T(0);
        T code = grid == Grid::kReal     ? std::nearbyint((v - z) * inverse)
                 : grid == Grid::kNoZero ? std::floor(v * inverse) + half
                                         : std::nearbyint(v * inverse) + z;
        code = std::min(std::max(code, T(0)), last);
        const T value = grid == Grid::kReal ? code * s + z : (code - z) * s;
        return std::pair(static_cast<std::uint8_t>(code), value);
      });
    }
}

TYPED_TEST(SolveColumns, TakesLevelsOfAnyKind) {
  using T = TypeParam;
  constexpr int kLevels = 5;
  std::vector<T> levels(2 * kLevels * this->kRows), boundaries(2 * (kLevels - 1) * this->kRows);
  const auto level = [&](std::int64_t group, int k, std::int64_t r) -> T& {
    return levels[static_cast<std::size_t>((group * kLevels + k) * this->kRows + r)];
  };
  const auto boundary = [&](std::int64_t group, int k, std::int64_t r) -> T& {
    return boundaries[static_cast<std::size_t>((group * (kLevels - 1) + k) * this->kRows + r)];
  };
  for (std::int64_t g = 0; g < 2; ++g)
    for (std::int64_t r = 0; r < this->kRows; ++r)
      for (int k = 0; k < kLevels; ++k) {
        level(g, k, r) =
            static_cast<T>((k - 2) * std::abs(k - 2) * 0.4 + 0.01 * static_cast<double>(r % 7 + g));
        if (k > 0) boundary(g, k - 1, r) = level(g, k, r) - static_cast<T>(0.1);
      }
  std::vector<const void*> lower, upper;
  for (std::int64_t j = 0; j < this->kColumns; ++j) {
    lower.push_back(&level(j < 3 ? 0 : 1, 0, 0));
    upper.push_back(&boundary(j < 3 ? 0 : 1, 0, 0));
  }
  auto args = this->args();
  args.n_levels = kLevels;
  args.levels = lower.data();
  args.boundaries = upper.data();
  ASSERT_EQ(solve_columns(args), 0);
  this->expect_definition([&](std::int64_t j, std::int64_t r, T v) {
    const std::int64_t g = j < 3 ? 0 : 1;
    int k = 0;
    while (k < kLevels - 1 && v >= boundary(g, k, r)) ++k;
    return std::pair(static_cast<std::uint8_t>(k), level(g, k, r));
  });
}

TEST(SolveColumnsArguments, OtherTypesAreRefused) {
  SolveColumnsArgs args{};
  args.dtype = DType::kF16;
  EXPECT_EQ(solve_columns(args), 1);
}

}  // namespace
}  // namespace gyre::kernels
