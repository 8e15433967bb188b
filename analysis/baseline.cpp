// Paired comparison of a table's rows with a named one.
#include <algorithm>
#include <cmath>

#include "analysis/numbers.h"
#include "analysis/pivot.h"
#include "core/error.h"
#include "core/text.h"

namespace gyre::analysis {
namespace {

Comparison to_comparison(const Difference& difference, bool as_ratio, const std::string& name) {
  const Interval interval = bootstrap_interval(difference.clusters, name);
  Comparison result;
  if (as_ratio) {
    result.value = std::exp(difference.mean);
    result.std_error = result.value * difference.std_error;
    result.low = std::exp(interval.low);
    result.high = std::exp(interval.high);
  } else {
    result.value = difference.mean;
    result.std_error = difference.std_error;
    result.low = interval.low;
    result.high = interval.high;
  }
  result.p = difference.p;
  return result;
}

}  // namespace

void compare_with_baseline(Pivot& pivot, const TableOptions& options) {
  Table& table = pivot.table;
  const int sign = direction(table.metric);
  GYRE_CHECK(table.metric.empty() || sign != 0, ErrorCode::kUsage,
             "a baseline compares perplexities or accuracies; metric '{}' is none", table.metric);
  std::vector<std::string> names;
  for (const auto& row : table.rows) names.push_back(row_name(row));
  const auto it = std::find(names.begin(), names.end(), options.baseline);
  GYRE_CHECK(it != names.end(), ErrorCode::kUsage, "baseline: there is no row '{}'{}", options.baseline,
             suggestion(options.baseline, names));
  const auto base = static_cast<std::size_t>(it - names.begin());

  // Full precision is one number for all columns; any other row answers for the columns that it has.
  const auto& cells = table.rows[base].cells;
  const bool for_all = table.rows[base].names.front() == kFullPrecision;
  const auto has_value = [](const Cell& cell) { return cell.status == "ok"; };
  const auto only =
      static_cast<std::size_t>(std::find_if(cells.begin(), cells.end(), has_value) - cells.begin());

  struct Compared {
    Cell* cell;
    Difference difference;
  };
  std::vector<Compared> compared;
  std::vector<double> p;
  for (std::size_t r = 0; r < table.rows.size(); ++r)
    for (std::size_t c = 0; c < cells.size(); ++c) {
      Cell& cell = table.rows[r].cells[c];
      const std::size_t against = for_all ? only : c;
      if (r == base || !has_value(cell) || against == cells.size() || cells[against].status.empty()) continue;
      if (sign > 0 && std::min(cell.value, cells[against].value) > kCollapsed) continue;
      cell.versus = Comparison{};
      const auto &ours = pivot.evidence[r][c], &theirs = pivot.evidence[base][against];
      if (!ours || !theirs) continue;
      auto d = difference(*ours, *theirs, options.test, arithmetic_sd_of_column(pivot, c));
      if (!d) continue;
      pivot.versus.add(*d, column_name(table, c));
      cell.versus =
          to_comparison(*d, sign > 0, "table/" + table.metric + "/" + names[r] + "/" + column_name(table, c));
      p.push_back(d->p);
      compared.push_back({&cell, std::move(*d)});
    }
  const auto adjusted = holm(p);
  for (std::size_t i = 0; i < compared.size(); ++i) {
    Comparison& versus = *compared[i].cell->versus;
    versus.p_holm = adjusted[i];
    versus.significant = adjusted[i] < kSignificant && compared[i].difference.exceeds_floor();
  }
  for (auto& row : table.rows)
    for (auto& cell : row.cells)
      if (cell.versus)
        cell.versus_text = (sign < 0 ? format_difference(*cell.versus) : format_ratio(*cell.versus)) +
                           (cell.versus->significant ? "†" : "");
}

}  // namespace gyre::analysis
