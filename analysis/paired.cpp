#include "analysis/paired.h"

#include <cmath>
#include <limits>

namespace gyre::analysis {
namespace {

bool same_block(const store::SampleRow& a, const store::SampleRow& b) {
  return a.window == b.window && a.block == b.block && a.n == b.n;
}

}  // namespace

std::optional<PairedDifference> paired_difference(std::span<const store::SampleRow> a,
                                                  std::span<const store::SampleRow> b) {
  if (a.empty() || a.size() != b.size()) return std::nullopt;
  PairedDifference result;
  result.by_window = a.front().window != a.back().window;  // rows come in order of window
  auto& clusters = result.clusters;
  double total = 0, count = 0;
  for (std::size_t i = 0; i < a.size(); ++i) {
    const double difference = a[i].sum - b[i].sum;
    if (!same_block(a[i], b[i]) || !std::isfinite(difference)) return std::nullopt;
    const bool continues = result.by_window && i > 0 && a[i].window == a[i - 1].window;
    if (!continues) clusters.emplace_back();
    clusters.back().difference += difference;
    clusters.back().n += static_cast<double>(a[i].n);
    total += difference;
    count += static_cast<double>(a[i].n);
  }
  if (count == 0) return std::nullopt;
  result.mean = total / count;
  result.n = static_cast<std::int64_t>(count);
  double squares = 0;
  for (const auto& cluster : clusters) {
    const double residual = cluster.difference - result.mean * cluster.n;
    squares += residual * residual;
  }
  const double w = static_cast<double>(clusters.size());
  result.std_error = clusters.size() < 2 ? std::numeric_limits<double>::quiet_NaN()
                                         : std::sqrt(w / (w - 1) * squares) / count;
  return result;
}

}  // namespace gyre::analysis
