#include "core/error.h"
#include "format/dequantize.h"
#include "format/half.h"
#include "format/tensors.h"

namespace gyre::format {
namespace {

template <typename T, typename Convert>
void each(const std::byte* __restrict in, std::span<float> out, Convert convert) {
  const std::size_t n = out.size();
  float* __restrict values = out.data();
  for (std::size_t i = 0; i < n; ++i) values[i] = convert(load<T>(in + i * sizeof(T)));
}

template <typename T>
void numbers(const std::byte* in, std::span<float> out) {
  each<T>(in, out, [](T value) { return static_cast<float>(value); });
}

}  // namespace

void to_float(const TensorView& tensor, std::span<float> out) {
  GYRE_ASSERT(out.size() == static_cast<std::size_t>(tensor.numel()));
  GYRE_ASSERT(tensor.data.size() == storage_bytes(tensor.dtype, out.size()));
  if (out.empty()) return;
  const std::byte* in = tensor.data.data();
  const auto n = static_cast<std::int64_t>(out.size());
  switch (tensor.dtype) {
    case DType::kF64:
      return numbers<double>(in, out);
    case DType::kF32:
      std::memcpy(out.data(), in, out.size_bytes());
      return;
    case DType::kF16:
      return each<std::uint16_t>(in, out, [](std::uint16_t h) { return half_to_float(h); });
    case DType::kBF16:
      return each<std::uint16_t>(in, out, [](std::uint16_t b) { return bfloat_to_float(b); });
    case DType::kI64:
      return numbers<std::int64_t>(in, out);
    case DType::kI32:
      return numbers<std::int32_t>(in, out);
    case DType::kI16:
      return numbers<std::int16_t>(in, out);
    case DType::kI8:
      return numbers<std::int8_t>(in, out);
    case DType::kU8:
      return numbers<std::uint8_t>(in, out);
    case DType::kBool:
      return each<std::uint8_t>(in, out, [](std::uint8_t b) { return b != 0 ? 1.0f : 0.0f; });
    case DType::kQ4_0:
      return dequantize_q4_0(in, out.data(), n / 32);
    case DType::kQ4_1:
      return dequantize_q4_1(in, out.data(), n / 32);
    case DType::kQ5_0:
      return dequantize_q5_0(in, out.data(), n / 32);
    case DType::kQ5_1:
      return dequantize_q5_1(in, out.data(), n / 32);
    case DType::kQ8_0:
      return dequantize_q8_0(in, out.data(), n / 32);
    case DType::kQ4_K:
      return dequantize_q4_k(in, out.data(), n / 256);
    case DType::kQ6_K:
      return dequantize_q6_k(in, out.data(), n / 256);
  }
  GYRE_ASSERT(false);
}

}  // namespace gyre::format
