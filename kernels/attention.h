// Causal softmax attention on the CPU, tile by tile, so that the scores never exist as a whole (the scheme of
// FlashAttention-2). Reads and writes the layout of the projections, so nothing is transposed around it.
#pragma once

#include <cstdint>

#include "kernels/api.h"

namespace gyre::kernels {

// out[b, t, h] = sum over s <= t of softmax(scale q[b, t, h] . k[b, s, g])_s v[b, s, g] with g = h * kv_heads
// / heads. q, out: [batch, length, heads, dim]; k, v: [batch, length, kv_heads, dim], contiguous; heads a
// multiple of kv_heads, dim even. Scores, softmax and sums in float32; products of bfloat16 in pairs with
// float32 sums where the processor has AVX512-BF16 (weights rounded to bfloat16 then), in float32 otherwise.
struct AttentionArgs {
  const void* q;
  const void* k;
  const void* v;
  void* out;
  std::int64_t batch, length, heads, kv_heads, dim;
  float scale;
  DType dtype;  // float32, float16, bfloat16
};
// 0, or 1 when out of memory or the dtype is float64.
int causal_attention(const AttentionArgs& args);

}  // namespace gyre::kernels
