// Vectors of the Hadamard transform: a register of T, loads and stores of every storage type, exchanges of
// lanes.
#pragma once

#include <immintrin.h>

#include <cstdint>

#include "kernels/cpu/half_simd.h"

namespace gyre::kernels::GYRE_ISA {

// A value that the compiler must not know: products with a known one would be simplified away, and with them
// the choice of the port that executes them.
template <class V>
inline V opaque(V v) {
  asm("" : "+v"(v));
  return v;
}

template <class T>
struct Vec;

}  // namespace gyre::kernels::GYRE_ISA

#if defined(__AVX512F__)
#include "kernels/cpu/hadamard_vec_avx512.h"
#else
#include "kernels/cpu/hadamard_vec_avx2.h"
#endif
