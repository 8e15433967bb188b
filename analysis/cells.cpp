// One cell out of its runs.
#include <fmt/format.h>

#include <algorithm>
#include <cmath>
#include <map>

#include "analysis/evidence.h"
#include "analysis/keys.h"
#include "analysis/numbers.h"
#include "analysis/pivot.h"
#include "core/text.h"

namespace gyre::analysis {
namespace {

// What a cell without a value says; of several runs the gravest.
std::string gravest(const std::map<std::string, int>& statuses) {
  for (const char* status : {"diverged", "failed", "no metric", "running", "interrupted", "pending"})
    if (statuses.contains(status)) return status;
  return "";
}

bool has_value(const store::RunRow& run, const std::string& metric) {
  const auto* found = find_metric(run, metric);
  return run.status == "ok" && found && std::isfinite(found->value);
}

void add_seconds(Cell& cell, const store::RunRow& run) {
  for (const auto& stage : run.stages) {
    const auto same = [&](const auto& entry) { return entry.first == stage.name; };
    const auto it = std::find_if(cell.seconds.begin(), cell.seconds.end(), same);
    it == cell.seconds.end() ? void(cell.seconds.emplace_back(stage.name, stage.seconds))
                             : void(it->second += stage.seconds);
  }
}

// "3 seeds, sd 1.00; 2 replicas, sd 0.31; 1 failed"
std::string remark(const Cell& cell, std::size_t n_members, const std::map<std::string, int>& others) {
  std::vector<std::string> parts;
  if (cell.n_seeds > 1)
    parts.push_back(fmt::format("{} seeds, sd {}", cell.n_seeds, format_value(cell.seed_spread)));
  if (cell.n_replicas > 1)
    parts.push_back(fmt::format("{} replicas, sd {}", cell.n_replicas, format_value(cell.arithmetic_spread)));
  if (parts.empty()) parts.push_back(fmt::format("{} of {} runs", cell.runs.size(), n_members));
  for (const auto& [status, n] : others) parts.push_back(fmt::format("{} {}", n, status));
  return join(parts, "; ");
}

}  // namespace

const store::MetricRow* find_metric(const store::RunRow& run, const std::string& name) {
  for (const auto& metric : run.metrics)
    if (metric.name == name) return &metric;
  return nullptr;
}

std::vector<const store::RunRow*> members_of(const Pivot& pivot, std::size_t row, std::size_t column) {
  std::vector<const store::RunRow*> runs;
  for (const auto i : pivot.members[row][column]) runs.push_back(&pivot.runs[i]);
  return runs;
}

Cell make_cell(const std::vector<const store::RunRow*>& members, const std::string& metric) {
  Cell cell;
  std::vector<std::pair<std::string, double>> values;
  std::map<std::string, int> others;
  std::vector<std::string> seeds;
  std::vector<double> errors;
  for (const auto* run : members) {
    const auto* found = find_metric(*run, metric);
    if (!has_value(*run, metric)) {
      ++others[run->status != "ok" ? run->status : found ? "diverged" : "no metric"];
      continue;
    }
    seeds.push_back(setting(*run, "seed"));
    values.emplace_back(seeds.back(), found->value);
    errors.push_back(found->std_error);
    cell.n = found->n;
    cell.runs.push_back(run->digest);
    add_seconds(cell, *run);
  }
  if (values.empty()) {
    cell.status = cell.text = gravest(others);
    return cell;
  }
  const auto weights = seed_weights(seeds);
  const Spread spread = spread_of(values);
  cell.status = "ok";
  cell.value = cell.std_error = 0;
  for (std::size_t i = 0; i < values.size(); ++i) {
    cell.value += weights[i] * values[i].second;
    cell.std_error += weights[i] * errors[i];
  }
  cell.n_seeds = static_cast<std::int64_t>(spread.seed_means.size());
  cell.n_replicas = spread.n_replicas;
  cell.seed_spread = spread.seed_sd.value_or(kNoValue);
  cell.arithmetic_spread = spread.arithmetic_sd.value_or(kNoValue);
  cell.text = format_with_error(cell.value, cell.std_error);
  if (members.size() > 1) cell.text += " [" + remark(cell, members.size(), others) + "]";
  return cell;
}

void gather_evidence(const store::RunStore& store, Pivot& pivot) {
  for (std::size_t r = 0; r < pivot.table.rows.size(); ++r) {
    auto& row = pivot.evidence.emplace_back();
    for (std::size_t c = 0; c < pivot.table.columns.size(); ++c) {
      auto runs = members_of(pivot, r, c);
      std::erase_if(runs, [&](const auto* run) { return !has_value(*run, pivot.table.metric); });
      row.push_back(gather(store, runs, pivot.table.metric));
    }
  }
}

}  // namespace gyre::analysis
