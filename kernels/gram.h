// Second moments of narrow rows, summed in float32: what GPTQ's Hessian is made of.
#pragma once

#include <cstdint>

namespace gyre::kernels {

// sum[i, j] += sum over rows t of x[t, i] x[t, j], for j >= i; what lies below the diagonal may change too.
// Products of bfloat16 are exact in float32; each entry sums pairs of rows in order within 512 rows, and
// those sums onto what is there, whatever the number of threads. Subnormal values count as zero.
struct GramArgs {
  const void* x;  // bfloat16 [rows, width], contiguous
  std::int64_t rows, width;
  float* sum;  // [width, width], contiguous
};
// CPU, threaded. Returns 0; 1 when out of memory or where the processor has no products of bfloat16.
int add_gram(const GramArgs& args);
bool has_gram();

}  // namespace gyre::kernels
