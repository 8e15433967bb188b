// Tests and correlations that look at ranks alone.
#include <algorithm>
#include <boost/math/distributions/normal.hpp>
#include <cmath>
#include <limits>
#include <numeric>

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
  GYRE_ASSERT(x.size() == y.size());
  const double n = static_cast<double>(x.size());
  const auto count = static_cast<std::int64_t>(x.size());
  const Correlation none{kNaN, kNaN, kNaN, kNaN, count};
  if (n < 4) return none;
  const auto a = mean_ranks(x), b = mean_ranks(y);
  double aa = 0, bb = 0, ab = 0;
  for (std::size_t i = 0; i < a.size(); ++i) {
    const double da = a[i] - (n + 1) / 2, db = b[i] - (n + 1) / 2;
    aa += da * da;
    bb += db * db;
    ab += da * db;
  }
  if (aa == 0 || bb == 0) return none;
  const double rho = std::clamp(ab / std::sqrt(aa * bb), -1.0, 1.0);
  const double p = student_p(rho * std::sqrt((n - 2) / ((1 - rho) * (1 + rho))), n - 2);
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
