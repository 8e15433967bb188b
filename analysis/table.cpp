#include "analysis/table.h"

#include <algorithm>
#include <cmath>
#include <map>
#include <set>

#include "analysis/keys.h"
#include "analysis/numbers.h"
#include "analysis/pivot.h"
#include "core/error.h"
#include "core/text.h"

namespace gyre::analysis {
namespace {

int rank(const store::RunRow& run) {
  return run.status == "ok" ? 2 : run.status == "diverged" ? 1 : 0;
}

// Of several runs of one digest the best, then the newest, stands for all.
std::vector<store::RunRow> best_of_each(std::vector<store::RunRow> runs) {
  std::vector<store::RunRow> best;
  std::map<std::string, std::size_t> place;
  for (auto& run : runs) {
    const auto [it, added] = place.emplace(run.digest, best.size());
    if (added)
      best.push_back(std::move(run));
    else if (rank(run) >= rank(best[it->second]))
      best[it->second] = std::move(run);
  }
  return best;
}

std::string choose_metric(const std::vector<store::RunRow>& runs, const std::string& asked) {
  std::vector<std::string> names, perplexities;
  for (const auto& run : runs)
    for (const auto& metric : run.metrics) {
      if (std::find(names.begin(), names.end(), metric.name) != names.end()) continue;
      names.push_back(metric.name);
      if (metric.name.starts_with("ppl/")) perplexities.push_back(metric.name);
    }
  if (!asked.empty()) {
    const bool known = std::find(names.begin(), names.end(), asked) != names.end();
    GYRE_CHECK(known || names.empty(), ErrorCode::kUsage, "no run has a metric '{}'{}", asked,
               suggestion(asked, names));
    return asked;
  }
  GYRE_CHECK(
      perplexities.size() <= 1, ErrorCode::kUsage,
      "the runs have perplexities of different definition, which cannot share a table: {}; choose one with "
      "--metric",
      join(perplexities, ", "));
  GYRE_CHECK(!perplexities.empty() || names.empty(), ErrorCode::kUsage,
             "no run has a perplexity; choose a metric with --metric (known: {})", join(names, ", "));
  return perplexities.empty() ? "" : perplexities.front();
}

std::vector<std::string> names_under(const store::RunRow& run, const std::vector<std::string>& keys) {
  std::vector<std::string> names;
  for (const auto& key : keys) names.push_back(name_under(run, key));
  return names;
}

std::size_t index_of(std::vector<std::vector<std::string>>& known, std::vector<std::string> names) {
  const auto it = std::find(known.begin(), known.end(), names);
  if (it != known.end()) return static_cast<std::size_t>(it - known.begin());
  known.push_back(std::move(names));
  return known.size() - 1;
}

// The runs of one cell are repetitions of one experiment, or the table would average unlike things.
void check_repetitions(const Pivot& pivot, const std::vector<std::size_t>& members, const std::string& cell) {
  for (const auto i : members) {
    const auto& first = pivot.runs[members.front()];
    auto keys = differing_settings(first, pivot.runs[i]);
    std::erase_if(keys, is_repetition);
    GYRE_CHECK(
        keys.empty(), ErrorCode::kUsage,
        "runs {} and {} both fall into cell ({}) but differ in {}; name that among the rows or the columns",
        first.digest.substr(0, 12), pivot.runs[i].digest.substr(0, 12), cell, join(keys, ", "));
  }
}

Pivot arrange(std::vector<store::RunRow> runs, const TableOptions& options) {
  Pivot pivot;
  pivot.runs = std::move(runs);
  Table& table = pivot.table;
  table.metric = choose_metric(pivot.runs, options.metric);
  table.row_keys = options.rows;
  table.column_keys = options.columns;
  const bool by_rotation_and_bits =
      options.rows.front() == "rotation" &&
      std::find(options.columns.begin(), options.columns.end(), "bits") != options.columns.end();

  std::vector<std::vector<std::string>> row_names;
  std::map<std::pair<std::size_t, std::size_t>, std::vector<std::size_t>> members;
  // The reference goes first, wherever the plan has it.
  for (const bool reference : {true, false})
    for (std::size_t i = 0; i < pivot.runs.size(); ++i) {
      const auto& run = pivot.runs[i];
      if ((by_rotation_and_bits && is_full_precision(run)) != reference) continue;
      auto names = names_under(run, options.rows);
      if (reference) names.front() = kFullPrecision;
      const auto row = index_of(row_names, std::move(names));
      members[{row, index_of(table.columns, names_under(run, options.columns))}].push_back(i);
    }
  pivot.members.resize(row_names.size());
  for (std::size_t r = 0; r < row_names.size(); ++r) {
    table.rows.push_back({row_names[r], {}});
    for (std::size_t c = 0; c < table.columns.size(); ++c) {
      auto& cell_members = pivot.members[r].emplace_back(members[{r, c}]);
      check_repetitions(pivot, cell_members, row_name(table.rows[r]) + ", " + column_name(table, c));
      table.rows[r].cells.push_back(make_cell(members_of(pivot, r, c), table.metric));
    }
  }
  return pivot;
}

}  // namespace

std::string row_name(const Row& row) {
  return join(row.names, ", ");
}

std::string column_name(const Table& table, std::size_t column) {
  std::vector<std::string> parts;
  for (std::size_t k = 0; k < table.column_keys.size(); ++k) {
    const auto& key = table.column_keys[k];
    const auto& name = table.columns[column][k];
    parts.push_back(is_derived(key) ? name : key + "=" + name);
  }
  return join(parts, ", ");
}

Pivot make_pivot(const store::RunStore& store, const TableOptions& options) {
  GYRE_CHECK(!options.rows.empty() && !options.columns.empty(), ErrorCode::kUsage,
             "a table needs a key for its rows and one for its columns");
  auto runs = best_of_each(store.runs(options.sweep));
  GYRE_CHECK(!runs.empty(), ErrorCode::kInput, "{} has no runs yet; `gyre run` and `gyre sweep` make some",
             options.sweep.empty() ? "database " + store.path().string() : "sweep '" + options.sweep + "'");
  keep_where(runs, options.where);
  auto keys = options.rows;
  keys.insert(keys.end(), options.columns.begin(), options.columns.end());
  check_keys(runs, keys);
  GYRE_CHECK(options.test == "t" || options.test == "wilcoxon", ErrorCode::kUsage,
             "unknown test '{}'; expected t or wilcoxon", options.test);
  Pivot pivot = arrange(std::move(runs), options);
  gather_evidence(store, pivot);
  mark_best(pivot, options.test);
  if (!options.baseline.empty()) compare_with_baseline(pivot, options);
  describe(pivot, options);
  return pivot;
}

Table make_table(const store::RunStore& store, const TableOptions& options) {
  return std::move(make_pivot(store, options).table);
}

}  // namespace gyre::analysis
