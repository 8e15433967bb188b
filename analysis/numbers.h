// Numbers as a table shows them.
#pragma once

#include <string>

#include "analysis/table.h"

namespace gyre::analysis {

// Perplexities and the like: 2 decimals below 100, fewer above, 1.2e5 from 10000 on; 3 significant digits
// below 1.
std::string format_value(double value);
// value ± error, the error with the value's decimals, or with one significant digit where those show nothing.
// Without the error when it is zero (none is known) or not finite.
std::string format_with_error(double value, double error);
// "×0.948 ± 0.006"; "×n/a" without a value.
std::string format_ratio(const Comparison& ratio);
// "+1.3 ± 0.4" in points of per cent; "n/a" without a value.
std::string format_difference(const Comparison& difference);

}  // namespace gyre::analysis
