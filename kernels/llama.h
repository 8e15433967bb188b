// The elementwise parts of a LLaMA forward pass on the CPU: threaded over rows, each reads and writes its
// data once. float32, float16 and bfloat16 in and out, arithmetic in float32, one rounding at the end; sums
// run over sixteen interleaved partial sums, so every instruction set gives the same bits. Each returns 0, or
// 1 when out of memory or the dtype is float64.
#pragma once

#include <cstdint>

#include "kernels/api.h"

namespace gyre::kernels {

// out = x / sqrt(mean(x^2) + eps) * weight, per row. add, when not null, goes to x first (x is written,
// rounded).
struct RmsNormArgs {
  void* x;  // written only with add
  const void* add;
  const void* weight;  // width entries, or null
  void* out;
  std::int64_t rows, width;
  float eps;
  DType dtype;
};
int rms_norm(const RmsNormArgs& args);

// out = gate * sigmoid(gate) * up; out may be either.
struct SiluMultiplyArgs {
  const void* gate;
  const void* up;
  void* out;
  std::int64_t count;
  DType dtype;
};
int silu_multiply(const SiluMultiplyArgs& args);

// In place on x [rows, heads, 2 * half]: channels i and i + half of row r turn by the angle whose cosine and
// sine are at [r % positions, i].
struct RopeArgs {
  void* x;
  const float* cos;
  const float* sin;
  std::int64_t rows, heads, half, positions;
  DType dtype;
};
int apply_rope(const RopeArgs& args);

// One block of a row's logits into its running log-sum-exp: sum of exp(logit - max) so far. Starts from max =
// -inf, sum = 0. The logit of the row's target goes to picked when the block holds it. Not-a-number carries
// through.
struct LogSumExpArgs {
  const void* logits;           // [rows, width]
  const std::int64_t* targets;  // [rows], in the whole vocabulary
  std::int64_t first;           // vocabulary index of column 0
  float* max;
  float* sum;
  float* picked;  // [rows] each
  std::int64_t rows, width;
  DType dtype;
};
int accumulate_log_sum_exp(const LogSumExpArgs& args);

}  // namespace gyre::kernels
