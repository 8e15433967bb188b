// RFC 4180: one record per cell, lines end with CR LF.
#include <cmath>

#include "analysis/escape.h"
#include "analysis/pivot.h"
#include "analysis/render.h"
#include "core/text.h"

namespace gyre::analysis {
namespace {

std::string number(double value) {
  return std::isfinite(value) ? format_number(value) : "";
}

}  // namespace

std::string render_csv(const Table& table) {
  std::vector<std::string> header = table.row_keys;
  header.insert(header.end(), table.column_keys.begin(), table.column_keys.end());
  const std::string versus = direction(table.metric) < 0 ? "difference" : "ratio";
  for (const auto& name :
       split("metric,value,std_error,n,n_runs,n_seeds,seed_spread,n_replicas,"
             "arithmetic_spread,status,standing," +
                 versus + "," + versus + "_std_error," + versus + "_low," + versus + "_high,p,p_holm,runs",
             ','))
    header.push_back(name);
  std::string out = csv_record(header);
  for (const auto& row : table.rows)
    for (std::size_t c = 0; c < row.cells.size(); ++c) {
      const Cell& cell = row.cells[c];
      if (cell.status.empty()) continue;
      std::vector<std::string> fields = row.names;
      fields.insert(fields.end(), table.columns[c].begin(), table.columns[c].end());
      const Comparison against = cell.versus.value_or(Comparison{});
      const auto count = [](std::int64_t n) { return n > 0 ? std::to_string(n) : ""; };
      for (auto&& text : {table.metric, number(cell.value), number(cell.std_error), count(cell.n),
                          std::to_string(cell.runs.size()), count(cell.n_seeds), number(cell.seed_spread),
                          count(cell.n_replicas), number(cell.arithmetic_spread), cell.status,
                          std::string(standing_name(cell.standing)), number(against.value),
                          number(against.std_error), number(against.low), number(against.high),
                          number(against.p), number(against.p_holm), join(cell.runs, " ")})
        fields.push_back(text);
      out += csv_record(fields);
    }
  return out;
}

}  // namespace gyre::analysis
