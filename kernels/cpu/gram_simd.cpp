#include "kernels/cpu/gram_simd.h"

#include <immintrin.h>

#include <algorithm>

namespace gyre::kernels::avx512bf16 {
namespace {

constexpr std::int64_t kLanes = 16;
constexpr std::int64_t kRegisters = kGramPanel / kLanes;

__mmask16 first_lanes(std::int64_t n) {
  return static_cast<__mmask16>((1u << std::clamp<std::int64_t>(n, 0, kLanes)) - 1);
}

}  // namespace

void gram_pack(const std::uint16_t* x, std::int64_t rows, std::int64_t width, std::int64_t begin,
               std::uint32_t* panel) {
  for (std::int64_t t = 0; t < rows; t += 2)
    for (std::int64_t k = 0; k < kRegisters; ++k, panel += kLanes) {
      const auto column = begin + k * kLanes;
      const auto mask = first_lanes(width - column);
      const auto load = [&](std::int64_t row, __mmask16 m) {
        return _mm512_cvtepu16_epi32(_mm256_maskz_loadu_epi16(m, x + row * width + column));
      };
      const auto second = t + 1 < rows ? load(t + 1, mask) : _mm512_setzero_si512();
      _mm512_store_si512(panel, _mm512_or_si512(load(t, mask), _mm512_slli_epi32(second, 16)));
    }
}

void gram_tile(const std::uint32_t* a, const std::uint32_t* b, std::int64_t pairs, float* sum,
               std::int64_t stride, std::int64_t n_rows, std::int64_t n_columns) {
  __m512 sums[kGramTile][kRegisters];
#pragma GCC unroll 8
  for (auto& row : sums)
#pragma GCC unroll 3
    for (auto& s : row) s = _mm512_setzero_ps();
  for (std::int64_t p = 0; p < pairs; ++p, a += kGramPanel, b += kGramPanel) {
    __m512bh columns[kRegisters];
#pragma GCC unroll 3
    for (std::int64_t k = 0; k < kRegisters; ++k)
      columns[k] = reinterpret_cast<__m512bh>(_mm512_load_si512(b + k * kLanes));
#pragma GCC unroll 8
    for (std::int64_t i = 0; i < kGramTile; ++i) {
      const auto row = reinterpret_cast<__m512bh>(_mm512_set1_epi32(static_cast<int>(a[i])));
#pragma GCC unroll 3
      for (std::int64_t k = 0; k < kRegisters; ++k)
        sums[i][k] = _mm512_dpbf16_ps(sums[i][k], row, columns[k]);
    }
  }
#pragma GCC unroll 8
  for (std::int64_t i = 0; i < kGramTile; ++i) {
    if (i >= n_rows) break;
#pragma GCC unroll 3
    for (std::int64_t k = 0; k < kRegisters; ++k) {
      const auto mask = first_lanes(n_columns - k * kLanes);
      float* out = sum + i * stride + k * kLanes;
      _mm512_mask_storeu_ps(out, mask, _mm512_add_ps(_mm512_maskz_loadu_ps(mask, out), sums[i][k]));
    }
  }
}

}  // namespace gyre::kernels::avx512bf16
