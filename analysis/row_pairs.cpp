#include "analysis/row_pairs.h"

#include <algorithm>

namespace gyre::analysis {

std::vector<RowPair> row_pairs(const Pivot& pivot, const std::string& test) {
  const auto& rows = pivot.table.rows;
  std::vector<RowPair> pairs;
  std::vector<double> p;
  for (std::size_t c = 0; c < pivot.table.columns.size(); ++c)
    for (std::size_t a = 0; a < rows.size(); ++a)
      for (std::size_t b = a + 1; b < rows.size(); ++b) {
        const auto &left = pivot.evidence[a][c], &right = pivot.evidence[b][c];
        if (!left || !right) continue;
        if (direction(pivot.table.metric) > 0 &&
            std::min(rows[a].cells[c].value, rows[b].cells[c].value) > kCollapsed)
          continue;
        auto found = difference(*left, *right, test, arithmetic_sd_of_column(pivot, c));
        if (!found) continue;
        p.push_back(found->p);
        pairs.push_back({c, a, b, std::move(*found)});
      }
  const auto adjusted = holm(p);
  for (std::size_t i = 0; i < pairs.size(); ++i) {
    pairs[i].p_holm = adjusted[i];
    pairs[i].told = adjusted[i] < kSignificant && pairs[i].difference.exceeds_floor();
  }
  return pairs;
}

}  // namespace gyre::analysis
