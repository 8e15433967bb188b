// What the tests of fake quantization share: cases, inputs of every dtype, and a launch between guard zones.
#pragma once

#include <gtest/gtest.h>

#include <array>
#include <bit>
#include <cmath>
#include <limits>
#include <random>
#include <string>
#include <vector>

#include "kernels/api.h"

namespace gyre::kernels {

inline constexpr std::array kGrids{Grid::kSymmetric, Grid::kInteger, Grid::kReal, Grid::kNoZero};
inline constexpr std::array kDTypes{DType::kF32, DType::kF64, DType::kF16, DType::kBF16};
inline constexpr std::size_t kGuard = 64;
inline constexpr std::uint8_t kPoison = 0xAB;

inline std::size_t size_of(DType dtype) {
  return dtype == DType::kF64 ? 8 : dtype == DType::kF32 ? 4 : 2;
}
inline std::size_t scale_size(DType dtype) {
  return dtype == DType::kF64 ? 8 : 4;
}

// The 16-bit formats by definition: sign, exponent, mantissa.
inline double decode(std::uint16_t bits, int mantissa_bits, int bias) {
  const int exponent = (bits & 0x7fff) >> mantissa_bits, top = (1 << (15 - mantissa_bits)) - 1;
  const double mantissa = (bits & ((1 << mantissa_bits) - 1)) / static_cast<double>(1 << mantissa_bits);
  const double sign = bits & 0x8000 ? -1 : 1;
  if (exponent == top)
    return mantissa == 0 ? sign * std::numeric_limits<double>::infinity()
                         : std::numeric_limits<double>::quiet_NaN();
  return sign * (exponent == 0 ? std::ldexp(mantissa, 1 - bias) : std::ldexp(1 + mantissa, exponent - bias));
}
inline double read(const std::uint8_t* data, std::size_t i, DType dtype) {
  if (dtype == DType::kF64) return reinterpret_cast<const double*>(data)[i];
  if (dtype == DType::kF32) return reinterpret_cast<const float*>(data)[i];
  const auto bits = reinterpret_cast<const std::uint16_t*>(data)[i];
  return dtype == DType::kF16 ? decode(bits, 10, 15) : decode(bits, 7, 127);
}
// Towards zero: any representable value serves as an input.
inline void write(std::uint8_t* data, std::size_t i, DType dtype, double value) {
  if (dtype == DType::kF64) {
    reinterpret_cast<double*>(data)[i] = value;
    return;
  }
  const auto single = static_cast<float>(value);
  if (dtype == DType::kF32) {
    reinterpret_cast<float*>(data)[i] = single;
    return;
  }
  const auto bits = std::bit_cast<std::uint32_t>(single);
  auto& half = reinterpret_cast<std::uint16_t*>(data)[i];
  if (dtype == DType::kBF16) {
    half = static_cast<std::uint16_t>(bits >> 16);
    return;
  }
  const int exponent = static_cast<int>((bits >> 23) & 0xff) - 112;
  const auto sign = static_cast<std::uint16_t>((bits >> 16) & 0x8000);
  if (std::isnan(value) || std::isinf(value))
    half = static_cast<std::uint16_t>(sign | (std::isnan(value) ? 0x7e00 : 0x7c00));
  else if (exponent <= 0)  // too small for a normal: a multiple of 2^-24
    half = static_cast<std::uint16_t>(sign | static_cast<std::uint16_t>(std::abs(value) * 0x1p24));
  else
    half = static_cast<std::uint16_t>(sign | (exponent << 10) | ((bits >> 13) & 0x3ff));
}

struct Outputs {
  std::vector<std::uint8_t> out, codes, scale, zero;
  friend bool operator==(const Outputs&, const Outputs&) = default;
};

struct Case {
  std::int64_t rows, width, group;
  int n_bits;
  Grid grid;
  DType dtype;
  double clip = 1.0;
  std::string text() const {
    return "rows " + std::to_string(rows) + " width " + std::to_string(width) + " group " +
           std::to_string(group) + " bits " + std::to_string(n_bits) + " grid " +
           std::to_string(static_cast<int>(grid)) + " dtype " + std::to_string(static_cast<int>(dtype));
  }
  std::size_t values() const { return static_cast<std::size_t>(rows * width); }
  std::size_t groups() const { return static_cast<std::size_t>(rows * width / group); }
};

inline std::vector<std::uint8_t> normal_values(const Case& c, unsigned seed, double mean = 0.3) {
  std::mt19937 random(seed);
  std::normal_distribution<double> normal(mean, 1.0);
  std::vector<std::uint8_t> x(c.values() * size_of(c.dtype));
  for (std::size_t i = 0; i < c.values(); ++i) write(x.data(), i, c.dtype, normal(random));
  return x;
}

// Runs a variant into poisoned buffers and checks that nothing around them was written.
inline Outputs launch(const FakeQuantVariant& variant, const Case& c, const std::vector<std::uint8_t>& x,
                      bool in_place, const float* ratio = nullptr) {
  const auto buffer = [](std::size_t bytes) {
    return std::vector<std::uint8_t>(bytes + 2 * kGuard, kPoison);
  };
  auto out = buffer(x.size()), codes = buffer(c.values()), scale = buffer(c.groups() * scale_size(c.dtype)),
       zero = scale;
  if (in_place) std::copy(x.begin(), x.end(), out.begin() + kGuard);
  FakeQuantArgs args{in_place ? out.data() + kGuard : x.data(),
                     out.data() + kGuard,
                     c.rows,
                     c.width,
                     c.group,
                     c.n_bits,
                     c.grid,
                     c.clip,
                     c.dtype,
                     codes.data() + kGuard,
                     scale.data() + kGuard,
                     zero.data() + kGuard,
                     ratio};
  EXPECT_TRUE(variant.supports(args));
  EXPECT_EQ(variant.launch(args, nullptr), 0);
  const auto unwrap = [&](const std::vector<std::uint8_t>& wrapped) {
    for (std::size_t i = 0; i < kGuard; ++i)
      EXPECT_TRUE(wrapped[i] == kPoison && wrapped[wrapped.size() - 1 - i] == kPoison)
          << variant.name << " " << c.text();
    return std::vector<std::uint8_t>(wrapped.begin() + kGuard, wrapped.end() - kGuard);
  };
  return {unwrap(out), unwrap(codes), unwrap(scale), unwrap(zero)};
}

inline bool runs_here(const FakeQuantVariant& variant, const Case& c) {
  FakeQuantArgs args{};
  args.rows = c.rows, args.width = c.width, args.group = c.group, args.n_bits = c.n_bits,
  args.dtype = c.dtype;
  return variant.device == Device::kCpu && variant.supports(args);
}

}  // namespace gyre::kernels
