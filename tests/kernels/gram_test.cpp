// Second moments against sums in double, over widths and numbers of rows around the kernel's tiles.
#include "kernels/gram.h"

#include <gtest/gtest.h>
#include <omp.h>

#include <bit>
#include <cmath>
#include <random>
#include <vector>

namespace gyre::kernels {
namespace {

// Values with the 8 bits of a bfloat16.
std::vector<std::uint16_t> narrow_values(std::int64_t n, unsigned seed) {
  std::mt19937 random(seed);
  std::normal_distribution<float> normal;
  std::vector<std::uint16_t> values(static_cast<std::size_t>(n));
  for (auto& v : values) v = static_cast<std::uint16_t>(std::bit_cast<std::uint32_t>(normal(random)) >> 16);
  return values;
}
double value(std::uint16_t bits) {
  return std::bit_cast<float>(static_cast<std::uint32_t>(bits) << 16);
}

std::vector<float> sum_of(const std::vector<std::uint16_t>& x, std::int64_t width, std::vector<float> start) {
  EXPECT_EQ(add_gram({x.data(), std::ssize(x) / width, width, start.data()}), 0);
  return start;
}

TEST(Gram, IsTheSumOfProducts) {
  if (!has_gram()) GTEST_SKIP() << "no AVX512-BF16";
  for (const std::int64_t width : {1, 7, 8, 9, 47, 48, 49, 96, 130})
    for (const std::int64_t rows : {0, 1, 2, 3, 511, 512, 513, 1100}) {
      const auto x = narrow_values(rows * width, 1);
      const auto n = static_cast<std::size_t>(width);
      const auto sum = sum_of(x, width, std::vector<float>(n * n, 3.0f));
      for (std::size_t i = 0; i < n; ++i)
        for (std::size_t j = i; j < n; ++j) {
          double expected = 3, size = 3;
          for (std::size_t t = 0; t < static_cast<std::size_t>(rows); ++t) {
            const double product = value(x[t * n + i]) * value(x[t * n + j]);
            expected += product;
            size += std::abs(product);
          }
          ASSERT_NEAR(sum[i * n + j], expected, 2e-6 * size) << width << " " << rows << " " << i << " " << j;
        }
    }
}

TEST(Gram, IsTheSameForAnyNumberOfThreads) {
  if (!has_gram()) GTEST_SKIP() << "no AVX512-BF16";
  const std::int64_t width = 200;
  const auto x = narrow_values(700 * width, 2);
  const int before = omp_get_max_threads();
  const auto with = [&](int threads) {
    omp_set_num_threads(threads);
    return sum_of(x, width, std::vector<float>(static_cast<std::size_t>(width * width)));
  };
  EXPECT_EQ(with(1), with(3));
  omp_set_num_threads(before);
}

TEST(Gram, SpreadsInfinitiesAndNaN) {
  if (!has_gram()) GTEST_SKIP() << "no AVX512-BF16";
  auto x = narrow_values(3 * 2, 3);
  x[2] = 0x7f80;  // row 1, channel 0: infinity
  const auto sum = sum_of(x, 2, std::vector<float>(4));
  EXPECT_EQ(sum[0], INFINITY);
  EXPECT_TRUE(std::isinf(sum[1]));
  EXPECT_TRUE(std::isfinite(sum[3]));
}

}  // namespace
}  // namespace gyre::kernels
