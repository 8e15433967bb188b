// Tests of paired differences, and what corrects them for being many. All p-values are two-sided.
#pragma once

#include <cstdint>
#include <span>
#include <string_view>
#include <vector>

namespace gyre::analysis {

struct TestResult {
  double statistic = 0;
  double p = 1;
  std::int64_t n = 0;  // observations that the test rests on
};

// p of Student's t with these degrees of freedom; nan for nan or no degrees of freedom.
double student_p(double t, double degrees_of_freedom);

// Student's paired t: mean over standard error, n - 1 degrees of freedom. Differences that are all zero give
// p = 1, all equal and not zero p = 0; fewer than two give p = nan.
TestResult paired_t_test(std::span<const double> differences);

// Welch's t of the means of two independent samples (Welch 1947). A sample of one value counts as known
// exactly. p = nan when neither has two values.
TestResult welch_t_test(std::span<const double> a, std::span<const double> b);

struct WilcoxonOptions {
  // Differences of zero: dropped (Wilcoxon), ranked and then dropped (Pratt), or ranked and shared by both
  // sides (normal approximation only).
  enum class Zeros { kDiscard, kPratt, kSplit };
  // Exact: all 2^n assignments of signs to the ranks as they are, tied ones too. kAuto: exact up to 50.
  enum class Method { kAuto, kExact, kNormal };
  Zeros zeros = Zeros::kDiscard;
  Method method = Method::kAuto;
  bool continuity = false;  // of the normal approximation
};
// Wilcoxon's signed-rank test; statistic: the smaller sum of ranks; n: differences that are not zero. Ties
// get mean ranks; the normal approximation's variance is corrected for them and, with kPratt, for zeros
// (Cureton 1967). Without a difference that is not zero p = 1.
TestResult wilcoxon_test(std::span<const double> differences, const WilcoxonOptions& options = {});

// Exact McNemar: of the items that one alone got right, how many went to a; two-sided binomial with p = 1/2.
TestResult mcnemar_test(std::int64_t only_a, std::int64_t only_b);

// Holm's step-down (1979): adjusted p-values in the given order. Controls the family-wise error rate under
// any dependence. nan stays nan and does not count.
std::vector<double> holm(std::span<const double> p);

struct Interval {
  double low, high;
};

// One cluster of paired observations: the sum of its differences and their number.
struct Cluster {
  double difference = 0;
  double n = 0;
};
// Percentile interval of sum(difference) / sum(n), clusters drawn with replacement by a generator seeded with
// the name alone. nan with fewer than two clusters.
Interval bootstrap_interval(std::span<const Cluster> clusters, std::string_view name, int resamples = 10000,
                            double confidence = 0.95);

struct Correlation {
  double rho = 0, low = 0, high = 0, p = 1;
  std::int64_t n = 0;
};
// Spearman's rank correlation, mean ranks for ties; p up to 8 pairs by counting all orders, where Student's t
// is far off in the tails, beyond by Student's t with n - 2; 95 % interval by Fisher's z with the variance
// (1 + rho^2 / 2) / (n - 3) of Bonett and Wright (2000). All nan with fewer than four pairs or a constant
// side. Sizes must be equal.
Correlation spearman(std::span<const double> x, std::span<const double> y);

// The same within strata: ranks are taken and centred in each stratum of S and pooled (a partial correlation
// of ranks given the stratum), so that what differs between strata counts for nothing. n - S - 1 degrees of
// freedom, and n - S + 1 for n in the interval; p is never below the chance of a perfect order. Strata of one
// pair are left out. One stratum gives spearman().
Correlation spearman_within(std::span<const double> x, std::span<const double> y,
                            std::span<const std::size_t> strata);

// Ranks from 1; ties share the mean of theirs.
std::vector<double> mean_ranks(std::span<const double> values);

}  // namespace gyre::analysis
