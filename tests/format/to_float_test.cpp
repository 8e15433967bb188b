// Every dtype against its definition, value by value in double: all of them are exact there, so that one
// rounding to float32 gives the only right answer and results are compared bit for bit.
#include <gtest/gtest.h>

#include <bit>
#include <cmath>
#include <cstring>
#include <limits>

#include "core/digest.h"
#include "core/seed.h"
#include "format/tensors.h"

namespace gyre::format {
namespace {

using Bytes = std::vector<std::uint8_t>;

// Data at an odd address: containers promise no alignment.
std::vector<float> converted(DType dtype, const Bytes& bytes, std::int64_t count) {
  std::vector<std::byte> shifted(bytes.size() + 1);
  if (!bytes.empty()) std::memcpy(shifted.data() + 1, bytes.data(), bytes.size());
  std::vector<float> out(static_cast<std::size_t>(count));
  to_float({"x", dtype, {count}, std::span<const std::byte>(shifted).subspan(1)}, out);
  return out;
}

template <typename T>
std::vector<float> converted(DType dtype, const std::vector<T>& values) {
  Bytes bytes(values.size() * sizeof(T));
  std::memcpy(bytes.data(), values.data(), bytes.size());
  return converted(dtype, bytes, static_cast<std::int64_t>(values.size()));
}

void expect_same(float actual, double expected, std::size_t index) {
  if (std::isnan(expected))
    EXPECT_TRUE(std::isnan(actual)) << index;
  else
    EXPECT_EQ(std::bit_cast<std::uint32_t>(actual),
              std::bit_cast<std::uint32_t>(static_cast<float>(expected)))
        << "at " << index << ": " << actual << ", expected " << expected;
}

double small_float(int bits, int exponent_bits, int mantissa_bits) {
  const int mantissa = bits & ((1 << mantissa_bits) - 1),
            exponent = bits >> mantissa_bits & ((1 << exponent_bits) - 1);
  const int bias = (1 << (exponent_bits - 1)) - 1;
  const double sign = bits >> (mantissa_bits + exponent_bits) ? -1 : 1;
  if (exponent == (1 << exponent_bits) - 1)
    return mantissa ? std::numeric_limits<double>::quiet_NaN()
                    : sign * std::numeric_limits<double>::infinity();
  if (exponent == 0) return sign * std::ldexp(mantissa, 1 - bias - mantissa_bits);
  return sign * std::ldexp(mantissa + (1 << mantissa_bits), exponent - bias - mantissa_bits);
}

double half(const std::uint8_t* at) {
  return small_float(at[0] | at[1] << 8, 5, 10);
}

// Value i of a block, from the layouts in ggml's documentation.
int nibble(const std::uint8_t* codes, int i) {
  return i < 16 ? codes[i] % 16 : codes[i - 16] / 16;
}
int fifth(const std::uint8_t* high, int i) {
  return high[i / 8] >> (i % 8) & 1;
}

double q4_0(const std::uint8_t* b, int i) {
  return half(b) * (nibble(b + 2, i) - 8);
}
double q4_1(const std::uint8_t* b, int i) {
  return half(b) * nibble(b + 4, i) + half(b + 2);
}
double q5_0(const std::uint8_t* b, int i) {
  return half(b) * (nibble(b + 6, i) + 16 * fifth(b + 2, i) - 16);
}
double q5_1(const std::uint8_t* b, int i) {
  return half(b) * (nibble(b + 8, i) + 16 * fifth(b + 4, i)) + half(b + 2);
}
double q8_0(const std::uint8_t* b, int i) {
  return half(b) * (b[2 + i] < 128 ? b[2 + i] : b[2 + i] - 256);
}

double q4_k(const std::uint8_t* b, int i) {
  const int group = i / 32;
  const std::uint8_t* packed = b + 4;
  int scale = packed[group % 4] % 64, minimum = packed[group % 4 + 4] % 64;
  if (group >= 4) {
    scale = packed[group + 4] % 16 + packed[group - 4] / 64 * 16;
    minimum = packed[group + 4] / 16 + packed[group] / 64 * 16;
  }
  const int byte = b[16 + i / 64 * 32 + i % 32];
  return half(b) * scale * (i % 64 < 32 ? byte % 16 : byte / 16) - half(b + 2) * minimum;
}

double q6_k(const std::uint8_t* b, int i) {
  const int part = i / 128, run = i % 128 / 32, l = i % 32;
  const int low_byte = b[part * 64 + (run % 2) * 32 + l], high_byte = b[128 + part * 32 + l];
  const int low = run < 2 ? low_byte % 16 : low_byte / 16, high = high_byte >> (2 * run) & 3;
  const int scale = static_cast<std::int8_t>(b[192 + i / 16]);
  return half(b + 208) * scale * (low + 16 * high - 32);
}

struct Format {
  DType dtype;
  int values, bytes;
  std::vector<int> halves;  // where the float16 scales are
  double (*value)(const std::uint8_t*, int);
  const char* digest;
};

// Digests: SHA-256 of the float32 values that gguf-py 0.19.0 (quants.dequantize) gives for 64 blocks of the
// bytes that small_scales() makes.
const Format kFormats[] = {
    {DType::kQ4_0, 32, 18, {0}, q4_0, "b898027311482795e3b3ec86f2c507c723e26e0dc6928abbb93065dd56d30a4c"},
    {DType::kQ4_1, 32, 20, {0, 2}, q4_1, "d85182e3542dad27df10af4ff5cf3885e73b5be8ca540df928f612c4de0ce0b8"},
    {DType::kQ5_0, 32, 22, {0}, q5_0, "b6f81b395603fa9598b52515cd365058012c42a9adccd49c54ae55285d5a5cf0"},
    {DType::kQ5_1, 32, 24, {0, 2}, q5_1, "af296a3c3eaba5b00b390bf5aa1eb3cfddd4e2515319eecf4d760313cc0cf81d"},
    {DType::kQ8_0, 32, 34, {0}, q8_0, "5cd30fbd5c5638425ca4d93fd54f9940b1f1c1e4c3f60f285f19c4f37e27f8c1"},
    {DType::kQ4_K,
     256,
     144,
     {0, 2},
     q4_k,
     "31ef4ef4b1ba3983278064e1b2b10cd22f1184a565833a7ae9d517bda9e1c07b"},
    {DType::kQ6_K, 256, 210, {208}, q6_k, "d9b070473ff7851ad3a30bc804f3424c2cb8fcabd2960a0ae058772ae6cda1a6"},
};

constexpr int kBlocks = 64;

// Bytes of a linear congruential generator; scales made smaller than 2, so that there is no infinity among
// them.
Bytes small_scales(const Format& format) {
  Bytes bytes(static_cast<std::size_t>(kBlocks * format.bytes));
  std::uint32_t state = 1;
  for (auto& byte : bytes) {
    state = state * 1664525u + 1013904223u;
    byte = static_cast<std::uint8_t>(state >> 24);
  }
  for (int block = 0; block < kBlocks; ++block)
    for (const int at : format.halves) bytes[static_cast<std::size_t>(block * format.bytes + at + 1)] &= 0xbf;
  return bytes;
}

void expect_definition(const Format& format, const Bytes& bytes) {
  const auto n = static_cast<int>(bytes.size()) / format.bytes * format.values;
  const auto values = converted(format.dtype, bytes, n);
  for (int i = 0; i < n; ++i) {
    const auto* block = bytes.data() + i / format.values * format.bytes;
    expect_same(values[static_cast<std::size_t>(i)], format.value(block, i % format.values),
                static_cast<std::size_t>(i));
    if (testing::Test::HasFailure()) FAIL() << dtype_name(format.dtype) << " block " << i / format.values;
  }
}

TEST(ToFloat, BlockFormatsFollowTheirDefinition) {
  Rng rng(derive_seed(7, "to_float"));
  for (const auto& format : kFormats) {
    expect_definition(format, small_scales(format));
    // Any bytes at all: scales may be subnormal, infinite or not a number.
    Bytes any(static_cast<std::size_t>(4 * kBlocks * format.bytes));
    for (auto& byte : any) byte = static_cast<std::uint8_t>(rng.next());
    expect_definition(format, any);
    for (const std::uint8_t fill : {0x00, 0x01, 0x7b, 0x80, 0xfb, 0xff})
      expect_definition(format, Bytes(static_cast<std::size_t>(2 * format.bytes), fill));
  }
}

TEST(ToFloat, BlockFormatsAgreeWithGgufPy) {
  for (const auto& format : kFormats) {
    const auto values = converted(format.dtype, small_scales(format), kBlocks * format.values);
    Sha256 sha;
    sha.update(std::as_bytes(std::span(values)));
    EXPECT_EQ(sha.hex(), format.digest) << dtype_name(format.dtype);
  }
}

TEST(ToFloat, EveryFloat16AndBfloat16IsExact) {
  std::vector<std::uint16_t> all(1 << 16);
  for (std::size_t i = 0; i < all.size(); ++i) all[i] = static_cast<std::uint16_t>(i);
  const auto halves = converted(DType::kF16, all), bfloats = converted(DType::kBF16, all);
  for (std::size_t i = 0; i < all.size(); ++i) {
    expect_same(halves[i], small_float(static_cast<int>(i), 5, 10), i);
    expect_same(bfloats[i], small_float(static_cast<int>(i), 8, 7), i);
  }
}

TEST(ToFloat, Float32KeepsItsBits) {
  const std::vector<std::uint32_t> bits{0,          0x80000000, 1,          0x3f800000,
                                        0x7f7fffff, 0x7f800000, 0x7fc12345, 0x7fa00001};
  const auto values = converted(DType::kF32, bits);
  for (std::size_t i = 0; i < bits.size(); ++i) EXPECT_EQ(std::bit_cast<std::uint32_t>(values[i]), bits[i]);
}

TEST(ToFloat, Float64IsRoundedToNearestEven) {
  const double ulp = 0x1p-23;
  const auto values =
      converted<double>(DType::kF64, {1 + ulp / 2, 1 + ulp, 1 + ulp * 1.5, 1 + ulp * 0.51, -0x1p-149});
  EXPECT_EQ(values[0], 1.0f);
  EXPECT_EQ(values[1], static_cast<float>(1 + ulp));
  EXPECT_EQ(values[2], static_cast<float>(1 + 2 * ulp));
  EXPECT_EQ(values[3], static_cast<float>(1 + ulp));
  EXPECT_EQ(values[4], -0x1p-149f);
}

TEST(ToFloat, IntegersAndBooleansAreTheirValues) {
  EXPECT_EQ(converted<std::int64_t>(DType::kI64, {-3, (std::int64_t{1} << 40) + 1, INT64_MIN}),
            (std::vector<float>{-3, 0x1p40f, -0x1p63f}));
  EXPECT_EQ(converted<std::int32_t>(DType::kI32, {-3, 1 << 20, INT32_MIN}),
            (std::vector<float>{-3, 0x1p20f, -0x1p31f}));
  EXPECT_EQ(converted<std::int16_t>(DType::kI16, {-3, 255, INT16_MIN}),
            (std::vector<float>{-3, 255, -32768}));
  EXPECT_EQ(converted<std::int8_t>(DType::kI8, {-3, 127, INT8_MIN}), (std::vector<float>{-3, 127, -128}));
  EXPECT_EQ(converted<std::uint8_t>(DType::kU8, {0, 127, 255}), (std::vector<float>{0, 127, 255}));
  EXPECT_EQ(converted<std::uint8_t>(DType::kBool, {0, 1, 2}), (std::vector<float>{0, 1, 1}));
}

TEST(ToFloat, TakesTensorsWithoutValues) {
  for (const auto dtype : {DType::kF32, DType::kQ4_K}) EXPECT_TRUE(converted(dtype, Bytes{}, 0).empty());
}

using ToFloatDeathTest = testing::Test;

TEST(ToFloatDeathTest, StopsWhenSizesDoNotFit) {
  const std::vector<std::byte> data(8);
  std::vector<float> two(2), three(3);
  EXPECT_DEATH(to_float({"x", DType::kF32, {2}, data}, three), "out.size");
  EXPECT_DEATH(to_float({"x", DType::kF16, {2}, data}, two), "data.size");
}

}  // namespace
}  // namespace gyre::format
