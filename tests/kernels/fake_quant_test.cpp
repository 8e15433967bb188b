// Every variant of fake quantization against a plain computation of the formulas in kernels/api.h, and bit
// for bit against each other.
#include <cstring>

#include "kernels/fake_quant_cases.h"

namespace gyre::kernels {
namespace {

// The nearest level by trying all of them, from the scale by the formula, in float64. Float32 arithmetic may
// put the scale some units in the last place away, so values compare to a few of those and codes may differ
// only at a tie.
void expect_nearest_levels(const Case& c, const std::vector<std::uint8_t>& x, const Outputs& result) {
  const double epsilon = c.dtype == DType::kF64 ? 0x1p-52 : 0x1p-23;
  const double half_ulp = c.dtype == DType::kF16 ? 0x1p-11 : c.dtype == DType::kBF16 ? 0x1p-8 : 0;
  const int levels = 1 << c.n_bits;
  for (std::size_t g = 0; g < c.groups(); ++g) {
    double lo = INFINITY, hi = -INFINITY;
    const auto n = static_cast<std::size_t>(c.group);
    for (std::size_t i = g * n; i < (g + 1) * n; ++i) {
      lo = std::min(lo, read(x.data(), i, c.dtype));
      hi = std::max(hi, read(x.data(), i, c.dtype));
    }
    const double top = std::max(std::abs(lo), std::abs(hi));
    double scale = 0, first = 0;  // levels first + k scale
    switch (c.grid) {
      case Grid::kSymmetric:
        scale = c.clip * top / (levels / 2 - 1);
        first = -scale * (levels / 2);
        break;
      case Grid::kNoZero:
        scale = c.clip * top / (levels / 2 - 0.5);
        first = -scale * (levels / 2 - 0.5);
        break;
      case Grid::kInteger: {
        lo = std::min(lo, 0.0), hi = std::max(hi, 0.0);
        scale = c.clip * (hi - lo) / (levels - 1);
        const double zero = read(result.zero.data(), g, c.dtype == DType::kF64 ? DType::kF64 : DType::kF32);
        EXPECT_EQ(zero, std::nearbyint(zero));
        EXPECT_NEAR(zero, -c.clip * lo / scale, 0.5 + 4 * epsilon * levels);  // lo = -hi is a tie
        first = -scale * zero;
        break;
      }
      case Grid::kReal:
        scale = c.clip * (hi - lo) / (levels - 1);
        first = c.clip * lo;
        break;
    }
    EXPECT_NEAR(read(result.scale.data(), g, c.dtype == DType::kF64 ? DType::kF64 : DType::kF32), scale,
                4 * epsilon * scale);
    for (std::size_t i = g * n; i < (g + 1) * n; ++i) {
      const double v = read(x.data(), i, c.dtype), q = read(result.out.data(), i, c.dtype);
      double best = INFINITY;
      for (int k = 0; k < levels; ++k) best = std::min(best, std::abs(first + k * scale - v));
      const double slack = 8 * epsilon * (top + scale * levels) + half_ulp * std::abs(q);
      EXPECT_NEAR(std::abs(q - v), best, slack) << c.text() << " value " << v;
      EXPECT_NEAR(q, first + result.codes[i] * scale, slack) << c.text();
    }
  }
}

TEST(FakeQuantKernel, EveryVariantGivesTheNearestLevelOfTheFormula) {
  unsigned seed = 0;
  for (const auto grid : kGrids)
    for (const auto dtype : kDTypes)
      for (int n_bits = 2; n_bits <= 8; ++n_bits)
        for (const auto& [rows, width, group] :
             {std::array<std::int64_t, 3>{1, 64, 64}, {3, 96, 32}, {17, 36, 12}, {2, 77, 7}, {3, 2500, 2500}})
          for (const double clip : {1.0, 0.8125}) {
            const Case c{rows, width, group, n_bits, grid, dtype, clip};
            const auto x = normal_values(c, ++seed);
            Outputs first;
            for (const auto& variant : fake_quant_variants()) {
              if (!runs_here(variant, c)) continue;
              const auto result = launch(variant, c, x, false);
              if (first.out.empty()) {
                first = result;
                expect_nearest_levels(c, x, result);
              }
              ASSERT_TRUE(result == first) << variant.name << " differs: " << c.text();
              ASSERT_TRUE(launch(variant, c, x, true) == first) << variant.name << " in place: " << c.text();
            }
            if (HasFailure()) return;
          }
}

TEST(FakeQuantKernel, EveryVariantGivesTheSameBitsOverTheWholeRangeOfEachFormat) {
  std::mt19937_64 random(7);
  for (const auto grid : kGrids)
    for (const auto dtype : kDTypes)
      for (const std::int64_t group : {1, 5, 16, 64, 200}) {
        const Case c{40, group * 5, group, 4, grid, dtype};
        // Random bits: subnormal, huge, infinite, NaN; every other row in one binade so that its groups are
        // finite.
        std::vector<std::uint8_t> x = normal_values(c, 3);
        for (std::size_t i = 0; i < c.values(); ++i)
          if ((i / static_cast<std::size_t>(c.width)) % 2 == 0) {
            const std::uint64_t bits = random();
            std::memcpy(x.data() + i * size_of(dtype), &bits, size_of(dtype));
          }
        const auto reference = launch(fake_quant_variants().back(), c, x, false);
        for (const auto& variant : fake_quant_variants())
          if (runs_here(variant, c)) {
            EXPECT_TRUE(launch(variant, c, x, false) == reference) << variant.name << " " << c.text();
          }
      }
}

TEST(FakeQuantKernel, TakesTheRatioOfEachGroup) {
  for (const auto grid : kGrids)
    for (const auto& variant : fake_quant_variants()) {
      const Case two{1, 64, 32, 4, grid, DType::kF32}, one{1, 32, 32, 4, grid, DType::kF32, 0.75f};
      if (!runs_here(variant, two)) continue;
      const auto x = normal_values(two, 11);
      const float ratio[] = {1.0f, 0.75f};
      const auto both = launch(variant, two, x, false, ratio);
      const auto second = launch(variant, one, {x.begin() + 128, x.end()}, false);
      EXPECT_TRUE(std::equal(second.out.begin(), second.out.end(), both.out.begin() + 128)) << variant.name;
    }
}

}  // namespace
}  // namespace gyre::kernels
