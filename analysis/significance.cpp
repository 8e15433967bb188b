#include "analysis/significance.h"

#include <algorithm>
#include <boost/math/distributions/binomial.hpp>
#include <boost/math/distributions/students_t.hpp>
#include <cmath>
#include <limits>
#include <numeric>

#include "core/error.h"
#include "core/seed.h"

namespace gyre::analysis {
namespace {

constexpr double kNaN = std::numeric_limits<double>::quiet_NaN();

double mean_of(std::span<const double> values) {
  return std::accumulate(values.begin(), values.end(), 0.0) / static_cast<double>(values.size());
}

// Of the mean: sample variance over n; 0 for a single value.
double variance_of_mean(std::span<const double> values) {
  const double mean = mean_of(values), n = static_cast<double>(values.size());
  double squares = 0;
  for (const double value : values) squares += (value - mean) * (value - mean);
  return n < 2 ? 0 : squares / (n - 1) / n;
}

}  // namespace

double student_p(double t, double degrees_of_freedom) {
  if (std::isnan(t) || !(degrees_of_freedom > 0)) return kNaN;
  if (std::isinf(t)) return 0;
  const boost::math::students_t distribution(degrees_of_freedom);
  return 2 * boost::math::cdf(boost::math::complement(distribution, std::abs(t)));
}

TestResult paired_t_test(std::span<const double> differences) {
  const double n = static_cast<double>(differences.size());
  if (n < 2) return {kNaN, kNaN, static_cast<std::int64_t>(n)};
  const double mean = mean_of(differences), error = std::sqrt(variance_of_mean(differences));
  if (mean == 0) return {0, 1, static_cast<std::int64_t>(n)};
  const double t = mean / error;  // infinite when all differences are equal
  return {t, student_p(t, n - 1), static_cast<std::int64_t>(n)};
}

TestResult welch_t_test(std::span<const double> a, std::span<const double> b) {
  const auto n = static_cast<std::int64_t>(a.size() + b.size());
  if (a.empty() || b.empty() || std::max(a.size(), b.size()) < 2) return {kNaN, kNaN, n};
  const double difference = mean_of(a) - mean_of(b);
  const double va = variance_of_mean(a), vb = variance_of_mean(b);
  if (difference == 0) return {0, 1, n};
  const auto share = [](double v, std::size_t size) {
    return size < 2 ? 0 : v * v / (static_cast<double>(size) - 1);
  };
  const double sum = share(va, a.size()) + share(vb, b.size());
  const double t = difference / std::sqrt(va + vb);
  return {t, sum > 0 ? student_p(t, (va + vb) * (va + vb) / sum) : 0, n};
}

TestResult mcnemar_test(std::int64_t only_a, std::int64_t only_b) {
  GYRE_ASSERT(only_a >= 0 && only_b >= 0);
  const std::int64_t n = only_a + only_b, fewer = std::min(only_a, only_b);
  const double statistic = static_cast<double>(only_a);
  if (n == 0) return {statistic, 1, n};
  const boost::math::binomial distribution(static_cast<double>(n), 0.5);
  return {statistic, std::min(1.0, 2 * boost::math::cdf(distribution, static_cast<double>(fewer))), n};
}

std::vector<double> holm(std::span<const double> p) {
  std::vector<std::size_t> order;
  for (std::size_t i = 0; i < p.size(); ++i)
    if (!std::isnan(p[i])) order.push_back(i);
  std::stable_sort(order.begin(), order.end(), [&](auto i, auto j) { return p[i] < p[j]; });
  std::vector<double> adjusted(p.begin(), p.end());
  double largest = 0;
  for (std::size_t k = 0; k < order.size(); ++k) {
    largest = std::max(largest, p[order[k]] * static_cast<double>(order.size() - k));
    adjusted[order[k]] = std::min(1.0, largest);
  }
  return adjusted;
}

Interval bootstrap_interval(std::span<const Cluster> clusters, std::string_view name, int resamples,
                            double confidence) {
  if (clusters.size() < 2) return {kNaN, kNaN};
  Rng rng(derive_seed(0, name));
  std::vector<double> means(static_cast<std::size_t>(resamples));
  for (double& mean : means) {
    double difference = 0, n = 0;
    for (std::size_t i = 0; i < clusters.size(); ++i) {
      const Cluster& cluster = clusters[rng.below(clusters.size())];
      difference += cluster.difference;
      n += cluster.n;
    }
    mean = difference / n;
  }
  std::sort(means.begin(), means.end());
  // The quantile that leaves (1 - confidence) / 2 of the resamples on its far side.
  const auto at = [&](double q) {
    const double place = q * static_cast<double>(means.size() - 1);
    const auto below = static_cast<std::size_t>(place);
    const auto above = std::min(below + 1, means.size() - 1);
    return means[below] + (place - static_cast<double>(below)) * (means[above] - means[below]);
  };
  const double tail = (1 - confidence) / 2;
  return {at(tail), at(1 - tail)};
}

}  // namespace gyre::analysis
