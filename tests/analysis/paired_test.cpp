#include "analysis/paired.h"

#include <gtest/gtest.h>

#include <cmath>
#include <limits>
#include <vector>

namespace gyre::analysis {
namespace {

using Rows = std::vector<store::SampleRow>;

// Differences per window: 3 + 1 = 4, 5 + 3 = 8, 0 + 0 = 0 over 20 targets each. Mean 12 / 60 = 0.2; residuals
// 0, 4, -4; squares 32; se^2 = 3/2 * 32 / 3600 = 1/75.
TEST(PairedDifference, KeepsTheBlocksOfAWindowTogether) {
  const Rows a = {{0, 0, 13, 10}, {0, 1, 11, 10}, {1, 0, 15, 10},
                  {1, 1, 13, 10}, {2, 0, 10, 10}, {2, 1, 10, 10}};
  const Rows b = {{0, 0, 10, 10}, {0, 1, 10, 10}, {1, 0, 10, 10},
                  {1, 1, 10, 10}, {2, 0, 10, 10}, {2, 1, 10, 10}};
  const auto d = paired_difference(a, b);
  ASSERT_TRUE(d);
  EXPECT_DOUBLE_EQ(d->mean, 0.2);
  EXPECT_DOUBLE_EQ(d->std_error, std::sqrt(1.0 / 75));
  EXPECT_EQ(d->clusters.size(), 3u);
  EXPECT_EQ(d->n, 60);
  EXPECT_TRUE(d->by_window);
  const auto reverse = paired_difference(b, a);
  EXPECT_DOUBLE_EQ(reverse->mean, -0.2);
  EXPECT_DOUBLE_EQ(reverse->std_error, d->std_error);
}

// Differences 2, 4, 6 over 10, 10, 20 targets: mean 12 / 40 = 0.3; residuals -1, 1, 0; se^2 = 3/2 * 2 / 1600.
TEST(PairedDifference, TakesBlocksAsUnitsInASingleWindow) {
  const Rows a = {{4, 0, 12, 10}, {4, 1, 14, 10}, {4, 2, 26, 20}},
             b = {{4, 0, 10, 10}, {4, 1, 10, 10}, {4, 2, 20, 20}};
  const auto d = paired_difference(a, b);
  ASSERT_TRUE(d);
  EXPECT_DOUBLE_EQ(d->mean, 0.3);
  EXPECT_DOUBLE_EQ(d->std_error, std::sqrt(3.0 / 1600));
  EXPECT_FALSE(d->by_window);
}

TEST(PairedDifference, HasNoErrorFromOneCluster) {
  const Rows a = {{0, 0, 12, 10}}, b = {{0, 0, 10, 10}};
  EXPECT_DOUBLE_EQ(paired_difference(a, b)->mean, 0.2);
  EXPECT_TRUE(std::isnan(paired_difference(a, b)->std_error));
}

TEST(PairedDifference, RefusesWhatDoesNotPair) {
  const Rows a = {{0, 0, 12, 10}, {1, 0, 13, 10}};
  EXPECT_TRUE(paired_difference(a, a));
  for (const Rows& b : {Rows{}, Rows{{0, 0, 12, 10}}, Rows{{0, 0, 12, 10}, {2, 0, 13, 10}},
                        Rows{{0, 0, 12, 10}, {1, 1, 13, 10}}, Rows{{0, 0, 12, 10}, {1, 0, 13, 11}},
                        Rows{{0, 0, 12, 10}, {1, 0, std::numeric_limits<double>::quiet_NaN(), 10}}})
    EXPECT_FALSE(paired_difference(a, b));
  EXPECT_FALSE(paired_difference({}, {}));
}

}  // namespace
}  // namespace gyre::analysis
