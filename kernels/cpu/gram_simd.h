// The entry points of gram_simd.cpp, for processors with AVX512-BF16.
#pragma once

#include <cstdint>

namespace gyre::kernels::avx512bf16 {

inline constexpr std::int64_t kGramPanel = 48;   // columns: three registers
inline constexpr std::int64_t kGramTile = 8;     // rows of the sum at once: 24 registers of sums
inline constexpr std::int64_t kGramPairs = 256;  // pairs of rows of x: a panel of them fills 48 KiB

// Columns begin.. of x [rows, width] in pairs of rows: panel[p, j] = x[2p, begin + j], x[2p + 1, begin + j],
// zero beyond x. rows at most 2 kGramPairs. panel: [kGramPairs, kGramPanel] pairs, aligned to 64 bytes.
void gram_pack(const std::uint16_t* x, std::int64_t rows, std::int64_t width, std::int64_t begin,
               std::uint32_t* panel);

// sum[i, j] += a[:, i] . b[:, j] over pairs, for i < n_rows (at most kGramTile) and j < n_columns (at most
// kGramPanel). a points at the first of its columns in a panel; stride: of sum.
void gram_tile(const std::uint32_t* a, const std::uint32_t* b, std::int64_t pairs, float* sum,
               std::int64_t stride, std::int64_t n_rows, std::int64_t n_columns);

}  // namespace gyre::kernels::avx512bf16
