#include "analysis/statistics.h"

#include <algorithm>
#include <charconv>
#include <cmath>
#include <optional>
#include <set>

#include "core/error.h"
#include "core/text.h"

namespace gyre::analysis {
namespace {

constexpr std::string_view kHistogram = "histogram/";

struct Mean {
  double sum = 0, n = 0;
  void add(double value) { sum += value, n += 1; }
  double value() const { return sum / n; }
};

std::optional<double> parse(const std::string& text) {
  double value = 0;
  const auto [end, error] = std::from_chars(text.data(), text.data() + text.size(), value);
  if (error != std::errc() || end != text.data() + text.size() || !std::isfinite(value)) return std::nullopt;
  return value;
}

// The edges in "histogram/LOW/HIGH"; nothing for any other name.
std::optional<std::pair<double, double>> edges_of(const std::string& name) {
  const auto parts = split(name, '/');
  if (parts.size() != 3 || !name.starts_with(kHistogram)) return std::nullopt;
  const auto low = parse(parts[1]), high = parse(parts[2]);
  if (!low || !high || !(*low < *high)) return std::nullopt;
  return std::pair(*low, *high);
}

}  // namespace

std::string display_name(const StatName& stat) {
  return stat.phase + " " + stat.site + ": " + stat.name;
}

RunStats layered(const std::vector<store::TensorStatRow>& rows) {
  std::map<StatName, std::map<std::int64_t, Mean>> layers;
  std::map<StatName, std::pair<Mean, Mean>> means;  // with a layer, of the whole model
  for (const auto& row : rows) {
    if (row.name.starts_with(kHistogram) || !std::isfinite(row.value)) continue;
    const StatName name{row.site, row.phase, row.name};
    auto& [in_layers, whole] = means[name];
    if (row.layer < 0) {
      whole.add(row.value);
      continue;
    }
    in_layers.add(row.value);
    layers[name][row.layer].add(row.value);
  }
  RunStats stats;
  for (const auto& [name, both] : means) {
    auto& stat = stats[name];
    stat.mean = both.first.n > 0 ? both.first.value() : both.second.value();
    for (const auto& [layer, mean] : layers[name]) stat.layers[layer] = mean.value();
  }
  return stats;
}

std::map<std::pair<std::string, std::string>, std::vector<Bin>> histograms(
    const std::vector<store::TensorStatRow>& rows) {
  std::map<std::pair<std::string, std::string>, std::map<std::pair<double, double>, Mean>> shares;
  for (const auto& row : rows)
    if (const auto edges = edges_of(row.name); edges && std::isfinite(row.value))
      shares[{row.site, row.phase}][*edges].add(row.value);
  std::map<std::pair<std::string, std::string>, std::vector<Bin>> out;
  for (const auto& [where, bins] : shares)
    for (const auto& [edges, share] : bins)
      out[where].push_back({edges.first, edges.second, share.value() / (edges.second - edges.first)});
  return out;
}

std::vector<StatCorrelation> correlate(const std::vector<const RunStats*>& stats,
                                       const std::vector<double>& changes,
                                       const std::vector<std::size_t>& strata) {
  GYRE_ASSERT(stats.size() == changes.size() && stats.size() == strata.size());
  std::set<StatName> names;
  for (const auto* run : stats)
    for (const auto& [name, stat] : *run) names.insert(name);
  std::vector<StatCorrelation> out;
  std::vector<double> p;
  for (const auto& name : names) {
    std::vector<double> x, y;
    std::vector<std::size_t> stratum;
    for (std::size_t i = 0; i < stats.size(); ++i)
      if (const auto it = stats[i]->find(name); it != stats[i]->end() && std::isfinite(changes[i])) {
        x.push_back(it->second.mean);
        y.push_back(changes[i]);
        stratum.push_back(strata[i]);
      }
    const auto correlation = spearman_within(x, y, stratum);
    if (std::isnan(correlation.rho)) continue;
    out.push_back({name, correlation});
    p.push_back(correlation.p);
  }
  const auto adjusted = holm(p);
  for (std::size_t i = 0; i < out.size(); ++i) out[i].p_holm = adjusted[i];
  std::stable_sort(out.begin(), out.end(), [](const auto& a, const auto& b) {
    if (a.correlation.p != b.correlation.p) return a.correlation.p < b.correlation.p;
    return std::abs(a.correlation.rho) > std::abs(b.correlation.rho);
  });
  return out;
}

}  // namespace gyre::analysis
