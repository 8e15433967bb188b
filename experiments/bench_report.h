// The page that `gyre bench --report` writes.
#pragma once

#include <string>
#include <vector>

#include "bench_kernels.h"

namespace gyre::bench {

struct Report {
  std::string command, version, date;
  std::vector<std::pair<std::string, std::string>> machine;  // "cpu", "AMD EPYC"
  double copy = 0;                                           // bytes per second
  std::int64_t slice_bytes = 0, slices = 0;
  std::vector<Row> rows;
  std::vector<EvalPair> eval;  // empty when it was not measured
};

// Markdown with one table per family and place (cache, memory).
std::string to_markdown(const Report& report);

}  // namespace gyre::bench
