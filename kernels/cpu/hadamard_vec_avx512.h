// Vec for AVX-512 (F, BW, DQ, VL). Included by hadamard_vec.h alone.
#pragma once

#include "kernels/cpu/hadamard_vec.h"

namespace gyre::kernels::GYRE_ISA {

template <>
struct Vec<float> {
  using V = __m512;
  using Mask = __mmask16;
  static constexpr int kLanes = 16;
  static constexpr int kLogLanes = 4;
  static constexpr int kLogRegisters = 4;  // vectors that a pass works on at once

  static V load(const float* x) { return _mm512_loadu_ps(x); }
  static V load(const Half* x) {
    return _mm512_cvtph_ps(_mm256_loadu_si256(reinterpret_cast<const __m256i*>(x)));
  }
  static V load(const BFloat* x) {
    const auto bits = _mm512_castsi256_si512(_mm256_loadu_si256(reinterpret_cast<const __m256i*>(x)));
    return _mm512_castsi512_ps(_mm512_maskz_permutexvar_epi16(0xAAAAAAAA, widening(), bits));
  }
  static void store(float* x, V v) { _mm512_storeu_ps(x, v); }
  static void store(Half* x, V v) { _mm256_storeu_si256(reinterpret_cast<__m256i*>(x), packed(v, x)); }
  static void store(BFloat* x, V v) { _mm256_storeu_si256(reinterpret_cast<__m256i*>(x), packed(v, x)); }
  // Past the caches.
  static void stream(float* x, V v) { _mm512_stream_ps(x, v); }
  static void stream(Half* x, V v) { _mm256_stream_si256(reinterpret_cast<__m256i*>(x), packed(v, x)); }
  static void stream(BFloat* x, V v) { _mm256_stream_si256(reinterpret_cast<__m256i*>(x), packed(v, x)); }

  static V add(V a, V b) { return _mm512_add_ps(a, b); }
  static V sub(V a, V b) { return _mm512_sub_ps(a, b); }
  static V mul(V a, V b) { return _mm512_mul_ps(a, b); }
  static V muladd(V a, V b, V c) { return _mm512_fmadd_ps(a, b, c); }
  static V all(float x) { return _mm512_set1_ps(x); }
  static V negate(V v) { return _mm512_xor_ps(v, _mm512_set1_ps(-0.0f)); }

  // Lanes whose number has the bit `distance`.
  static constexpr Mask upper(int distance) {
    return static_cast<Mask>(distance == 1   ? 0xAAAA
                             : distance == 2 ? 0xCCCC
                             : distance == 4 ? 0xF0F0
                                             : 0xFF00);
  }
  // +1 in lanes without the bit, -1 in the others.
  static V lane_signs(int distance) {
    return _mm512_mask_blend_ps(upper(distance), _mm512_set1_ps(1.0f), _mm512_set1_ps(-1.0f));
  }
  template <int kDistance>
  static V swap(V v) {
    if constexpr (kDistance == 1) return _mm512_permute_ps(v, 0xB1);
    if constexpr (kDistance == 2) return _mm512_permute_ps(v, 0x4E);
    if constexpr (kDistance == 4) return _mm512_shuffle_f32x4(v, v, 0xB1);
    if constexpr (kDistance == 8) return _mm512_shuffle_f32x4(v, v, 0x4E);
  }
  // Lanes of the mask from their neighbours at kDistance in b, the others from a.
  template <int kDistance>
  static V mix(V a, Mask mask, V b) {
    if constexpr (kDistance == 1) return _mm512_mask_permute_ps(a, mask, b, 0xB1);
    if constexpr (kDistance == 2) return _mm512_mask_permute_ps(a, mask, b, 0x4E);
    if constexpr (kDistance == 4) return _mm512_mask_shuffle_f32x4(a, mask, b, b, 0xB1);
    if constexpr (kDistance == 8) return _mm512_mask_shuffle_f32x4(a, mask, b, b, 0x4E);
  }

  // Lane numbers, in `from` or in the pair of vectors a, b.
  using Index = __m512i;
  static Index load_index(const std::int32_t* x) { return _mm512_loadu_si512(x); }
  static Index reversed() { return _mm512_set_epi32(0, 1, 2, 3, 4, 5, 6, 7, 8, 9, 10, 11, 12, 13, 14, 15); }
  static Index straight() { return _mm512_set_epi32(15, 14, 13, 12, 11, 10, 9, 8, 7, 6, 5, 4, 3, 2, 1, 0); }
  static V pick(V from, Index index) { return _mm512_permutexvar_ps(index, from); }
  static V pick(V a, V b, Index index) { return _mm512_permutex2var_ps(a, index, b); }
  static V blend(V a, Mask mask, V b) { return _mm512_mask_mov_ps(a, mask, b); }

 private:
  static __m256i packed(V v, const Half*) { return _mm512_cvtps_ph(v, _MM_FROUND_TO_NEAREST_INT); }
  // To nearest even. A NaN keeps its upper bits, and those of a NaN out of 16 bits are all that it has.
  static __m256i packed(V v, const BFloat*) {
    const auto bits = _mm512_castps_si512(v), half = _mm512_add_epi32(bits, _mm512_set1_epi32(0x7fff));
    const auto odd = _mm512_test_epi32_mask(bits, _mm512_set1_epi32(0x10000));
    const auto rounded = _mm512_mask_add_epi32(half, odd, half, _mm512_set1_epi32(1));
    return _mm512_castsi512_si256(_mm512_permutexvar_epi16(narrowing(), rounded));
  }
  // Numbers of 16-bit parts: part i for both halves of value i, and the upper halves of all values.
  static __m512i widening() { return _mm512_mullo_epi32(straight(), _mm512_set1_epi32(0x10001)); }
  static __m512i narrowing() {
    return _mm512_add_epi32(_mm512_mullo_epi32(straight(), _mm512_set1_epi32(0x40004)),
                            _mm512_set1_epi32(0x30001));
  }
};

template <>
struct Vec<double> {
  using V = __m512d;
  using Mask = __mmask8;
  static constexpr int kLanes = 8;
  static constexpr int kLogLanes = 3;
  static constexpr int kLogRegisters = 4;

  static V load(const double* x) { return _mm512_loadu_pd(x); }
  static void store(double* x, V v) { _mm512_storeu_pd(x, v); }
  static void stream(double* x, V v) { _mm512_stream_pd(x, v); }
  static V add(V a, V b) { return _mm512_add_pd(a, b); }
  static V sub(V a, V b) { return _mm512_sub_pd(a, b); }
  static V mul(V a, V b) { return _mm512_mul_pd(a, b); }
  static V muladd(V a, V b, V c) { return _mm512_fmadd_pd(a, b, c); }
  static V all(double x) { return _mm512_set1_pd(x); }
  static V negate(V v) { return _mm512_xor_pd(v, _mm512_set1_pd(-0.0)); }

  static constexpr Mask upper(int distance) {
    return static_cast<Mask>(distance == 1 ? 0xAA : distance == 2 ? 0xCC : 0xF0);
  }
  static V lane_signs(int distance) {
    return _mm512_mask_blend_pd(upper(distance), _mm512_set1_pd(1.0), _mm512_set1_pd(-1.0));
  }
  template <int kDistance>
  static V swap(V v) {
    if constexpr (kDistance == 1) return _mm512_permute_pd(v, 0x55);
    if constexpr (kDistance == 2) return _mm512_shuffle_f64x2(v, v, 0xB1);
    if constexpr (kDistance == 4) return _mm512_shuffle_f64x2(v, v, 0x4E);
  }
  template <int kDistance>
  static V mix(V a, Mask mask, V b) {
    if constexpr (kDistance == 1) return _mm512_mask_permute_pd(a, mask, b, 0x55);
    if constexpr (kDistance == 2) return _mm512_mask_shuffle_f64x2(a, mask, b, b, 0xB1);
    if constexpr (kDistance == 4) return _mm512_mask_shuffle_f64x2(a, mask, b, b, 0x4E);
  }

  using Index = __m512i;
  static Index load_index(const std::int32_t* x) {
    return _mm512_cvtepi32_epi64(_mm256_loadu_si256(reinterpret_cast<const __m256i*>(x)));
  }
  static Index reversed() { return _mm512_set_epi64(0, 1, 2, 3, 4, 5, 6, 7); }
  static Index straight() { return _mm512_set_epi64(7, 6, 5, 4, 3, 2, 1, 0); }
  static V pick(V from, Index index) { return _mm512_permutexvar_pd(index, from); }
  static V pick(V a, V b, Index index) { return _mm512_permutex2var_pd(a, index, b); }
  static V blend(V a, Mask mask, V b) { return _mm512_mask_mov_pd(a, mask, b); }
};

}  // namespace gyre::kernels::GYRE_ISA
