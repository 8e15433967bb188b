// Quantization of a transform's outputs while they are in registers. Values are rounded to the dtype first,
// and the arithmetic is that of Levels, so codes are those of the transform followed by fake quantization.
#pragma once

#include "kernels/cuda/hadamard_mma.cuh"

namespace gyre::kernels::cuda {

// The range of packed values, in the form in which lanes and warps exchange it: an infinite end says that a
// value is not finite.
struct Ends {
  float lo = std::numeric_limits<float>::infinity(), hi = -std::numeric_limits<float>::infinity();

  template <class F>
  GYRE_DEVICE void add(Word smallest, Word largest) {
    const float lo_a = low_of<F>(smallest), lo_b = high_of<F>(smallest);
    const float hi_a = low_of<F>(largest), hi_b = high_of<F>(largest);
    const bool finite = isfinite(lo_a) && isfinite(lo_b) && isfinite(hi_a) && isfinite(hi_b);
    constexpr float kInf = std::numeric_limits<float>::infinity();
    add(finite ? (lo_a < lo_b ? lo_a : lo_b) : -kInf, finite ? (hi_a > hi_b ? hi_a : hi_b) : kInf);
  }
  GYRE_DEVICE void add(float other_lo, float other_hi) {
    lo = other_lo < lo ? other_lo : lo;
    hi = other_hi > hi ? other_hi : hi;
  }
  // With those of the other lanes of an aligned group.
  GYRE_DEVICE void across_lanes(int lanes) {
    for (int distance = 1; distance < lanes; distance *= 2) {
      const float other_lo = shuffle_xor(lo, distance), other_hi = shuffle_xor(hi, distance);
      add(other_lo, other_hi);
    }
  }
  GYRE_DEVICE Range<float> range() const {
    Range<float> r;
    r.lo = lo;
    r.hi = hi;
    r.finite = isfinite(lo) && isfinite(hi);
    return r;
  }
};

// Levels of the grids with an integer zero: a code is round(v / scale) + zero, its value (code - zero) scale.
struct CodeGrid {
  float inverse, scale, zero, least, most;
  bool usable, clamps;  // whether a value's code can lie beyond the last one

  GYRE_DEVICE CodeGrid(const Levels<float>& levels, const FakeQuantArgs& args)
      : inverse(levels.inverse),
        scale(levels.scale),
        zero(levels.zero),
        least(0.0f - levels.zero),
        most(levels.last - levels.zero),
        usable(levels.usable),
        clamps(levels.grid != Grid::kSymmetric || args.ratio != nullptr || args.clip < 1) {}
};

// Codes of 2 kWords values as one word, 4 bits each. Adding 1.5 * 2^23 rounds to an integer, ties to even, in
// the sum's lower bits; bounds are integers, so clamping first is the same as clamping codes. The constants'
// upper bits add up to kRest.
template <class F, int kWords, bool kClamps>
GYRE_DEVICE Word sum_of_codes(const CodeGrid& grid, const Word* w) {
  constexpr Word kMagicBits = 0x4b400000u;
  constexpr Word kRest = kMagicBits * (kWords == 4 ? 0x11111111u : 0x1111u);
  Word sum = 0;
  GYRE_UNROLL
  for (int j = kWords - 1; j >= 0; --j) {
    GYRE_UNROLL
    for (int half = 1; half >= 0; --half) {
      float t = (half ? high_of<F>(w[j]) : low_of<F>(w[j])) * grid.inverse;
      if (kClamps) t = fminf(fmaxf(t, grid.least), grid.most);
      sum = sum * 16 + as_word(t + as_float(kMagicBits));
    }
  }
  return sum - kRest;
}
template <class F, int kWords>
GYRE_DEVICE Word packed_codes(const CodeGrid& grid, const Word* w) {
  const Word sum =
      grid.clamps ? sum_of_codes<F, kWords, true>(grid, w) : sum_of_codes<F, kWords, false>(grid, w);
  constexpr Word kOnes = kWords == 4 ? 0x11111111u : 0x1111u;
  return grid.usable ? sum + static_cast<Word>(static_cast<int>(grid.zero)) * kOnes : 0;
}

// Writes what is asked for of 2 kWords neighbouring values; at: index of the first in [rows, width].
template <class F, int kWords>
GYRE_DEVICE void write_codes(const MmaArgs& args, const CodeGrid& grid, const Word* w, std::int64_t at) {
  const Word packed = packed_codes<F, kWords>(grid, w);
  if (args.packed) {
    if constexpr (kWords == 4)
      *reinterpret_cast<Word*>(args.packed + at / 2) = packed;
    else
      *reinterpret_cast<std::uint16_t*>(args.packed + at / 2) = static_cast<std::uint16_t>(packed);
  }
  if (args.quant.codes) {
    GYRE_UNROLL
    for (int j = 0; j < kWords / 2; ++j) {
      const Word four = packed >> 16 * j;
      reinterpret_cast<Word*>(args.quant.codes + at)[j] =
          (four & 15) | (four & 0xf0) << 4 | (four & 0xf00) << 8 | (four & 0xf000) << 12;
    }
  }
  if (args.quant.out) {
    GYRE_UNROLL
    for (int j = 0; j < kWords; ++j) {
      const float code_a = static_cast<float>(packed >> 8 * j & 15);
      const float code_b = static_cast<float>(packed >> (8 * j + 4) & 15);
      // scale is NaN where the group is not usable, and so is the value.
      static_cast<Word*>(args.quant.out)[at / 2 + j] =
          pack<F>((code_a - grid.zero) * grid.scale, (code_b - grid.zero) * grid.scale);
    }
  }
}

}  // namespace gyre::kernels::cuda
