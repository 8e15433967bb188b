// The entry point that solve_columns_simd.cpp compiles to, one per instruction set: a range of rows.
#pragma once

#include "kernels/solve_columns.h"

namespace gyre::kernels {

// Rows that are worked on at once: the errors of 64 columns of them fill 32 KiB.
inline constexpr std::int64_t kSolveTile = 64;

// scratch: columns * kSolveTile values, aligned to 64 bytes.
#define GYRE_DECLARE_SOLVE_COLUMNS \
  void solve_columns(const SolveColumnsArgs& args, std::int64_t begin, std::int64_t end, double* scratch);
namespace avx512 {
GYRE_DECLARE_SOLVE_COLUMNS
}
namespace avx2 {
GYRE_DECLARE_SOLVE_COLUMNS
}
namespace scalar {
GYRE_DECLARE_SOLVE_COLUMNS
}
#undef GYRE_DECLARE_SOLVE_COLUMNS

}  // namespace gyre::kernels
