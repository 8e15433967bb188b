// The arithmetic of the four quantization grids (kernels/api.h), shared by fake quantization and clip search.
// Written so that every instruction set gives the same bits: integer comparisons for the range, and rounding
// by adding and subtracting 1.5 * 2^(mantissa bits), which needs no instruction beyond SSE2 and never gives
// -0.
#pragma once

#include <cstdint>
#include <limits>

#include "kernels/api.h"

namespace gyre::kernels::GYRE_ISA {

template <class T>
struct Float;
template <>
struct Float<float> {
  using Int = std::int32_t;
  static constexpr float kRound = 0x1.8p23f;
};
template <>
struct Float<double> {
  using Int = std::int64_t;
  static constexpr double kRound = 0x1.8p52;
};

template <class T>
struct Range {
  T lo, hi;
  bool finite;
};

template <class T>
struct GroupGrid {
  T scale, inverse;  // scale NaN: the group is not finite
  T low, high;       // bounds of level()
  T offset;          // kReal only
  T zero;            // what the caller stores beside the scale
  T code_base;       // code = level + code_base
};

constexpr bool is_centered(Grid grid) {
  return grid == Grid::kSymmetric || grid == Grid::kNoZero;
}

// Smallest and largest value; for centered grids hi = max|x| and lo = -hi. Floats order like their bits once
// those of negative ones are flipped; NaN of either sign lies beyond the infinities.
template <Grid G, class T>
inline Range<T> find_range(const T* x, std::int64_t n) {
  using Int = typename Float<T>::Int;
  constexpr Int kMagnitude = std::numeric_limits<Int>::max();
  const Int infinity = __builtin_bit_cast(Int, std::numeric_limits<T>::infinity());
  if constexpr (is_centered(G)) {
    Int top = 0;
    for (std::int64_t i = 0; i < n; ++i) {
      const Int magnitude = __builtin_bit_cast(Int, x[i]) & kMagnitude;
      top = magnitude > top ? magnitude : top;
    }
    const T hi = __builtin_bit_cast(T, top);
    return {-hi, hi, top < infinity};
  } else {
    Int bottom = kMagnitude, top = -kMagnitude;
    for (std::int64_t i = 0; i < n; ++i) {
      const Int bits = __builtin_bit_cast(Int, x[i]);
      const Int key = bits ^ ((bits >> (8 * sizeof(Int) - 1)) & kMagnitude);
      bottom = key < bottom ? key : bottom;
      top = key > top ? key : top;
    }
    const Int low_bits = bottom < 0 ? bottom ^ kMagnitude : bottom,
              high_bits = top < 0 ? top ^ kMagnitude : top;
    // Adding zero makes -0 a +0.
    return {__builtin_bit_cast(T, low_bits) + T(0), __builtin_bit_cast(T, high_bits) + T(0),
            top < infinity && bottom > (-infinity - 1)};
  }
}

template <class T>
inline T round_even(T x) {
  return (x + Float<T>::kRound) - Float<T>::kRound;
}

template <Grid G, class T>
inline GroupGrid<T> make_grid(const Range<T>& range, T p, int n_bits) {
  const T levels = static_cast<T>(1 << n_bits), half = levels / 2;
  T lo = range.lo, hi = range.hi;
  if constexpr (G == Grid::kInteger) {
    lo = lo < T(0) ? lo : T(0);
    hi = hi > T(0) ? hi : T(0);
  }
  const T start = p * lo;
  T scale;
  if constexpr (G == Grid::kSymmetric)
    scale = p * hi / (half - 1);
  else if constexpr (G == Grid::kNoZero)
    scale = p * hi / (half - T(0.5));
  else
    scale = (p * hi - start) / (levels - 1);
  const bool normal = scale >= std::numeric_limits<T>::min();
  const T inverse = normal ? T(1) / scale : T(0);
  const bool usable = range.finite && scale <= std::numeric_limits<T>::max();
  scale = usable ? (normal ? scale : T(0)) : std::numeric_limits<T>::quiet_NaN();

  GroupGrid<T> grid{scale, inverse, -half, half - 1, T(0), half, half};
  if constexpr (G == Grid::kNoZero) grid.zero = half - T(0.5);
  if constexpr (G == Grid::kInteger) {
    T zero = -start * inverse;
    zero = zero < levels - 1 ? zero : levels - 1;
    zero = round_even(zero);
    grid.low = -zero;
    grid.high = levels - 1 - zero;
    grid.zero = grid.code_base = zero;
  }
  if constexpr (G == Grid::kReal) {
    grid.low = grid.code_base = T(0);
    grid.high = levels - 1;
    grid.zero = grid.offset = normal ? start : lo;
  }
  return grid;
}

// The level of x: an integer, as T.
template <Grid G, class T>
inline T level(T x, const GroupGrid<T>& grid) {
  const T shifted = G == Grid::kReal ? x - grid.offset : x;
  const T high = G == Grid::kNoZero ? grid.high + T(0.5) : grid.high;
  T t = shifted * grid.inverse;
  t = t > grid.low ? t : grid.low;
  t = t < high ? t : high;
  const T rounded = round_even(t);
  if constexpr (G == Grid::kNoZero) return rounded - (rounded > t ? T(1) : T(0));  // floor
  return rounded;
}

template <Grid G, class T>
inline T level_value(T q, const GroupGrid<T>& grid) {
  if constexpr (G == Grid::kReal) return q * grid.scale + grid.offset;
  if constexpr (G == Grid::kNoZero) return (q + T(0.5)) * grid.scale;
  return q * grid.scale;
}

}  // namespace gyre::kernels::GYRE_ISA
