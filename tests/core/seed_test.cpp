#include "core/seed.h"

#include <gtest/gtest.h>

#include <array>
#include <cmath>

namespace gyre {
namespace {

TEST(DeriveSeed, DependsOnSeedAndNameAlone) {
  EXPECT_EQ(derive_seed(0, "rotation/r1"), derive_seed(0, "rotation/r1"));
  EXPECT_NE(derive_seed(0, "rotation/r1"), derive_seed(1, "rotation/r1"));
  EXPECT_NE(derive_seed(0, "rotation/r1"), derive_seed(0, "rotation/r2/layer0"));
  EXPECT_NE(derive_seed(1, "1"), derive_seed(11, ""));  // the separator counts
}

// Published first outputs of SplitMix64 for seed 1234567 (Vigna).
TEST(Rng, IsSplitMix64) {
  Rng rng(1234567);
  EXPECT_EQ(rng.next(), 6457827717110365317u);
  EXPECT_EQ(rng.next(), 3203168211198807973u);
}

// Tolerances: five standard errors of the sample moments.
TEST(Rng, NormalHasUnitMoments) {
  Rng rng(7);
  constexpr int kCount = 200'000;
  double sum = 0, squares = 0, fourth = 0;
  for (int i = 0; i < kCount; ++i) {
    const double x = rng.normal();
    sum += x;
    squares += x * x;
    fourth += x * x * x * x;
  }
  EXPECT_NEAR(sum / kCount, 0, 5 / std::sqrt(kCount));
  EXPECT_NEAR(squares / kCount, 1, 5 * std::sqrt(2.0 / kCount));
  EXPECT_NEAR(fourth / kCount, 3, 5 * std::sqrt(96.0 / kCount));
}

TEST(Rng, BelowIsUniform) {
  Rng rng(3);
  std::array<int, 7> counts{};
  for (int i = 0; i < 70'000; ++i) ++counts.at(rng.below(7));
  for (const int count : counts) EXPECT_NEAR(count, 10'000, 5 * std::sqrt(10'000.0 * 6 / 7));
}

}  // namespace
}  // namespace gyre
