// exp in float32 for loops that the compiler vectorizes.
#pragma once

#include <cstdint>

namespace gyre::kernels::GYRE_ISA {

// exp(x) for x <= 88, to 2 units in the last place (the polynomial of Cephes' expf); below -87 exp(-87),
// which is 0 against any sum that it enters. Not-a-number stays one.
inline float exp_of(float x) {
  x = x < -87.0f ? -87.0f : x;
  const float n = (x * 0x1.715476p+0f + 0x1.8p23f) - 0x1.8p23f;
  const float r = (x - n * 0.693359375f) - n * -2.12194440e-4f;
  float p = 1.9875691500e-4f;
  p = p * r + 1.3981999507e-3f;
  p = p * r + 8.3334519073e-3f;
  p = p * r + 4.1665795894e-2f;
  p = p * r + 1.6666665459e-1f;
  p = p * r + 5.0000001201e-1f;
  const float mantissa = p * (r * r) + r + 1.0f;
  const auto exponent = static_cast<std::int32_t>(n == n ? n : 0.0f) + 127;
  return mantissa * __builtin_bit_cast(float, exponent << 23);
}

}  // namespace gyre::kernels::GYRE_ISA
