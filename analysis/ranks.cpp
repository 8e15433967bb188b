// Tests and correlations that look at ranks alone.
#include <algorithm>
#include <boost/math/distributions/normal.hpp>
#include <cmath>
#include <limits>
#include <map>
#include <numeric>
#include <utility>

#include "analysis/significance.h"
#include "core/error.h"

namespace gyre::analysis {
namespace {

constexpr double kNaN = std::numeric_limits<double>::quiet_NaN();

double normal_p(double z) {
  return 2 * boost::math::cdf(boost::math::complement(boost::math::normal(), std::abs(z)));
}

// Twice the chance that the ranks of one sign sum to at most `sum`, each sign a fair coin. Counts twice the
// sum of ranks, which is whole even with ties.
double exact_signed_rank_p(std::span<const double> ranks, double sum) {
  std::vector<double> chance(1, 1.0);
  for (const double rank : ranks) {
    const auto step = static_cast<std::size_t>(std::lround(2 * rank));
    std::vector<double> next(chance.size() + step, 0.0);
    for (std::size_t s = 0; s < chance.size(); ++s) {
      next[s] += chance[s] / 2;
      next[s + step] += chance[s] / 2;
    }
    chance = std::move(next);
  }
  const auto end = static_cast<std::ptrdiff_t>(std::lround(2 * sum)) + 1;
  return std::min(1.0, 2 * std::accumulate(chance.begin(), chance.begin() + end, 0.0));
}

// What ties take from the variance of a sum of signed ranks, times 24.
double tie_correction(std::vector<double> ranks) {
  std::sort(ranks.begin(), ranks.end());
  double correction = 0;
  for (std::size_t first = 0, next = 0; first < ranks.size(); first = next) {
    while (next < ranks.size() && ranks[next] == ranks[first]) ++next;
    const double ties = static_cast<double>(next - first);
    correction += ties * (ties * ties - 1) / 2;
  }
  return correction;
}

// The largest number of pairs whose orders are all counted.
constexpr std::size_t kExactPairs = 8;

double dot(std::span<const double> a, std::span<const double> b) {
  return std::inner_product(a.begin(), a.end(), b.begin(), 0.0);
}

// The share of all orders of b whose product with a is as far from zero. Both are centred ranks, so that
// products are exact multiples of 1/4.
double exact_order_p(std::span<const double> a, std::vector<double> b) {
  const double observed = std::abs(dot(a, b));
  std::sort(b.begin(), b.end());
  double as_far = 0, all = 0;
  do {
    as_far += std::abs(dot(a, b)) >= observed;
    all += 1;
  } while (std::next_permutation(b.begin(), b.end()));
  return as_far / all;
}

std::vector<double> centred_ranks(std::span<const double> values) {
  auto ranks = mean_ranks(values);
  for (double& rank : ranks) rank -= (static_cast<double>(values.size()) + 1) / 2;
  return ranks;
}

}  // namespace

std::vector<double> mean_ranks(std::span<const double> values) {
  std::vector<std::size_t> order(values.size());
  std::iota(order.begin(), order.end(), 0);
  std::stable_sort(order.begin(), order.end(), [&](auto i, auto j) { return values[i] < values[j]; });
  std::vector<double> ranks(values.size());
  for (std::size_t first = 0, last = 0; first < order.size(); first = last) {
    while (last < order.size() && values[order[last]] == values[order[first]]) ++last;
    for (std::size_t k = first; k < last; ++k) ranks[order[k]] = 0.5 * static_cast<double>(first + last + 1);
  }
  return ranks;
}

Correlation spearman(std::span<const double> x, std::span<const double> y) {
  return spearman_within(x, y, std::vector<std::size_t>(x.size(), 0));
}

Correlation spearman_within(std::span<const double> x, std::span<const double> y,
                            std::span<const std::size_t> strata) {
  GYRE_ASSERT(x.size() == y.size() && x.size() == strata.size());
  std::map<std::size_t, std::pair<std::vector<double>, std::vector<double>>> values;
  for (std::size_t i = 0; i < x.size(); ++i) {
    values[strata[i]].first.push_back(x[i]);
    values[strata[i]].second.push_back(y[i]);
  }
  std::erase_if(values, [](const auto& stratum) { return stratum.second.first.size() < 2; });
  std::vector<double> a, b;
  double fewest = 2;  // chance of a perfect order, either way
  for (const auto& [stratum, sides] : values) {
    const auto left = centred_ranks(sides.first), right = centred_ranks(sides.second);
    a.insert(a.end(), left.begin(), left.end());
    b.insert(b.end(), right.begin(), right.end());
    fewest /= std::tgamma(static_cast<double>(left.size()) + 1);
  }
  // As many as of one stratum with the same degrees of freedom.
  const double n = static_cast<double>(a.size()) - static_cast<double>(values.size()) + 1;
  const double aa = dot(a, a), bb = dot(b, b), ab = dot(a, b);
  const auto count = static_cast<std::int64_t>(a.size());
  if (n < 4 || aa == 0 || bb == 0) return {kNaN, kNaN, kNaN, kNaN, count};
  const double rho = std::clamp(ab / std::sqrt(aa * bb), -1.0, 1.0);
  const double p =
      values.size() == 1 && a.size() <= kExactPairs
          ? exact_order_p(a, b)
          : std::max(fewest, student_p(rho * std::sqrt((n - 2) / ((1 - rho) * (1 + rho))), n - 2));
  if (std::abs(rho) == 1) return {rho, rho, rho, p, count};
  const double half = 1.959963984540054 * std::sqrt((1 + rho * rho / 2) / (n - 3));
  return {rho, std::tanh(std::atanh(rho) - half), std::tanh(std::atanh(rho) + half), p, count};
}

TestResult wilcoxon_test(std::span<const double> differences, const WilcoxonOptions& options) {
  using Zeros = WilcoxonOptions::Zeros;
  using Method = WilcoxonOptions::Method;
  std::vector<double> kept, sizes;
  for (const double d : differences)
    if (d != 0 || options.zeros != Zeros::kDiscard) {
      kept.push_back(d);
      sizes.push_back(std::abs(d));
    }
  const auto ranks = mean_ranks(sizes);
  std::vector<double> signed_ranks;  // those of differences that are not zero
  double plus = 0, minus = 0, shared = 0;
  for (std::size_t i = 0; i < kept.size(); ++i) {
    (kept[i] > 0 ? plus : kept[i] < 0 ? minus : shared) += ranks[i];
    if (kept[i] != 0) signed_ranks.push_back(ranks[i]);
  }
  const bool split = options.zeros == Zeros::kSplit;
  const double statistic = std::min(plus, minus) + (split ? shared / 2 : 0);
  const auto n = static_cast<std::int64_t>(signed_ranks.size());
  if (n == 0) return {statistic, 1, 0};
  const bool has_zeros = signed_ranks.size() < kept.size();
  const bool exact =
      options.method == Method::kExact || (options.method == Method::kAuto && n <= 50 && !has_zeros);
  GYRE_ASSERT(!(exact && split && has_zeros));
  if (exact) return {statistic, exact_signed_rank_p(signed_ranks, statistic), n};

  const double count = static_cast<double>(kept.size()), zeros = count - static_cast<double>(n);
  double mean = count * (count + 1) / 4, variance = count * (count + 1) * (2 * count + 1);
  if (options.zeros == Zeros::kPratt) {
    mean -= zeros * (zeros + 1) / 4;
    variance -= zeros * (zeros + 1) * (2 * zeros + 1);
  }
  variance -= tie_correction(split ? ranks : signed_ranks);
  const double away = statistic - mean;
  const double shift = options.continuity && away != 0 ? std::copysign(0.5, away) : 0;
  return {statistic, normal_p((away - shift) / std::sqrt(variance / 24)), n};
}

}  // namespace gyre::analysis
