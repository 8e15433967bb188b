// 16-bit floats to float32, exactly, in forms that vectorize.
#pragma once

#include <bit>
#include <cstddef>
#include <cstdint>
#include <cstring>

namespace gyre::format {

// Containers promise no alignment.
template <typename T>
T load(const std::byte* at) {
  T value;
  std::memcpy(&value, at, sizeof value);
  return value;
}

// IEEE binary16. Subnormals go by an integer, so that the result does not depend on the processor's treatment
// of subnormal numbers; masks instead of conditions, or the compiler makes branches.
inline float half_to_float(std::uint16_t half) {
  const std::uint32_t magnitude = half & 0x7fffu;
  const std::uint32_t subnormal =
      std::bit_cast<std::uint32_t>(static_cast<float>(static_cast<std::int32_t>(magnitude)) * 0x1p-24f);
  const std::uint32_t is_subnormal = 0u - static_cast<std::uint32_t>(magnitude < 0x400u);
  const std::uint32_t is_special =
      0u - static_cast<std::uint32_t>(magnitude >= 0x7c00u);  // infinity, not-a-number
  const std::uint32_t normal = ((magnitude << 13) + (112u << 23)) | (is_special & 0x7f800000u);
  const std::uint32_t sign = static_cast<std::uint32_t>(half & 0x8000u) << 16;
  return std::bit_cast<float>((subnormal & is_subnormal) | (normal & ~is_subnormal) | sign);
}

inline float bfloat_to_float(std::uint16_t bfloat) {
  return std::bit_cast<float>(static_cast<std::uint32_t>(bfloat) << 16);
}

}  // namespace gyre::format
