#include "analysis/evidence.h"

#include <algorithm>
#include <cmath>
#include <map>

#include "analysis/keys.h"
#include "analysis/paired.h"

namespace gyre::analysis {
namespace {

// Where values are quantized as they come, so that a rounding error can move a code.
constexpr const char* kDynamicSites[] = {"activation", "key", "value"};

double mean_of(const std::vector<store::SampleRow>& samples) {
  double sum = 0, n = 0;
  for (const auto& block : samples) sum += block.sum, n += static_cast<double>(block.n);
  return sum / n;
}

bool amplifies_rounding(const store::RunRow& run) {
  if (setting(run, "quant.weight.scheme") != "none" && setting(run, "quant.weight.solver") == "gptq")
    return true;
  return std::any_of(std::begin(kDynamicSites), std::end(kDynamicSites), [&](const char* site) {
    const std::string prefix = std::string("quant.") + site;
    const std::string scheme = setting(run, prefix + ".scheme"), bits = setting(run, prefix + ".n_bits");
    return !scheme.empty() && scheme != "none" && bits.size() == 1 && bits <= "4";
  });
}

double text_p(const Evidence& a, const Evidence& b, const PairedDifference& paired, const std::string& test) {
  if (a.items && b.items) {
    std::int64_t only_a = 0, only_b = 0;
    for (std::size_t i = 0; i < a.samples.size(); ++i) {
      only_a += a.samples[i].sum > b.samples[i].sum;
      only_b += a.samples[i].sum < b.samples[i].sum;
    }
    return mcnemar_test(only_a, only_b).p;
  }
  if (test == "wilcoxon") {
    std::vector<double> means;
    for (const auto& cluster : paired.clusters) means.push_back(cluster.difference / cluster.n);
    return wilcoxon_test(means).p;
  }
  if (paired.mean == 0) return 1;
  return student_p(paired.mean / paired.std_error, static_cast<double>(paired.clusters.size()) - 1);
}

}  // namespace

Spread spread_of(const std::vector<std::pair<std::string, double>>& values_by_seed) {
  std::map<std::string, std::vector<double>> seeds;
  for (const auto& [seed, value] : values_by_seed) seeds[seed].push_back(value);
  Spread spread;
  double squares = 0, degrees = 0;
  for (const auto& [seed, values] : seeds) {
    double mean = 0;
    for (const double value : values) mean += value / static_cast<double>(values.size());
    for (const double value : values) squares += (value - mean) * (value - mean);
    degrees += static_cast<double>(values.size()) - 1;
    spread.seed_means.push_back(mean);
    spread.n_replicas = std::max(spread.n_replicas, static_cast<std::int64_t>(values.size()));
  }
  if (degrees > 0) spread.arithmetic_sd = std::sqrt(squares / degrees);
  if (const double n = static_cast<double>(seeds.size()); n > 1) {
    double mean = 0, sum = 0;
    for (const double value : spread.seed_means) mean += value / n;
    for (const double value : spread.seed_means) sum += (value - mean) * (value - mean);
    spread.seed_sd = std::sqrt(sum / (n - 1));
  }
  return spread;
}

std::vector<double> seed_weights(const std::vector<std::string>& seeds) {
  std::map<std::string, double> replicas;
  for (const auto& seed : seeds) ++replicas[seed];
  std::vector<double> weights;
  for (const auto& seed : seeds) weights.push_back(1 / replicas[seed] / static_cast<double>(replicas.size()));
  return weights;
}

std::optional<Evidence> gather(const store::RunStore& store, const std::vector<const store::RunRow*>& runs,
                               const std::string& metric) {
  Evidence evidence;
  std::vector<std::pair<std::string, double>> means;
  std::vector<std::string> seeds;
  for (const auto* run : runs) seeds.push_back(setting(*run, "seed"));
  const auto weights = seed_weights(seeds);
  for (std::size_t r = 0; r < runs.size(); ++r) {
    const auto samples = store.samples(runs[r]->run_id, metric);
    if (evidence.samples.empty()) {
      evidence.samples = samples;
      for (auto& block : evidence.samples) block.sum = 0;
    }
    if (!paired_difference(samples, evidence.samples)) return std::nullopt;
    for (std::size_t i = 0; i < samples.size(); ++i) evidence.samples[i].sum += samples[i].sum * weights[r];
    means.emplace_back(seeds[r], mean_of(samples));
    evidence.amplifies |= amplifies_rounding(*runs[r]);
  }
  if (runs.empty()) return std::nullopt;
  evidence.items =
      runs.size() == 1 && std::all_of(evidence.samples.begin(), evidence.samples.end(),
                                      [](const auto& s) { return s.n == 1 && (s.sum == 0 || s.sum == 1); });
  evidence.spread = spread_of(means);
  return evidence;
}

bool Difference::exceeds_floor() const {
  return std::abs(mean) > floor;
}

std::optional<Difference> difference(const Evidence& a, const Evidence& b, const std::string& test,
                                     std::optional<double> column_sd) {
  auto paired = paired_difference(a.samples, b.samples);
  if (!paired) return std::nullopt;
  Difference result;
  result.mean = paired->mean;
  result.std_error = paired->std_error;
  result.by_items = a.items && b.items;
  result.by_window = paired->by_window;
  result.p = text_p(a, b, *paired, test);
  const auto seeds = welch_t_test(a.spread.seed_means, b.spread.seed_means);
  if (!std::isnan(seeds.p)) {
    result.by_seed = true;
    result.p = std::max(result.p, seeds.p);  // nan of the text stays
  }
  double variance = 0;
  for (const auto* side : {&a, &b}) {
    const auto sd = side->spread.arithmetic_sd ? side->spread.arithmetic_sd : column_sd;
    if (sd)
      variance += *sd * *sd;
    else if (side->amplifies)
      result.floor_known = false;
  }
  result.floor = std::max(2 * std::sqrt(variance), result.floor_known ? 0 : kUnknownArithmetic);
  result.clusters = std::move(paired->clusters);
  return result;
}

}  // namespace gyre::analysis
