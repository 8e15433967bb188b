// GPTQ's inner loop on tensors, through the kernel.
#pragma once

#include <torch/torch.h>

#include <span>

#include "kernels/solve_columns.h"

namespace gyre {

// The levels of one group of each row of a weight, fixed, so that single values can be rounded to them.
// Tensors are float32 (float64 for float64 weights) on the CPU.
struct Levels {
  // A uniform grid: kernels/api.h's scale and zero, [rows].
  kernels::Grid grid = kernels::Grid::kSymmetric;
  int n_bits = 0;
  torch::Tensor scale, zero;
  // Or levels of any kind, ascending: [n, rows], with the boundaries between them, [n - 1, rows]. A value
  // gets the level whose index is the number of boundaries that it reaches.
  torch::Tensor levels, boundaries;
};

// Columns of a weight [out, in], transposed: [columns, out].
struct SolvedColumns {
  torch::Tensor values;  // in the levels' dtype
  torch::Tensor codes;   // uint8
  torch::Tensor errors;  // float64
};
// weight: float64 [columns, out], as it stands before these columns; factor: float64 [columns, columns],
// upper triangular (a view will do); levels: of each column's group, all of one kind. The loop runs on the
// CPU; results are on weight's device.
SolvedColumns solve_columns(const torch::Tensor& weight, const torch::Tensor& factor,
                            std::span<const Levels* const> levels);

}  // namespace gyre
