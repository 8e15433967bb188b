// The product with the base matrix over the columns of [base, columns].
#pragma once

#include "kernels/cpu/hadamard_passes_simd.h"
#include "kernels/cpu/hadamard_simd.h"

namespace gyre::kernels::GYRE_ISA {

// Four inputs have sixteen signed sums; each output adds one per four inputs, which takes a quarter of the
// additions of the product as written. numbers: see HadamardShared. sums: scratch, 4 * base vectors. The sink
// may write to x.
template <class T, class Sink>
void multiply_base(const std::uint16_t* numbers, std::int64_t base, std::int64_t columns, const T* x,
                   const Sink& sink, T* sums) {
  using V = typename Vec<T>::V;
  constexpr std::int64_t kLanes = Vec<T>::kLanes;
  const std::int64_t groups = base / 4;
  for (std::int64_t j = 0; j < columns; j += kLanes) {
    for (std::int64_t g = 0; g < groups; ++g) {
      const T* from = x + 4 * g * columns + j;
      const V x0 = Vec<T>::load(from), x1 = Vec<T>::load(from + columns);
      const V x2 = Vec<T>::load(from + 2 * columns), x3 = Vec<T>::load(from + 3 * columns);
      const V left[2] = {Vec<T>::add(x0, x1), Vec<T>::sub(x0, x1)};
      const V right[2] = {Vec<T>::add(x2, x3), Vec<T>::sub(x2, x3)};
      T* four = sums + 16 * g * kLanes;
#pragma GCC unroll 8
      for (int k = 0; k < 8; ++k) {
        const V a = left[k >> 2], b = right[k & 1];
        const V sum = k & 2 ? Vec<T>::sub(a, b) : Vec<T>::add(a, b);
        Vec<T>::store(four + k * kLanes, sum);
        Vec<T>::store(four + (8 + k) * kLanes, Vec<T>::negate(sum));
      }
    }
    for (std::int64_t r = 0; r < base; r += 4) {
      const std::uint16_t* row = numbers + r * groups;
      V v[4];
#pragma GCC unroll 4
      for (int k = 0; k < 4; ++k) v[k] = Vec<T>::load(sums + row[k * groups] * kLanes);
      for (std::int64_t g = 1; g < groups; ++g) {
        const T* four = sums + 16 * g * kLanes;
#pragma GCC unroll 4
        for (int k = 0; k < 4; ++k)
          v[k] = Vec<T>::add(v[k], Vec<T>::load(four + row[k * groups + g] * kLanes));
      }
#pragma GCC unroll 4
      for (int k = 0; k < 4; ++k) sink.put((r + k) * columns + j, v[k]);
    }
  }
}

}  // namespace gyre::kernels::GYRE_ISA
