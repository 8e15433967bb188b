#include "model/tensor_loading.h"

#include <algorithm>
#include <cmath>
#include <utility>
#include <vector>

#include "core/error.h"

namespace gyre {
namespace {

constexpr std::pair<torch::ScalarType, format::DType> kDtypes[] = {
    {torch::kFloat64, format::DType::kF64}, {torch::kFloat32, format::DType::kF32},
    {torch::kFloat16, format::DType::kF16}, {torch::kBFloat16, format::DType::kBF16},
    {torch::kInt64, format::DType::kI64},   {torch::kInt32, format::DType::kI32},
    {torch::kUInt8, format::DType::kU8},
};

// Values converted at once: 16 MB of float32.
constexpr std::int64_t kPiece = std::int64_t{1} << 22;

double largest_value(torch::ScalarType dtype) {
  return dtype == torch::kFloat16 ? 65504.0 : 3.38953139e38;
}

// "[3, 17]": where the value stands in the tensor.
std::string position(std::int64_t index, const std::vector<std::int64_t>& shape) {
  std::string text;
  for (std::size_t d = shape.size(); d-- > 0; index /= shape[d])
    text = std::to_string(index % shape[d]) + (text.empty() ? "" : ", ") + text;
  return "[" + text + "]";
}

// Compares magnitudes as integers, which is one pass that vectorizes; not-a-number lies above everything.
void check_values(std::span<const float> values, std::int64_t first, const format::TensorView& view,
                  torch::ScalarType dtype) {
  const auto limit = static_cast<float>(largest_value(dtype));
  const auto limit_bits = __builtin_bit_cast(std::uint32_t, limit);
  std::uint32_t top = 0;
  for (const float value : values)
    top = std::max(top, __builtin_bit_cast(std::uint32_t, value) & 0x7fffffffu);
  if (top <= limit_bits) return;
  const auto bad = std::ranges::find_if(values, [&](float value) { return !(std::abs(value) <= limit); });
  const auto where = position(first + (bad - values.begin()), view.shape);
  GYRE_CHECK(std::isfinite(*bad), ErrorCode::kInput,
             "tensor {}: value {} is {}; the file is damaged or the model diverged in training", view.name,
             where, *bad);
  fail(ErrorCode::kInput, "tensor {}: value {} is {}, too large for {}; use model.dtype=bfloat16 or float32",
       view.name, where, *bad, torch::toString(dtype));
}

// Rows first..first+n of a tensor whose rows are whole blocks of its format.
format::TensorView row_range(const format::TensorView& view, std::int64_t width, std::int64_t first,
                             std::int64_t n) {
  format::TensorView part = view;
  part.shape = {n, width};
  const auto bytes = [&](std::int64_t rows) {
    return static_cast<std::size_t>(
        format::storage_bytes(view.dtype, static_cast<std::uint64_t>(rows * width)));
  };
  part.data = view.data.subspan(bytes(first), bytes(n));
  return part;
}

}  // namespace

std::optional<format::DType> container_dtype(torch::ScalarType dtype) {
  for (const auto& [ours, theirs] : kDtypes)
    if (ours == dtype) return theirs;
  return {};
}

std::optional<torch::ScalarType> torch_dtype(format::DType dtype) {
  for (const auto& [ours, theirs] : kDtypes)
    if (theirs == dtype) return ours;
  return {};
}

torch::Tensor load_tensor(const format::TensorView& view, torch::ScalarType dtype, torch::Device device) {
  const auto width = view.shape.empty() ? 1 : view.shape.back();
  const auto rows = view.numel() / width;
  auto out = torch::empty({rows, width}, torch::dtype(dtype).device(device));
  const bool direct = dtype == torch::kFloat32 && device.is_cpu();
  const auto step = std::max<std::int64_t>(1, kPiece / width);
  auto piece = direct ? torch::Tensor{} : torch::empty({std::min(step, rows), width}, torch::kFloat32);
  for (std::int64_t i = 0; i < rows; i += step) {
    const auto n = std::min(step, rows - i);
    const auto target = out.narrow(0, i, n);
    const auto source = direct ? target : piece.narrow(0, 0, n);
    const std::span<float> values(source.mutable_data_ptr<float>(), static_cast<std::size_t>(n * width));
    format::to_float(row_range(view, width, i, n), values);
    check_values(values, i * width, view, dtype);
    if (!direct) target.copy_(source);
  }
  return out.reshape(view.shape);
}

}  // namespace gyre
