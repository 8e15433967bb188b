// ggml's block formats to float32: whole blocks in, block_values(format) values each out.
//
// d, m, dmin are float16; q are codes; products and sums are rounded to float32 one by one, from the left.
//   Q4_0: d (q - 8)   Q4_1: d q + m   Q5_0: d (q - 16)   Q5_1: d q + m   Q8_0: d q       32 values a block
//   Q4_K: (d s) q - (dmin t), 6-bit s and t per 32 values   Q6_K: (d s) (q - 32), 8-bit s per 16       256
//   values
#pragma once

#include <cstddef>
#include <cstdint>

namespace gyre::format {

void dequantize_q4_0(const std::byte* in, float* out, std::int64_t blocks);
void dequantize_q4_1(const std::byte* in, float* out, std::int64_t blocks);
void dequantize_q5_0(const std::byte* in, float* out, std::int64_t blocks);
void dequantize_q5_1(const std::byte* in, float* out, std::int64_t blocks);
void dequantize_q8_0(const std::byte* in, float* out, std::int64_t blocks);
void dequantize_q4_k(const std::byte* in, float* out, std::int64_t blocks);
void dequantize_q6_k(const std::byte* in, float* out, std::int64_t blocks);

}  // namespace gyre::format
