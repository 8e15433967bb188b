// The inner loop of GPTQ (Frantar et al., 2023, algorithm 1): the columns of a weight are rounded one after
// the other, and each one's error moves onto the columns behind it.
#pragma once

#include <cstdint>

#include "kernels/api.h"

namespace gyre::kernels {

// Everything is transposed, so that a column of the weight is contiguous. For column j in order, with U =
// factor:
//   w_j = weight[j] - sum over i < j of U[i, j] errors[i];  value = its nearest level;  errors[j] = (w_j -
//   value) / U[j, j].
// Sums run over i in order, in float64; w_j is rounded to dtype, then to a level in dtype's arithmetic, which
// on a uniform grid is that of fake quantization (api.h).
struct SolveColumnsArgs {
  std::int64_t columns, rows;
  const double* weight;  // [columns, rows]
  const double* factor;  // upper triangular; entry (i, j) at i * factor_stride + j
  std::int64_t factor_stride;
  DType dtype;  // kF32 or kF64
  // A uniform grid: for each column a pointer to the scales of its rows and to what FakeQuantArgs calls zero.
  Grid grid;
  int n_bits;
  const void* const* scale;
  const void* const* zero;
  // Or, where boundaries is not null, levels of any kind: for each column a pointer to [n_levels, rows]
  // levels and to [n_levels - 1, rows] boundaries, ascending. A value gets the level whose index is the
  // number of boundaries <= it.
  int n_levels;
  const void* const* levels;
  const void* const* boundaries;
  double* errors;       // [columns, rows], out
  void* values;         // [columns, rows], out
  std::uint8_t* codes;  // [columns, rows], out
};
// CPU, threaded over rows, the same bits on every instruction set. Returns 0; 1 when out of memory or the
// dtype is another.
int solve_columns(const SolveColumnsArgs& args);

}  // namespace gyre::kernels
