#include "ops/learned_quant_kernels.h"

#include "core/error.h"
#include "kernels/learned_quant.h"

namespace gyre::learned {
namespace {

kernels::DType dtype_of(const torch::Tensor& x) {
  GYRE_ASSERT(x.scalar_type() == torch::kFloat32 || x.scalar_type() == torch::kFloat64);
  return x.scalar_type() == torch::kFloat64 ? kernels::DType::kF64 : kernels::DType::kF32;
}

// Memory of a tensor that goes with x, n values.
const void* data(const torch::Tensor& t, const torch::Tensor& x, std::int64_t n) {
  GYRE_ASSERT(t.is_cpu() && t.is_contiguous() && t.scalar_type() == x.scalar_type() && t.numel() == n);
  return t.const_data_ptr();
}

kernels::LevelQuantArgs level_args(const torch::Tensor& x, const torch::Tensor& knots,
                                   const torch::Tensor& levels) {
  kernels::LevelQuantArgs args{};
  args.x = data(x, x, x.numel());
  args.groups = x.size(0);
  args.group = x.size(1);
  args.n_levels = static_cast<int>(knots.size(1));
  args.knots = data(knots, x, x.size(0) * knots.size(1));
  args.levels = data(levels, x, knots.numel());
  args.dtype = dtype_of(x);
  return args;
}

kernels::StepQuantArgs step_args(const torch::Tensor& x, const torch::Tensor& step, const Grid& grid) {
  kernels::StepQuantArgs args{};
  args.x = data(x, x, x.numel());
  args.groups = x.size(0);
  args.group = x.size(1);
  args.n_bits = grid.n_bits;
  args.lowest = grid.lowest;
  args.margin = grid.margin;
  args.step = data(step, x, x.size(0));
  args.dtype = dtype_of(x);
  return args;
}

}  // namespace

torch::Tensor groups_of(const torch::Tensor& x, std::int64_t group_size) {
  GYRE_CHECK(x.dim() > 0 && group_size > 0 && x.size(-1) % group_size == 0, ErrorCode::kConfig,
             "group_size {} does not divide the last dimension of a tensor of {} dimensions and size {} "
             "there; use a divisor",
             group_size, x.dim(), x.dim() > 0 ? x.size(-1) : 0);
  GYRE_CHECK(x.is_floating_point(), ErrorCode::kUnsupported,
             "cannot quantize a tensor of {}; use float32, float64, float16 or bfloat16",
             torch::toString(x.scalar_type()));
  const auto type = x.scalar_type() == torch::kFloat64 ? torch::kFloat64 : torch::kFloat32;
  return x.detach().to(type).reshape({-1, group_size}).contiguous();
}

Range range(const torch::Tensor& x) {
  if (!x.is_cpu()) return expressions::range(x);
  Range range{torch::empty({x.size(0)}, x.options()), torch::empty({x.size(0)}, x.options())};
  const kernels::GroupRangeArgs args{
      data(x, x, x.numel()),      x.size(0), x.size(1), dtype_of(x), range.lo.mutable_data_ptr(),
      range.hi.mutable_data_ptr()};
  GYRE_ASSERT(kernels::group_range(args) == 0);
  return range;
}

torch::Tensor level_values(const torch::Tensor& x, const torch::Tensor& knots, const torch::Tensor& levels) {
  if (!x.is_cpu()) return expressions::level_values(x, knots, levels);
  auto out = torch::empty_like(x);
  auto args = level_args(x, knots, levels);
  args.out = out.mutable_data_ptr();
  GYRE_ASSERT(kernels::level_quant(args) == 0);
  return out;
}

torch::Tensor level_codes(const torch::Tensor& x, const torch::Tensor& knots) {
  if (!x.is_cpu()) return expressions::level_codes(x, knots);
  auto codes = torch::empty_like(x, torch::kUInt8);
  auto args = level_args(x, knots, knots);
  args.codes = codes.mutable_data_ptr<std::uint8_t>();
  GYRE_ASSERT(kernels::level_quant(args) == 0);
  return codes;
}

LevelGradients level_gradients(const torch::Tensor& x, const torch::Tensor& knots,
                               const torch::Tensor& gradient, bool hats) {
  if (!x.is_cpu()) return expressions::level_gradients(x, knots, gradient, hats);
  LevelGradients result{torch::empty_like(x), torch::empty_like(knots), {}};
  if (hats) result.knots = torch::empty_like(knots);
  const kernels::LevelQuantBackwardArgs args{level_args(x, knots, knots), data(gradient, x, x.numel()),
                                             result.x.mutable_data_ptr(), result.levels.mutable_data_ptr(),
                                             hats ? result.knots.mutable_data_ptr() : nullptr};
  GYRE_ASSERT(kernels::level_quant_backward(args) == 0);
  return result;
}

torch::Tensor step_values(const torch::Tensor& x, const torch::Tensor& step, const Grid& grid) {
  if (!x.is_cpu()) return expressions::step_values(x, step, grid);
  auto out = torch::empty_like(x);
  auto args = step_args(x, step, grid);
  args.out = out.mutable_data_ptr();
  GYRE_ASSERT(kernels::step_quant(args) == 0);
  return out;
}

StepCodes step_codes(const torch::Tensor& x, const torch::Tensor& step, const Grid& grid) {
  if (!x.is_cpu()) return expressions::step_codes(x, step, grid);
  StepCodes result{torch::empty_like(x, torch::kUInt8), torch::empty_like(step)};
  auto args = step_args(x, step, grid);
  args.codes = result.codes.mutable_data_ptr<std::uint8_t>();
  args.scale = result.scale.mutable_data_ptr();
  GYRE_ASSERT(kernels::step_quant(args) == 0);
  return result;
}

StepGradients step_gradients(const torch::Tensor& x, const torch::Tensor& step, const torch::Tensor& gradient,
                             const Grid& grid) {
  if (!x.is_cpu()) return expressions::step_gradients(x, step, gradient, grid);
  StepGradients result{torch::empty_like(x), torch::empty_like(step)};
  const kernels::StepQuantBackwardArgs args{step_args(x, step, grid), data(gradient, x, x.numel()),
                                            result.x.mutable_data_ptr(), result.step.mutable_data_ptr()};
  GYRE_ASSERT(kernels::step_quant_backward(args) == 0);
  return result;
}

}  // namespace gyre::learned
