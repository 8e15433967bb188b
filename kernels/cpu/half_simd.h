// Conversion between 16-bit floats and float32, rounding to nearest even. Plain loops that vectorize; F16C
// where it is. In the namespace of the instruction set, so that no two compilations share a symbol.
#pragma once

#include <cstdint>
#if defined(__F16C__)
#include <immintrin.h>
#endif

namespace gyre::kernels::GYRE_ISA {

struct Half {
  std::uint16_t bits;
};
struct BFloat {
  std::uint16_t bits;
};

inline void to_float(const BFloat* x, float* y, std::int64_t n) {
  for (std::int64_t i = 0; i < n; ++i) y[i] = __builtin_bit_cast(float, std::uint32_t{x[i].bits} << 16);
}

// NaN must be the canonical quiet one: rounding could carry another into infinity.
inline void from_float(const float* x, BFloat* y, std::int64_t n) {
  for (std::int64_t i = 0; i < n; ++i) {
    const auto u = __builtin_bit_cast(std::uint32_t, x[i]);
    y[i].bits = static_cast<std::uint16_t>((u + 0x7fff + ((u >> 16) & 1)) >> 16);
  }
}

inline float to_float(Half h) {
  const std::uint32_t magnitude = h.bits & 0x7fffu;
  const std::uint32_t sign = std::uint32_t{h.bits & 0x8000u} << 16;
  const float scaled = __builtin_bit_cast(float, magnitude << 13) * 0x1p112f;
  const auto u = __builtin_bit_cast(std::uint32_t, scaled);
  return __builtin_bit_cast(float, sign | (magnitude >= 0x7c00u ? (u | 0x7f800000u) : u));
}

inline Half from_float(float x) {
  const auto u = __builtin_bit_cast(std::uint32_t, x);
  const std::uint32_t magnitude = u & 0x7fffffffu;
  std::uint32_t h = 0;
  if (magnitude > 0x7f800000u) {
    h = 0x7e00u;
  } else if (magnitude >= 0x47800000u) {  // 2^16 and above
    h = 0x7c00u;
  } else if (magnitude < 0x38800000u) {  // below 2^-14: adding 1/2 leaves a multiple of 2^-24 in the low bits
    const float shifted = __builtin_bit_cast(float, magnitude) + 0.5f;
    h = __builtin_bit_cast(std::uint32_t, shifted) - 0x3f000000u;
  } else {
    h = (magnitude - 0x38000000u + 0xfffu + ((magnitude >> 13) & 1)) >> 13;
  }
  return Half{static_cast<std::uint16_t>(h | ((u >> 16) & 0x8000u))};
}

inline void to_float(const Half* x, float* y, std::int64_t n) {
  std::int64_t i = 0;
#if defined(__F16C__)
  for (; i + 8 <= n; i += 8)
    _mm256_storeu_ps(y + i, _mm256_cvtph_ps(_mm_loadu_si128(reinterpret_cast<const __m128i*>(x + i))));
#endif
  for (; i < n; ++i) y[i] = to_float(x[i]);
}

inline void from_float(const float* x, Half* y, std::int64_t n) {
  std::int64_t i = 0;
#if defined(__F16C__)
  for (; i + 8 <= n; i += 8)
    _mm_storeu_si128(reinterpret_cast<__m128i*>(y + i),
                     _mm256_cvtps_ph(_mm256_loadu_ps(x + i), _MM_FROUND_TO_NEAREST_INT));
#endif
  for (; i < n; ++i) y[i] = from_float(x[i]);
}

}  // namespace gyre::kernels::GYRE_ISA
