// The elementwise kernels of a forward pass against their definitions in float64.
#include "kernels/llama.h"

#include <gtest/gtest.h>

#include <algorithm>
#include <cmath>
#include <limits>

#include "kernels/io_testing.h"

namespace gyre::kernels {
namespace {

// Relative to values of size 1: float32 sums, or one rounding to 16 bits (two where a sum is rounded first).
double tolerance(DType dtype) {
  return dtype == DType::kF32 ? 4e-6 : dtype == DType::kF16 ? 4e-3 : 3e-2;
}

class LlamaKernels : public ::testing::TestWithParam<DType> {
 protected:
  std::mt19937 random{11};
};

TEST_P(LlamaKernels, RmsNorm) {
  for (const std::int64_t width : {1, 15, 16, 64, 576, 1000})
    for (const bool add : {false, true})
      for (const bool gain : {false, true}) {
        const std::int64_t rows = 5;
        const auto n = static_cast<std::size_t>(rows * width);
        auto x = io::normal(GetParam(), n, random);
        const auto delta = io::normal(GetParam(), n, random),
                   weight = io::normal(GetParam(), static_cast<std::size_t>(width), random);
        std::vector<std::byte> out(x.bytes.size());
        ASSERT_EQ(
            rms_norm({x.bytes.data(), add ? delta.bytes.data() : nullptr,
                      gain ? weight.bytes.data() : nullptr, out.data(), rows, width, 1e-5f, GetParam()}),
            0);
        const auto sums = io::values(GetParam(), x.bytes.data(), n),
                   found = io::values(GetParam(), out.data(), n);
        for (std::int64_t r = 0; r < rows; ++r) {
          double squares = 0;
          for (std::int64_t i = 0; i < width; ++i) {
            const auto at = static_cast<std::size_t>(r * width + i);
            const double expected = x.values[at] + (add ? delta.values[at] : 0);
            ASSERT_NEAR(sums[at], expected, tolerance(GetParam()) * (1 + std::abs(expected)));
            squares += sums[at] * sums[at];
          }
          const double factor = 1 / std::sqrt(squares / static_cast<double>(width) + 1e-5);
          for (std::int64_t i = 0; i < width; ++i) {
            const auto at = static_cast<std::size_t>(r * width + i);
            const double expected =
                sums[at] * factor * (gain ? weight.values[static_cast<std::size_t>(i)] : 1);
            ASSERT_NEAR(found[at], expected, tolerance(GetParam()) * (1 + std::abs(expected)))
                << width << " " << add;
          }
        }
      }
}

TEST_P(LlamaKernels, SiluMultiply) {
  for (const std::size_t n : {1u, 15u, 17u, 4096u, 70001u}) {
    const auto gate = io::normal(GetParam(), n, random, 5), up = io::normal(GetParam(), n, random);
    std::vector<std::byte> out(gate.bytes.size());
    ASSERT_EQ(silu_multiply(
                  {gate.bytes.data(), up.bytes.data(), out.data(), static_cast<std::int64_t>(n), GetParam()}),
              0);
    const auto found = io::values(GetParam(), out.data(), n);
    for (std::size_t i = 0; i < n; ++i) {
      const double expected = gate.values[i] / (1 + std::exp(-gate.values[i])) * up.values[i];
      ASSERT_NEAR(found[i], expected, tolerance(GetParam()) * (1 + std::abs(expected)));
    }
  }
}

TEST_P(LlamaKernels, Rope) {
  const std::int64_t batch = 2, positions = 7, heads = 3;
  for (const std::int64_t half : {1, 8, 20, 32}) {
    const auto rows = batch * positions;
    const auto n = static_cast<std::size_t>(rows * heads * 2 * half);
    auto x = io::normal(GetParam(), n, random);
    std::vector<float> cos, sin;
    for (std::int64_t i = 0; i < positions * half; ++i) {
      cos.push_back(static_cast<float>(std::cos(0.3 * static_cast<double>(i))));
      sin.push_back(static_cast<float>(std::sin(0.3 * static_cast<double>(i))));
    }
    ASSERT_EQ(apply_rope({x.bytes.data(), cos.data(), sin.data(), rows, heads, half, positions, GetParam()}),
              0);
    const auto found = io::values(GetParam(), x.bytes.data(), n);
    for (std::int64_t r = 0; r < rows; ++r)
      for (std::int64_t h = 0; h < heads; ++h)
        for (std::int64_t i = 0; i < half; ++i) {
          const auto a = static_cast<std::size_t>(((r * heads + h) * 2) * half + i),
                     b = a + static_cast<std::size_t>(half);
          const auto angle = static_cast<std::size_t>(r % positions * half + i);
          const double c = double{cos[angle]}, s = double{sin[angle]};
          ASSERT_NEAR(found[a], x.values[a] * c - x.values[b] * s, 4 * tolerance(GetParam()));
          ASSERT_NEAR(found[b], x.values[b] * c + x.values[a] * s, 4 * tolerance(GetParam()));
        }
  }
}

TEST_P(LlamaKernels, LogSumExpOverBlocks) {
  const std::int64_t rows = 4, vocabulary = 101;
  const auto logits = io::normal(GetParam(), static_cast<std::size_t>(rows * vocabulary), random, 6);
  const std::vector<std::int64_t> targets = {0, 50, 99, 100};
  std::vector<float> max(4, -std::numeric_limits<float>::infinity()), sum(4, 0), picked(4, 0);
  for (std::int64_t first = 0; first < vocabulary; first += 32) {
    const auto width = std::min<std::int64_t>(32, vocabulary - first);
    std::vector<std::byte> block;
    for (std::int64_t r = 0; r < rows; ++r) {
      const auto size = io::bytes_per_value(GetParam());
      const auto* row = logits.bytes.data() + static_cast<std::size_t>(r * vocabulary + first) * size;
      block.insert(block.end(), row, row + static_cast<std::size_t>(width) * size);
    }
    ASSERT_EQ(accumulate_log_sum_exp({block.data(), targets.data(), first, max.data(), sum.data(),
                                      picked.data(), rows, width, GetParam()}),
              0);
  }
  for (std::size_t r = 0; r < 4; ++r) {
    double total = 0;
    for (std::size_t i = 0; i < 101; ++i) total += std::exp(logits.values[r * 101 + i]);
    EXPECT_NEAR(double{max[r]} + std::log(double{sum[r]}), std::log(total), 2e-5);
    EXPECT_EQ(double{picked[r]}, logits.values[r * 101 + static_cast<std::size_t>(targets[r])]);
  }
}

INSTANTIATE_TEST_SUITE_P(DTypes, LlamaKernels, ::testing::Values(DType::kF32, DType::kF16, DType::kBF16));

TEST(LlamaKernelsInput, RefuseFloat64) {
  double x[2] = {1, 2};
  EXPECT_NE(rms_norm({x, nullptr, nullptr, x, 1, 2, 1e-5f, DType::kF64}), 0);
  EXPECT_NE(silu_multiply({x, x, x, 2, DType::kF64}), 0);
}

}  // namespace
}  // namespace gyre::kernels
