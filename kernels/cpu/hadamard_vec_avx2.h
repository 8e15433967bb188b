// Vec for AVX2 with FMA and F16C; see hadamard_vec_avx512.h for what each function does. Included by
// hadamard_vec.h alone.
#pragma once

#include "kernels/cpu/hadamard_vec.h"

namespace gyre::kernels::GYRE_ISA {

template <>
struct Vec<float> {
  using V = __m256;
  using Mask = int;
  static constexpr int kLanes = 8;
  static constexpr int kLogLanes = 3;
  static constexpr int kLogRegisters = 3;

  static V load(const float* x) { return _mm256_loadu_ps(x); }
  static V load(const Half* x) {
    return _mm256_cvtph_ps(_mm_loadu_si128(reinterpret_cast<const __m128i*>(x)));
  }
  static V load(const BFloat* x) {
    const auto bits = _mm256_cvtepu16_epi32(_mm_loadu_si128(reinterpret_cast<const __m128i*>(x)));
    return _mm256_castsi256_ps(_mm256_slli_epi32(bits, 16));
  }
  static void store(float* x, V v) { _mm256_storeu_ps(x, v); }
  static void store(Half* x, V v) { _mm_storeu_si128(reinterpret_cast<__m128i*>(x), packed(v, x)); }
  static void store(BFloat* x, V v) { _mm_storeu_si128(reinterpret_cast<__m128i*>(x), packed(v, x)); }
  static void stream(float* x, V v) { _mm256_stream_ps(x, v); }
  static void stream(Half* x, V v) { _mm_stream_si128(reinterpret_cast<__m128i*>(x), packed(v, x)); }
  static void stream(BFloat* x, V v) { _mm_stream_si128(reinterpret_cast<__m128i*>(x), packed(v, x)); }
  static V add(V a, V b) { return _mm256_add_ps(a, b); }
  static V sub(V a, V b) { return _mm256_sub_ps(a, b); }
  static V mul(V a, V b) { return _mm256_mul_ps(a, b); }
  static V muladd(V a, V b, V c) { return _mm256_fmadd_ps(a, b, c); }
  static V all(float x) { return _mm256_set1_ps(x); }
  static V negate(V v) { return _mm256_xor_ps(v, _mm256_set1_ps(-0.0f)); }

  static constexpr Mask upper(int distance) { return distance == 1 ? 0xAA : distance == 2 ? 0xCC : 0xF0; }
  static V lane_signs(int distance) {
    const auto lane = [&](int i) { return i & distance ? -1.0f : 1.0f; };
    return _mm256_set_ps(lane(7), lane(6), lane(5), lane(4), lane(3), lane(2), lane(1), lane(0));
  }
  template <int kDistance>
  static V swap(V v) {
    if constexpr (kDistance == 1) return _mm256_permute_ps(v, 0xB1);
    if constexpr (kDistance == 2) return _mm256_permute_ps(v, 0x4E);
    if constexpr (kDistance == 4) return _mm256_permute2f128_ps(v, v, 1);
  }
  // The mask is upper(kDistance) or its complement.
  template <int kDistance>
  static V mix(V a, Mask mask, V b) {
    constexpr Mask kUpper = upper(kDistance);
    return mask == kUpper ? _mm256_blend_ps(a, swap<kDistance>(b), kUpper)
                          : _mm256_blend_ps(swap<kDistance>(b), a, kUpper);
  }

  using Index = __m256i;
  static Index reversed() { return _mm256_set_epi32(0, 1, 2, 3, 4, 5, 6, 7); }
  static Index straight() { return _mm256_set_epi32(7, 6, 5, 4, 3, 2, 1, 0); }
  static V pick(V from, Index index) { return _mm256_permutevar8x32_ps(from, index); }

 private:
  static __m128i packed(V v, const Half*) { return _mm256_cvtps_ph(v, _MM_FROUND_TO_NEAREST_INT); }
  static __m128i packed(V v, const BFloat*) {
    const auto bits = _mm256_castps_si256(v);
    const auto odd = _mm256_and_si256(_mm256_srli_epi32(bits, 16), _mm256_set1_epi32(1));
    const auto rounded = _mm256_add_epi32(_mm256_add_epi32(bits, odd), _mm256_set1_epi32(0x7fff));
    const auto high = _mm256_srli_epi32(rounded, 16);
    return _mm_packus_epi32(_mm256_castsi256_si128(high), _mm256_extracti128_si256(high, 1));
  }
};

template <>
struct Vec<double> {
  using V = __m256d;
  using Mask = int;
  static constexpr int kLanes = 4;
  static constexpr int kLogLanes = 2;
  static constexpr int kLogRegisters = 3;

  static V load(const double* x) { return _mm256_loadu_pd(x); }
  static void store(double* x, V v) { _mm256_storeu_pd(x, v); }
  static void stream(double* x, V v) { _mm256_stream_pd(x, v); }
  static V add(V a, V b) { return _mm256_add_pd(a, b); }
  static V sub(V a, V b) { return _mm256_sub_pd(a, b); }
  static V mul(V a, V b) { return _mm256_mul_pd(a, b); }
  static V muladd(V a, V b, V c) { return _mm256_fmadd_pd(a, b, c); }
  static V all(double x) { return _mm256_set1_pd(x); }
  static V negate(V v) { return _mm256_xor_pd(v, _mm256_set1_pd(-0.0)); }

  static constexpr Mask upper(int distance) { return distance == 1 ? 0xA : 0xC; }
  static V lane_signs(int distance) {
    const auto lane = [&](int i) { return i & distance ? -1.0 : 1.0; };
    return _mm256_set_pd(lane(3), lane(2), lane(1), lane(0));
  }
  template <int kDistance>
  static V swap(V v) {
    if constexpr (kDistance == 1) return _mm256_permute_pd(v, 0x5);
    if constexpr (kDistance == 2) return _mm256_permute2f128_pd(v, v, 1);
  }
  template <int kDistance>
  static V mix(V a, Mask mask, V b) {
    constexpr Mask kUpper = upper(kDistance);
    return mask == kUpper ? _mm256_blend_pd(a, swap<kDistance>(b), kUpper)
                          : _mm256_blend_pd(swap<kDistance>(b), a, kUpper);
  }

  // Pairs of 32-bit lanes.
  using Index = __m256i;
  static Index reversed() { return _mm256_set_epi32(1, 0, 3, 2, 5, 4, 7, 6); }
  static Index straight() { return _mm256_set_epi32(7, 6, 5, 4, 3, 2, 1, 0); }
  static V pick(V from, Index index) {
    return _mm256_castps_pd(_mm256_permutevar8x32_ps(_mm256_castpd_ps(from), index));
  }
};

}  // namespace gyre::kernels::GYRE_ISA
