#include "format/dequantize.h"

#include "format/half.h"

namespace gyre::format {
namespace {

float half_at(const std::byte* at) {
  return half_to_float(load<std::uint16_t>(at));
}

// __restrict here and below: bytes may alias anything, and without it no loop vectorizes. value says what a
// code means.
template <typename Value>
void four_bits(const std::byte* __restrict codes, float* __restrict out, Value value) {
  for (int j = 0; j < 16; ++j) {
    const int both = std::to_integer<int>(codes[j]);
    out[j] = value(both & 15);
    out[j + 16] = value(both >> 4);
  }
}

// The fifth bits of all 32 values lie in one word, in order.
template <typename Value>
void five_bits(const std::byte* high, const std::byte* __restrict codes, float* __restrict out, Value value) {
  const auto bits = load<std::uint32_t>(high);
  for (int j = 0; j < 16; ++j) {
    const int both = std::to_integer<int>(codes[j]);
    out[j] = value((both & 15) | static_cast<int>((bits >> j & 1u) << 4));
    out[j + 16] = value((both >> 4) | static_cast<int>((bits >> (j + 16) & 1u) << 4));
  }
}

}  // namespace

void dequantize_q4_0(const std::byte* __restrict in, float* __restrict out, std::int64_t blocks) {
  for (std::int64_t b = 0; b < blocks; ++b, in += 18, out += 32) {
    const float d = half_at(in);
    four_bits(in + 2, out, [=](int q) { return d * static_cast<float>(q - 8); });
  }
}

void dequantize_q4_1(const std::byte* __restrict in, float* __restrict out, std::int64_t blocks) {
  for (std::int64_t b = 0; b < blocks; ++b, in += 20, out += 32) {
    const float d = half_at(in), m = half_at(in + 2);
    four_bits(in + 4, out, [=](int q) { return d * static_cast<float>(q) + m; });
  }
}

void dequantize_q5_0(const std::byte* __restrict in, float* __restrict out, std::int64_t blocks) {
  for (std::int64_t b = 0; b < blocks; ++b, in += 22, out += 32) {
    const float d = half_at(in);
    five_bits(in + 2, in + 6, out, [=](int q) { return d * static_cast<float>(q - 16); });
  }
}

void dequantize_q5_1(const std::byte* __restrict in, float* __restrict out, std::int64_t blocks) {
  for (std::int64_t b = 0; b < blocks; ++b, in += 24, out += 32) {
    const float d = half_at(in), m = half_at(in + 2);
    five_bits(in + 4, in + 8, out, [=](int q) { return d * static_cast<float>(q) + m; });
  }
}

void dequantize_q8_0(const std::byte* __restrict in, float* __restrict out, std::int64_t blocks) {
  for (std::int64_t b = 0; b < blocks; ++b, in += 34, out += 32) {
    const float d = half_at(in);
    for (int j = 0; j < 32; ++j) out[j] = d * static_cast<float>(load<std::int8_t>(in + 2 + j));
  }
}

// d, dmin, 12 bytes with eight 6-bit pairs (s, t), 128 bytes of codes: 64 values share 32 bytes, first the
// low halves. Pairs 0..3 are the low six bits of bytes j and j + 4; pairs 4..7 take their low four bits from
// byte j + 4 and their high two from what the first eight bytes leave.
void dequantize_q4_k(const std::byte* __restrict in, float* __restrict out, std::int64_t blocks) {
  for (std::int64_t b = 0; b < blocks; ++b, in += 144) {
    const float d = half_at(in), dmin = half_at(in + 2);
    float scale[8], offset[8];
    const auto packed = [&](int j) { return std::to_integer<int>(in[4 + j]); };
    for (int j = 0; j < 8; ++j) {
      const int s = j < 4 ? packed(j) & 63 : (packed(j + 4) & 15) | packed(j - 4) >> 6 << 4;
      const int t = j < 4 ? packed(j + 4) & 63 : packed(j + 4) >> 4 | packed(j) >> 6 << 4;
      scale[j] = d * static_cast<float>(s);
      offset[j] = dmin * static_cast<float>(t);
    }
    for (int j = 0; j < 8; j += 2, out += 64) {
      const std::byte* codes = in + 16 + j / 2 * 32;
      for (int i = 0; i < 32; ++i) {
        const int both = std::to_integer<int>(codes[i]);
        out[i] = scale[j] * static_cast<float>(both & 15) - offset[j];
        out[i + 32] = scale[j + 1] * static_cast<float>(both >> 4) - offset[j + 1];
      }
    }
  }
}

// 128 bytes of low four bits, 64 bytes of high two bits, 16 scales, d. Each half of 128 values: four runs of
// 32, the low bits of runs 0 and 2 in bytes 0..31, those of 1 and 3 in bytes 32..63; run r has bits 2r and 2r
// + 1 of the high bytes.
void dequantize_q6_k(const std::byte* __restrict in, float* __restrict out, std::int64_t blocks) {
  for (std::int64_t b = 0; b < blocks; ++b, in += 210) {
    const float d = half_at(in + 208);
    for (int run = 0; run < 8; ++run, out += 32) {
      const std::byte* low = in + run / 4 * 64 + run % 2 * 32;
      const std::byte* high = in + 128 + run / 4 * 32;
      const std::byte* scales = in + 192 + run * 2;
      const int low_shift = run % 4 / 2 * 4, high_shift = run % 4 * 2;
      const float scale[2] = {d * static_cast<float>(load<std::int8_t>(scales)),
                              d * static_cast<float>(load<std::int8_t>(scales + 1))};
      for (int half = 0; half < 2; ++half)
        for (int i = half * 16; i < half * 16 + 16; ++i) {
          const int q = (std::to_integer<int>(low[i]) >> low_shift & 15) |
                        (std::to_integer<int>(high[i]) >> high_shift & 3) << 4;
          out[i] = scale[half] * static_cast<float>(q - 32);
        }
    }
  }
}

}  // namespace gyre::format
