// Every two rows of a table against each other. Private to analysis.
#pragma once

#include <string>
#include <vector>

#include "analysis/pivot.h"

namespace gyre::analysis {

struct RowPair {
  std::size_t column, a, b;  // a, b: rows, a above b
  Difference difference;     // a minus b
  double p_holm = kNoValue;
  bool told = false;  // significant, and more than arithmetic may be
};

// In each column every two finished rows that pair and are not both collapsed, column by column; Holm over
// all of them. Judged as make_table() judges. test: "t" or "wilcoxon".
std::vector<RowPair> row_pairs(const Pivot& pivot, const std::string& test);

}  // namespace gyre::analysis
