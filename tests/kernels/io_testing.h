// Values of any dtype as bytes, and back in float64.
#pragma once

#include <cstdint>
#include <cstring>
#include <random>
#include <vector>

#include "kernels/api.h"

namespace gyre::kernels::io {

inline float bf16_to_float(std::uint16_t bits) {
  const std::uint32_t wide = std::uint32_t{bits} << 16;
  float value;
  std::memcpy(&value, &wide, sizeof value);
  return value;
}

inline std::size_t bytes_per_value(DType dtype) {
  return dtype == DType::kF64 ? 8 : dtype == DType::kF32 ? 4 : 2;
}

inline std::vector<double> values(DType dtype, const void* data, std::size_t n) {
  std::vector<double> out(n);
  for (std::size_t i = 0; i < n; ++i) {
    const auto* at = static_cast<const char*>(data) + i * bytes_per_value(dtype);
    if (dtype == DType::kF64) std::memcpy(&out[i], at, 8);
    if (dtype == DType::kF32) {
      float value;
      std::memcpy(&value, at, 4);
      out[i] = double{value};
    }
    if (dtype == DType::kF16) {
      _Float16 value;
      std::memcpy(&value, at, 2);
      out[i] = static_cast<double>(value);
    }
    if (dtype == DType::kBF16) {
      std::uint16_t bits;
      std::memcpy(&bits, at, 2);
      out[i] = double{bf16_to_float(bits)};
    }
  }
  return out;
}

struct Values {
  std::vector<std::byte> bytes;
  std::vector<double> values;  // what the bytes hold
};

inline Values normal(DType dtype, std::size_t n, std::mt19937& random, double spread = 1.0) {
  std::normal_distribution<double> draw(0, spread);
  Values out{std::vector<std::byte>(n * bytes_per_value(dtype)), {}};
  for (std::size_t i = 0; i < n; ++i) {
    const double x = draw(random);
    auto* at = out.bytes.data() + i * bytes_per_value(dtype);
    if (dtype == DType::kF64) std::memcpy(at, &x, 8);
    const float narrow = static_cast<float>(x);
    if (dtype == DType::kF32) std::memcpy(at, &narrow, 4);
    if (dtype == DType::kF16) {
      const auto half = static_cast<_Float16>(narrow);
      std::memcpy(at, &half, 2);
    }
    if (dtype == DType::kBF16) {
      std::uint32_t bits;
      std::memcpy(&bits, &narrow, 4);
      const auto top = static_cast<std::uint16_t>(bits >> 16);  // truncated: any bfloat16 will do
      std::memcpy(at, &top, 2);
    }
  }
  out.values = values(dtype, out.bytes.data(), n);
  return out;
}

}  // namespace gyre::kernels::io
