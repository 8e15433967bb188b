#include "analysis/significance.h"

#include <gtest/gtest.h>

#include <cmath>
#include <fstream>
#include <limits>
#include <nlohmann/json.hpp>

#include "core/seed.h"

namespace gyre::analysis {
namespace {

using Values = std::vector<double>;

constexpr double kNaN = std::numeric_limits<double>::quiet_NaN();

// Made with SciPy by scripts/make_significance_fixtures.py.
const nlohmann::json& fixtures() {
  static const auto data = nlohmann::json::parse(std::ifstream(GYRE_TEST_DATA "/analysis/significance.json"));
  return data;
}

Values sample(const nlohmann::json& name) {
  return fixtures()["samples"][name.get<std::string>()].get<Values>();
}

// To 1e-6, relative too, so that tiny ones count.
void expect_p(double p, double expected) {
  EXPECT_NEAR(p, expected, 1e-6 * expected);
}

TEST(PairedTTest, AgreesWithSciPy) {
  for (const auto& row : fixtures()["t"]) {
    SCOPED_TRACE(row.dump());
    const auto result = paired_t_test(sample(row["sample"]));
    EXPECT_NEAR(result.statistic, row["statistic"].get<double>(), 1e-9 * std::abs(result.statistic));
    expect_p(result.p, row["p"]);
  }
}

// With one degree of freedom t is Cauchy: p = 1 - 2/pi atan(t). Differences 1 and 3: t = 2 / 1.
TEST(PairedTTest, AgreesWithTheCauchyDistribution) {
  EXPECT_NEAR(paired_t_test(Values{1, 3}).p, 1 - 2 / M_PI * std::atan(2.0), 1e-12);
}

TEST(PairedTTest, SaysWhatItCannotTell) {
  EXPECT_TRUE(std::isnan(paired_t_test(Values{1}).p));
  EXPECT_TRUE(std::isnan(paired_t_test(Values{}).p));
  EXPECT_EQ(paired_t_test(Values{0, 0, 0}).p, 1);
  EXPECT_EQ(paired_t_test(Values{2, 2, 2}).p, 0);
}

TEST(WelchTTest, AgreesWithSciPy) {
  for (const auto& row : fixtures()["welch"])
    expect_p(welch_t_test(sample(row["a"]), sample(row["b"])).p, row["p"]);
}

// Against a value without spread it is the one-sample test.
TEST(WelchTTest, TakesASingleValueAsExact) {
  const Values a = {1, 2, 4}, shifted = {-1, 0, 2};
  EXPECT_NEAR(welch_t_test(a, Values{2}).p, paired_t_test(shifted).p, 1e-12);
  EXPECT_TRUE(std::isnan(welch_t_test(Values{1}, Values{2}).p));
  EXPECT_EQ(welch_t_test(Values{1, 1}, Values{2, 2}).p, 0);
}

TEST(Wilcoxon, AgreesWithSciPy) {
  for (const auto& row : fixtures()["wilcoxon"]) {
    SCOPED_TRACE(row.dump());
    WilcoxonOptions options;
    using Zeros = WilcoxonOptions::Zeros;
    options.zeros = row["zeros"] == "pratt"   ? Zeros::kPratt
                    : row["zeros"] == "split" ? Zeros::kSplit
                                              : Zeros::kDiscard;
    options.continuity = row["continuity"].get<bool>();
    options.method =
        row["method"] == "exact" ? WilcoxonOptions::Method::kExact : WilcoxonOptions::Method::kNormal;
    const auto result = wilcoxon_test(sample(row["sample"]), options);
    EXPECT_NEAR(result.statistic, row["statistic"].get<double>(), 1e-9);
    expect_p(result.p, row["p"]);
  }
}

// All of n differences positive: one assignment of signs in 2^n is as extreme on each side.
TEST(Wilcoxon, IsExactForFewDifferences) {
  EXPECT_DOUBLE_EQ(wilcoxon_test(Values{1, 2, 3, 4, 5}).p, 2 / 32.0);
  EXPECT_DOUBLE_EQ(wilcoxon_test(Values{-1, -1, -1}).p, 2 / 8.0);
  EXPECT_EQ(wilcoxon_test(Values{0, 0}).p, 1);
  EXPECT_EQ(wilcoxon_test(Values{}).n, 0);
}

TEST(McNemar, AgreesWithSciPy) {
  for (const auto& row : fixtures()["mcnemar"]) {
    SCOPED_TRACE(row.dump());
    expect_p(mcnemar_test(row["only_a"], row["only_b"]).p, row["p"]);
    expect_p(mcnemar_test(row["only_b"], row["only_a"]).p, row["p"]);
  }
  EXPECT_DOUBLE_EQ(mcnemar_test(0, 5).p, 2 / 32.0);
}

TEST(Holm, StepsDown) {
  const auto p = holm(Values{0.01, 0.04, 0.03, kNaN});
  EXPECT_DOUBLE_EQ(p[0], 0.03);
  EXPECT_DOUBLE_EQ(p[1], 0.06);  // 0.04 alone, but not below its forerunner
  EXPECT_DOUBLE_EQ(p[2], 0.06);
  EXPECT_TRUE(std::isnan(p[3]));
  EXPECT_EQ(holm(Values{0.9, 0.8})[0], 1);
  EXPECT_TRUE(holm(Values{}).empty());
}

TEST(Spearman, AgreesWithSciPy) {
  for (const auto& row : fixtures()["spearman"]) {
    const auto result = spearman(row["x"].get<Values>(), row["y"].get<Values>());
    EXPECT_NEAR(result.rho, row["rho"].get<double>(), 1e-12);
    expect_p(result.p, row["p"]);
    EXPECT_NEAR(result.low, row["low"].get<double>(), 1e-12);
    EXPECT_NEAR(result.high, row["high"].get<double>(), 1e-12);
  }
}

TEST(Spearman, KnowsOnlyOrder) {
  const Values x = {1, 2, 3, 10, 1000}, y = {-5, -4, 0, 1, 2};
  EXPECT_EQ(spearman(x, y).rho, 1);
  EXPECT_DOUBLE_EQ(spearman(x, y).p, 2.0 / 120);  // two of 5! orders are perfect
  EXPECT_EQ(spearman(x, Values{5, 4, 3, 2, 1}).rho, -1);
  EXPECT_TRUE(std::isnan(spearman(x, Values{1, 1, 1, 1, 1}).rho));
  EXPECT_TRUE(std::isnan(spearman(Values{1, 2, 3}, Values{1, 2, 3}).rho));
}

// Within each stratum the order is reversed, between them it is not (Simpson's paradox).
TEST(Spearman, WithinStrataForgetsWhatDiffersBetweenThem) {
  const Values x = {1, 2, 3, 11, 12, 13, 50}, y = {3, 2, 1, 103, 102, 101, 7};
  const std::vector<std::size_t> strata = {0, 0, 0, 4, 4, 4, 9};
  EXPECT_GT(spearman(x, y).rho, 0);
  const auto within = spearman_within(x, y, strata);
  EXPECT_EQ(within.rho, -1);
  EXPECT_EQ(within.n, 6);  // a stratum of one has no order
  EXPECT_DOUBLE_EQ(within.p, 2.0 / 36);
}

// Ranks centred by hand: (-1, 0, 1) with (-1, 1, 0), and (-1.5, -0.5, 0.5, 1.5) with (-0.5, -1.5, 0.5, 1.5);
// n - S - 1 = 4 degrees of freedom.
TEST(Spearman, WithinStrataIsThePartialCorrelationOfRanks) {
  const Values x = {1, 2, 3, 1, 2, 3, 4}, y = {5, 7, 6, 90, 80, 91, 92};
  const auto result = spearman_within(x, y, std::vector<std::size_t>{0, 0, 0, 1, 1, 1, 1});
  const double rho = (1 + 0.75 + 0.75 + 0.25 + 2.25) / (2 + 5);
  EXPECT_DOUBLE_EQ(result.rho, rho);
  EXPECT_NEAR(result.p, student_p(rho * std::sqrt(4 / (1 - rho * rho)), 4), 1e-12);
  EXPECT_TRUE(std::isnan(spearman_within(x, y, std::vector<std::size_t>{0, 0, 1, 1, 2, 3, 4}).rho));
}

// Two clusters of equal size: the mean is the first's, the average or the second's with chances 1/4, 1/2,
// 1/4, so that the tails of 2.5 % lie on the clusters' own means.
TEST(Bootstrap, DrawsClustersWhole) {
  const std::vector<Cluster> clusters = {{20, 10}, {40, 10}};
  const auto interval = bootstrap_interval(clusters, "test/two");
  EXPECT_DOUBLE_EQ(interval.low, 2);
  EXPECT_DOUBLE_EQ(interval.high, 4);
  EXPECT_TRUE(std::isnan(bootstrap_interval(std::vector<Cluster>{{20, 10}}, "test/one").low));
}

// Of many clusters it is the normal interval, mean +- 1.96 s / sqrt(n), s with divisor n.
TEST(Bootstrap, ApproachesTheNormalInterval) {
  Rng rng(7);
  std::vector<Cluster> clusters;
  double sum = 0, squares = 0;
  for (int i = 0; i < 400; ++i) {
    const double d = rng.normal();
    clusters.push_back({100 * d, 100});
    sum += d, squares += d * d;
  }
  const double mean = sum / 400, half = 1.96 * std::sqrt((squares / 400 - mean * mean) / 400);
  const auto interval = bootstrap_interval(clusters, "test/many");
  EXPECT_NEAR(interval.low, mean - half, 0.05 * half);
  EXPECT_NEAR(interval.high, mean + half, 0.05 * half);
}

TEST(Bootstrap, DependsOnItsNameAlone) {
  Rng rng(7);
  std::vector<Cluster> clusters;
  for (int i = 0; i < 20; ++i) clusters.push_back({rng.normal(), 1});
  EXPECT_EQ(bootstrap_interval(clusters, "a").low, bootstrap_interval(clusters, "a").low);
  EXPECT_NE(bootstrap_interval(clusters, "a").low, bootstrap_interval(clusters, "b").low);
}

}  // namespace
}  // namespace gyre::analysis
