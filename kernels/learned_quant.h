// Fake quantization with parameters that are given instead of made from the data, forward and backward, one
// pass each way: learned levels (LDP, LWC) and learned steps (LSQ). Values are kF32 or kF64, in groups of
// neighbours; parameters are of the same dtype, one set a group.
//
// CPU, threaded over groups. Values and codes have the same bits on every instruction set; sums of gradients
// are added in an order that depends on it. Functions return 0; 1 for another dtype.
#pragma once

#include <cstdint>

#include "kernels/api.h"

namespace gyre::kernels {

// Smallest and largest value of each group; both NaN where the group holds a NaN or an infinity.
struct GroupRangeArgs {
  const void* x;  // [groups, group]
  std::int64_t groups, group;
  DType dtype;
  void *lo, *hi;  // [groups]
};
int group_range(const GroupRangeArgs& args);

// Knots k_0 <= ... <= k_(n-1) part the line at their midpoints; a value's code is the number of midpoints
// that are <= it (a tie goes up), its value levels[code]. Where knots are NaN the code is 0.
struct LevelQuantArgs {
  const void* x;  // [groups, group]
  std::int64_t groups, group;
  int n_levels;        // 2 to 256
  const void* knots;   // [groups, n_levels]
  const void* levels;  // [groups, n_levels]
  DType dtype;
  void* out;            // [groups, group], or null
  std::uint8_t* codes;  // [groups, group], or null
};
int level_quant(const LevelQuantArgs& args);

// With g the gradient of the values:
//   grad_x_i       = g_i where k_0 < x_i < k_(n-1), or where they are equal; else 0
//   grad_levels_c  = sum of g_i over values with code c
//   grad_knots_j   = -sum of g_i phi_j(x_i) over values with k_0 < x_i < k_(n-1), phi_j the hat function
//                    that is 1 at k_j and 0 at the other knots
struct LevelQuantBackwardArgs {
  LevelQuantArgs forward;  // levels, out and codes are not read
  const void* gradient;    // [groups, group]
  void* grad_x;            // [groups, group]
  void* grad_levels;       // [groups, n_levels]
  void* grad_knots;        // [groups, n_levels], or null
};
int level_quant_backward(const LevelQuantBackwardArgs& args);

// Levels (lowest + code) step, code 0 to 2^n_bits - 1: code = round(x / step - lowest), clamped; rounding to
// nearest, ties to even; "/ step" is a product with 1 / step. A step <= 0 counts as 0. A group with a NaN or
// an infinity comes out as NaN, codes 0.
struct StepQuantArgs {
  const void* x;  // [groups, group]
  std::int64_t groups, group;
  int n_bits;
  double lowest;     // a multiple of 1/2
  double margin;     // how far beyond the outermost levels, in steps, a value still counts as rounded
  const void* step;  // [groups]
  DType dtype;
  void* out;            // [groups, group], or null
  std::uint8_t* codes;  // [groups, group], or null
  void* scale;          // [groups] or null, out: the step used, NaN where the group is not finite
};
int step_quant(const StepQuantArgs& args);

// With u = x / step, q = lowest + code and "inside" meaning lowest - margin < u < highest + margin:
//   grad_x = g inside, 0 outside;  grad_step = sum of g (q - u inside, q outside).
struct StepQuantBackwardArgs {
  StepQuantArgs forward;  // out, codes and scale are not used
  const void* gradient;   // [groups, group]
  void* grad_x;           // [groups, group]
  void* grad_step;        // [groups]
};
int step_quant_backward(const StepQuantBackwardArgs& args);

}  // namespace gyre::kernels
