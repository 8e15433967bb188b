// What the tensor-core Hadamard kernels share: their arguments, fragments, the transform of one tile, and
// output.
//
// Float32-grade error from 16-bit operands: products by +-2^k are exact and sums are kept in float32; what
// the first MMA hands to the second travels as two F16, the rounded value and the rounded rest, 22 bits in
// all. F16 has a narrow range, so each block (or warp's part of a block) is first scaled by a power of two
// that puts its largest value near the upper end, and scaled back in float32: exact both ways.
#pragma once

#include "kernels/api.h"
#include "kernels/cuda/levels.cuh"
#include "kernels/cuda/machine.cuh"

namespace gyre::kernels::cuda {

struct MmaArgs {
  const void* x;
  void* out;  // of the transform alone; unused when quantizing
  std::int64_t blocks, blocks_per_row;
  int block, base, log2;  // block = base 2^log2
  int warps;              // that share one block
  const std::int8_t* base_matrix;
  const std::int32_t* order;
  const std::int8_t* signs;
  float scale;
  bool transposed;
  FakeQuantArgs quant;   // when quantizing: group = block; x is unused
  std::uint8_t* packed;  // 4-bit codes, two in a byte, the first in its lower half; or null
};

// A of an MMA that transforms the index bits in `mask`; entries +-value (bits of a 16-bit float) and 0.
GYRE_DEVICE void hadamard_fragment(Word (&a)[4], int lane, int mask, Word value) {
  GYRE_UNROLL
  for (int reg = 0; reg < 4; ++reg) {
    a[reg] = 0;
    GYRE_UNROLL
    for (int e = 0; e < 2; ++e) {
      const int sign = entry(a_row(lane, reg), a_column(lane, reg, e), mask);
      if (sign != 0) a[reg] |= (sign < 0 ? value | 0x8000u : value) << 16 * e;
    }
  }
}

// The same for all four bits. Rows and columns below and above 8 differ in the sign of one quarter only.
GYRE_DEVICE void full_fragment(Word (&a)[4], int lane, Word value) {
  const Word even = 0x6996 >> (lane / 4 & lane % 4 * 2) & 1, odd = even ^ (lane / 4 & 1);
  a[0] = a[1] = a[2] = value * 0x10001u | even << 15 | odd << 31;
  a[3] = a[0] ^ 0x80008000u;
}

// Two float32 as two pairs of F16: hi + lo. The rest of an infinity must not become NaN.
GYRE_DEVICE void split(float a, float b, Word& hi, Word& lo) {
  hi = pack<F16>(a, b);
  lo = without_nan(pack<F16>(a - low_of<F16>(hi), b - high_of<F16>(hi)));
}

// y[i] = the transform's value 8 lane + i of a tile, from the same of x.
template <class F>
GYRE_DEVICE void transform_tile(const Quad& x, const Word (&first)[4], const Word (&second)[4],
                                float (&y)[kLaneValues]) {
  float c[2][4], d[2][4];
  GYRE_UNROLL
  for (int bit2 = 0; bit2 < 2; ++bit2) multiply_tile<F>(c[bit2], first, x.w[2 * bit2], x.w[2 * bit2 + 1]);
  GYRE_UNROLL
  for (int bit1 = 0; bit1 < 2; ++bit1) {
    Word hi[2], lo[2];
    GYRE_UNROLL
    for (int bit2 = 0; bit2 < 2; ++bit2) split(c[bit2][2 * bit1], c[bit2][2 * bit1 + 1], hi[bit2], lo[bit2]);
    multiply_tile<F16>(d[bit1], second, lo[0], lo[1]);
    multiply_add<F16>(d[bit1], second, hi[0], hi[1]);
    GYRE_UNROLL
    for (int reg = 0; reg < 4; ++reg) y[(reg & 1) | bit1 << 1 | (reg >> 1) << 2] = d[bit1][reg];
  }
}

// The sign bits of two 16-bit floats from the lower two bytes, entries of +-1.
GYRE_DEVICE Word sign_bits(Word pair) {
  return (pair << 8 & 0x8000u) | (pair << 16 & 0x80000000u);
}
// Changes the signs of the values that go with 8 entries of +-1.
GYRE_DEVICE void flip(Quad& x, const std::int8_t* signs) {
  const Duo s = *reinterpret_cast<const Duo*>(signs);
  GYRE_UNROLL
  for (int j = 0; j < 4; ++j) x.w[j] ^= sign_bits(s.w[j >> 1] >> 16 * (j & 1));
}

template <class F>
GYRE_DEVICE Word largest_magnitude(const Quad& x, Word m) {
  GYRE_UNROLL
  for (int j = 0; j < 4; ++j) m = larger_magnitude<F>(m, x.w[j]);
  return m;
}
// The larger half, as a 16-bit pattern: of magnitudes the order of the bits is that of the values, NaN above
// all.
GYRE_DEVICE Word larger_half(Word m) {
  return (m & 0xffffu) > m >> 16 ? m & 0xffffu : m >> 16;
}

template <class F>
GYRE_DEVICE Quad pack_values(const float (&y)[kLaneValues], float factor) {
  Quad q;
  GYRE_UNROLL
  for (int j = 0; j < 4; ++j) q.w[j] = pack<F>(y[2 * j] * factor, y[2 * j + 1] * factor);
  return q;
}

// Butterflies over one bit of the index of an array's rows.
template <int kRows, int kColumns>
GYRE_DEVICE void butterflies(float (&v)[kRows][kColumns], int stride) {
  GYRE_UNROLL
  for (int i = 0; i < kRows; ++i) {
    if (i & stride) continue;
    GYRE_UNROLL
    for (int j = 0; j < kColumns; ++j) {
      const float a = v[i][j], b = v[i + stride][j];
      v[i][j] = a + b;
      v[i + stride][j] = a - b;
    }
  }
}

}  // namespace gyre::kernels::cuda
