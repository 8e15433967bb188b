// Index algebra of the tensor-core Hadamard kernels, for kernels and tests alike (plain C++, constexpr).
//
// An MMA m16n8k16 multiplies A [16, 16] by B [16, 8]. A warp holds 256 neighbouring values, 8 in each lane;
// bit numbers below are those of a value's index in such a tile: bits 0..2 lie in the lane's registers, 3 and
// 4 in the lower two bits of the lane, 5..7 in the upper three. Loaded so, register pairs are B operands as
// they are:
//   first MMA:   k = {bit 0, 3, 4, 1}, n = bits 5..7, one MMA for either value of bit 2;
//   second MMA:  the accumulators of the first hold rows in {upper lane bits, register} and columns in
//   {register, lower
//                lane bits}; packed by column pairs they are B operands with k = {bit 5, 6, 7, 2}, n = bits
//                0, 3, 4, one MMA for either value of bit 1.
// After it every index bit is back where it was at the load. A Hadamard matrix of order 2^k is the product of
// one 2-point transform per index bit, so the result is in natural order and nothing was moved between lanes.
#pragma once

#include <cstdint>

namespace gyre::kernels::cuda {

using Word = std::uint32_t;  // two 16-bit floats: the lower half comes first

// The 16-bit formats. kMaxPower bounds the powers of two that rows are scaled by.
struct F16 {
  static constexpr int kMantissa = 10, kBias = 15, kMinPower = -14, kMaxPower = 15;
  static constexpr Word kInfinity = 0x7c00;
};
struct BF16 {
  static constexpr int kMantissa = 7, kBias = 127, kMinPower = -120, kMaxPower = 120;
  static constexpr Word kInfinity = 0x7f80;
};

constexpr int kTile = 256;      // values that a warp holds in one register pack
constexpr int kLaneValues = 8;  // of them in one lane: 16 bytes

// Rows and columns of fragments in a lane's registers (PTX ISA, mma.m16n8k16 with 16-bit operands). Registers
// of A and B hold two values, e = 0 and 1; those of C one.
constexpr int a_row(int lane, int reg) {
  return lane / 4 + 8 * (reg & 1);
}
constexpr int a_column(int lane, int reg, int e) {
  return 2 * (lane % 4) + e + 8 * (reg >> 1);
}
constexpr int b_row(int lane, int reg, int e) {
  return 2 * (lane % 4) + e + 8 * reg;
}
constexpr int b_column(int lane) {
  return lane / 4;
}
constexpr int c_row(int lane, int reg) {
  return lane / 4 + 8 * (reg >> 1);
}
constexpr int c_column(int lane, int reg) {
  return 2 * (lane % 4) + (reg & 1);
}

// The index bit of a tile that bit i of k stands for, in the first and the second MMA.
constexpr int first_bit(int i) {
  return 0x1430 >> 4 * i & 15;
}
constexpr int second_bit(int i) {
  return 0x2765 >> 4 * i & 15;
}

// Those bits of k that a transform of blocks of 2^log2 values covers, as a mask.
constexpr int covered_first(int log2) {
  int mask = 0;
  for (int i = 0; i < 4; ++i) mask |= (first_bit(i) < log2) << i;
  return mask;
}
constexpr int covered_second(int log2) {
  int mask = 0;
  for (int i = 0; i < 4; ++i) mask |= (second_bit(i) < log2) << i;
  return mask;
}

// Entry of the matrix that transforms the bits of `mask` and leaves the others: 1, -1 or 0.
constexpr int entry(int row, int column, int mask) {
  if (((row ^ column) & ~mask) != 0) return 0;
  return 0x6996 >> (row & column & mask) & 1 ? -1 : 1;  // parity of four bits
}

// Bits of 2^power as F; power within F's bounds.
template <class F>
constexpr Word power_of_two(int power) {
  return static_cast<Word>(power + F::kBias) << F::kMantissa;
}
// The same as float32, |power| <= 126.
constexpr Word power_of_two_f32(int power) {
  return static_cast<Word>(power + 127) << 23;
}

// For the bits of the largest |x|: an exponent e with |x| < 2^e, the least one but for subnormals.
template <class F>
constexpr int exponent_above(Word bits) {
  return static_cast<int>(bits >> F::kMantissa) - F::kBias + 1;
}

// The power of two by which values below 2^exponent are multiplied so that sums of 2^growth of them stay
// below 2^15: what is handed over as two F16 neither overflows nor loses bits.
template <class F>
constexpr int scale_power(int exponent, int growth) {
  const int power = 15 - growth - exponent;
  return power < F::kMinPower ? F::kMinPower : power > F::kMaxPower ? F::kMaxPower : power;
}

// A dense factor of order m = 4 quarters: the row index b of base (x) Sylvester lies in registers (b / 4)
// and, after the first MMA, in the lower lane bits (b % 4). Which b the k-th row of B stands for in the
// step-th MMA over b:
constexpr int base_index(int step, int k) {
  return 16 * step + 4 * (2 * (k >> 3) + (k & 1)) + (k >> 1 & 3);
}

// Place of the 16-byte unit `unit` in shared memory: lanes that write every second unit would meet in the
// same banks.
constexpr int swizzled(int unit, int bit) {
  return unit ^ (unit >> bit & 1);
}

}  // namespace gyre::kernels::cuda
