#include "ops/fake_quant.h"

#include <optional>
#include <vector>

#include "core/error.h"
#include "ops/cuda_library.h"
#include "ops/fake_quant_expressions.h"

namespace gyre {
namespace {

using kernels::DType;
using torch::autograd::AutogradContext;
using torch::autograd::variable_list;

DType kernel_dtype(const torch::Tensor& x) {
  switch (x.scalar_type()) {
    case torch::kFloat32:
      return DType::kF32;
    case torch::kFloat64:
      return DType::kF64;
    case torch::kFloat16:
      return DType::kF16;
    case torch::kBFloat16:
      return DType::kBF16;
    default:
      fail(ErrorCode::kUnsupported,
           "cannot quantize a tensor of {}; use float32, float64, float16 or bfloat16",
           torch::toString(x.scalar_type()));
  }
}

void check(const torch::Tensor& x, const UniformGrid& grid) {
  kernel_dtype(x);
  GYRE_CHECK(grid.n_bits >= 2 && grid.n_bits <= 8, ErrorCode::kConfig, "n_bits is {}, expected 2 to 8",
             grid.n_bits);
  GYRE_CHECK(x.dim() > 0 && grid.group_size > 0 && x.size(-1) % grid.group_size == 0, ErrorCode::kConfig,
             "group_size {} does not divide the last dimension of a tensor of {} dimensions and size {} "
             "there; use a divisor",
             grid.group_size, x.dim(), x.dim() > 0 ? x.size(-1) : 0);
  GYRE_CHECK(grid.clip > 0, ErrorCode::kConfig, "clip is {}, expected a ratio above 0", grid.clip);
}

std::vector<std::int64_t> group_shape(const torch::Tensor& x, const UniformGrid& grid) {
  auto shape = x.sizes().vec();
  shape.back() /= grid.group_size;
  return shape;
}

torch::Tensor checked_ratio(const torch::Tensor& x, const UniformGrid& grid, const torch::Tensor& ratio) {
  if (!ratio.defined()) return ratio;
  const auto shape = group_shape(x, grid);
  GYRE_CHECK(ratio.sizes() == torch::IntArrayRef(shape), ErrorCode::kConfig,
             "{} clip ratios for {} groups; expected one per group", ratio.numel(),
             x.numel() / grid.group_size);
  return ratio.to(x.device(), torch::kFloat32).contiguous();
}

kernels::FakeQuantArgs kernel_args(const torch::Tensor& x, const UniformGrid& grid,
                                   const torch::Tensor& ratio) {
  kernels::FakeQuantArgs args{};
  args.x = x.const_data_ptr();
  args.width = x.size(-1);
  args.rows = x.numel() / args.width;
  args.group = grid.group_size;
  args.n_bits = grid.n_bits;
  args.grid = grid.grid;
  args.clip = grid.clip;
  args.dtype = kernel_dtype(x);
  args.ratio = ratio.defined() ? ratio.const_data_ptr<float>() : nullptr;
  return args;
}

// False when the device has no kernel.
bool launch(const kernels::FakeQuantArgs& args, torch::Device device) {
  if (device.is_cuda()) return !launch_cuda(args, device).empty();
  if (!device.is_cpu()) return false;
  const auto* variant = kernels::choose(args, kernels::Device::kCpu);
  GYRE_ASSERT(variant != nullptr);
  GYRE_CHECK(variant->launch(args, nullptr) == 0, ErrorCode::kResource, "out of memory in fake quantization");
  return true;
}

torch::Tensor values(const torch::Tensor& given, const UniformGrid& grid, const torch::Tensor& ratio) {
  const auto x = given.contiguous();
  auto out = torch::empty_like(x);
  auto args = kernel_args(x, grid, ratio);
  args.out = out.mutable_data_ptr();
  if (launch(args, x.device())) return out;
  return dequantize_parts(quantize_by_expressions(x, grid, ratio), x.scalar_type());
}

QuantizedParts parts_of(const torch::Tensor& given, const UniformGrid& grid, const torch::Tensor& ratio) {
  const auto x = given.contiguous();
  const auto type = x.scalar_type() == torch::kFloat64 ? torch::kFloat64 : torch::kFloat32;
  QuantizedParts parts{torch::empty_like(x, torch::kUInt8),
                       torch::empty(group_shape(x, grid), x.options().dtype(type)),
                       {},
                       {}};
  auto& zero = grid.grid == kernels::Grid::kReal ? parts.offset : parts.zero_point;
  zero = torch::empty_like(parts.scale);
  auto args = kernel_args(x, grid, ratio);
  args.codes = parts.codes.mutable_data_ptr<std::uint8_t>();
  args.scale = parts.scale.mutable_data_ptr();
  args.zero = zero.mutable_data_ptr();
  return launch(args, x.device()) ? parts : quantize_by_expressions(x, grid, ratio);
}

// Saves x only where something can have been clipped.
struct FakeQuant : torch::autograd::Function<FakeQuant> {
  static torch::Tensor forward(AutogradContext* context, const torch::Tensor& x,
                               const std::optional<torch::Tensor>& given_ratio, const UniformGrid& grid) {
    const auto ratio = given_ratio.value_or(torch::Tensor{});
    if (ratio.defined() || grid.clip < 1) {
      context->save_for_backward({x, ratio});
      save_grid(*context, grid);
    }
    return values(x, grid, ratio);
  }
  static variable_list backward(AutogradContext* context, const variable_list& gradients) {
    if (context->saved_data.empty()) return {gradients[0], {}, {}};
    const auto saved = context->get_saved_variables();
    const auto grid = saved_grid(*context);
    return {gradients[0] * within_range(saved[0], grid, parts_of(saved[0], grid, saved[1])), {}, {}};
  }
};

torch::Tensor fake_quant_any(const torch::Tensor& x, const UniformGrid& grid,
                             const torch::Tensor& given_ratio) {
  check(x, grid);
  const auto ratio = checked_ratio(x, grid, given_ratio);
  if (x.numel() == 0) return x.clone();
  if (torch::GradMode::is_enabled() && x.requires_grad())
    return FakeQuant::apply(x, ratio.defined() ? std::optional(ratio) : std::nullopt, grid);
  return values(x, grid, ratio);
}

QuantizedParts quantize_any(const torch::Tensor& x, const UniformGrid& grid,
                            const torch::Tensor& given_ratio) {
  check(x, grid);
  return parts_of(x.detach(), grid, checked_ratio(x, grid, given_ratio));
}

}  // namespace

torch::Tensor fake_quant(const torch::Tensor& x, const UniformGrid& grid) {
  return fake_quant_any(x, grid, {});
}

QuantizedParts quantize_parts(const torch::Tensor& x, const UniformGrid& grid) {
  return quantize_any(x, grid, {});
}

torch::Tensor fake_quant_clipped(const torch::Tensor& x, const UniformGrid& grid,
                                 const torch::Tensor& ratio) {
  GYRE_ASSERT(ratio.defined());
  return fake_quant_any(x, grid, ratio);
}

QuantizedParts quantize_parts_clipped(const torch::Tensor& x, const UniformGrid& grid,
                                      const torch::Tensor& ratio) {
  GYRE_ASSERT(ratio.defined());
  return quantize_any(x, grid, ratio);
}

torch::Tensor dequantize_parts(const QuantizedParts& parts, torch::ScalarType dtype) {
  GYRE_ASSERT(parts.zero_point.defined() != parts.offset.defined());
  const auto& scale = parts.scale;
  const auto codes = parts.codes.to(scale.scalar_type()).unflatten(-1, {scale.size(-1), -1});
  const auto values = parts.offset.defined() ? codes * scale.unsqueeze(-1) + parts.offset.unsqueeze(-1)
                                             : (codes - parts.zero_point.unsqueeze(-1)) * scale.unsqueeze(-1);
  return values.flatten(-2).to(dtype);
}

torch::Tensor search_clip(const torch::Tensor& w, const UniformGrid& grid, double power) {
  check(w, grid);
  const auto x = w.detach()
                     .to(torch::kCPU, w.scalar_type() == torch::kFloat64 ? torch::kFloat64 : torch::kFloat32)
                     .contiguous();
  auto ratio = torch::empty(group_shape(x, grid), torch::kFloat32);
  const kernels::ClipSearchArgs args{x.const_data_ptr(),
                                     x.numel() / x.size(-1),
                                     x.size(-1),
                                     grid.group_size,
                                     grid.n_bits,
                                     grid.grid,
                                     power,
                                     kernel_dtype(x),
                                     ratio.mutable_data_ptr<float>()};
  GYRE_CHECK(kernels::clip_search(args) == 0, ErrorCode::kUnsupported,
             "no clip search for error power {}; use 2.4 or 2", power);
  return ratio.to(w.device());
}

}  // namespace gyre
