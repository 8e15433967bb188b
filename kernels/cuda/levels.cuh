// The grid of a group of values in fake quantization: the arithmetic of kernels/api.h, operation by
// operation. Sources that include this are compiled with -fmad=false, so that the bits are those of the CPU.
#pragma once

#include <cmath>
#include <limits>

#include "kernels/api.h"
#include "kernels/cuda/machine.cuh"

namespace gyre::kernels::cuda {

// What a group's values say about its range.
template <class T>
struct Range {
  T lo = std::numeric_limits<T>::infinity(), hi = -std::numeric_limits<T>::infinity();
  bool finite = true;
  GYRE_DEVICE void add(T v) {
    lo = v < lo ? v : lo;
    hi = v > hi ? v : hi;
    finite = finite && isfinite(v);
  }
  GYRE_DEVICE void add(const Range& other) {
    lo = other.lo < lo ? other.lo : lo;
    hi = other.hi > hi ? other.hi : hi;
    finite = finite && other.finite;
  }
};

template <class T>
GYRE_DEVICE T round_even(T v) {
  return rint(v);
}
template <class T>
GYRE_DEVICE T clamp(T v, T lo, T hi) {
  return v < lo ? lo : v > hi ? hi : v;
}

// The grid of one group, and what it makes of a value.
template <class T>
struct Levels {
  Grid grid;
  T last, half, scale, inverse, zero;
  bool usable;

  GYRE_DEVICE Levels(const FakeQuantArgs& args, const Range<T>& range, std::int64_t group)
      : grid(args.grid),
        last(static_cast<T>((1 << args.n_bits) - 1)),
        half(static_cast<T>(1 << (args.n_bits - 1))) {
    T lo = range.lo + T(0), hi = range.hi + T(0);
    const T top = fabs(lo) > fabs(hi) ? fabs(lo) : fabs(hi);
    const T p = args.ratio ? static_cast<T>(args.ratio[group]) : static_cast<T>(args.clip);
    if (grid == Grid::kInteger) {
      lo = lo < T(0) ? lo : T(0);
      hi = hi > T(0) ? hi : T(0);
    }
    if (grid == Grid::kSymmetric)
      scale = p * top / (half - 1);
    else if (grid == Grid::kNoZero)
      scale = p * top / (half - T(0.5));
    else
      scale = (p * hi - p * lo) / last;
    usable = range.finite && isfinite(scale);
    const bool normal = scale >= std::numeric_limits<T>::min();
    if (!normal) scale = 0;
    inverse = normal ? 1 / scale : T(0);
    if (grid == Grid::kSymmetric)
      zero = half;
    else if (grid == Grid::kNoZero)
      zero = half - T(0.5);
    else if (grid == Grid::kInteger)
      zero = clamp(round_even(-(p * lo) * inverse) + T(0), T(0), last);
    else
      zero = normal ? p * lo : lo;
    if (!usable) {
      scale = std::numeric_limits<T>::quiet_NaN();
      zero = 0;
    }
  }

  GYRE_DEVICE T code(T v) const {
    T c = 0;
    if (grid == Grid::kReal)
      c = round_even((v - zero) * inverse);
    else if (grid == Grid::kNoZero)
      c = floor(v * inverse) + half;
    else
      c = round_even(v * inverse) + zero;
    return usable ? clamp(c, T(0), last) : T(0);
  }
  GYRE_DEVICE T value(T code) const {
    if (!usable) return std::numeric_limits<T>::quiet_NaN();
    return grid == Grid::kReal ? code * scale + zero : (code - zero) * scale;
  }
  GYRE_DEVICE void write(const FakeQuantArgs& args, std::int64_t group) const {
    if (args.scale) static_cast<T*>(args.scale)[group] = scale;
    if (args.zero) static_cast<T*>(args.zero)[group] = zero;
  }
};

}  // namespace gyre::kernels::cuda
