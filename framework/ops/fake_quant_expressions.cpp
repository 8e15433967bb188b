#include "ops/fake_quant_expressions.h"

#include <limits>

namespace gyre {

using kernels::Grid;

QuantizedParts quantize_by_expressions(const torch::Tensor& x, const UniformGrid& grid,
                                       const torch::Tensor& ratio) {
  const auto type = x.scalar_type() == torch::kFloat64 ? torch::kFloat64 : torch::kFloat32;
  const bool wide = type == torch::kFloat64;
  const double smallest =
      wide ? std::numeric_limits<double>::min() : double{std::numeric_limits<float>::min()};
  const double last = (1 << grid.n_bits) - 1, half = 1 << (grid.n_bits - 1);
  const auto v = x.detach().to(type).unflatten(-1, {-1, grid.group_size});  // [..., n / group, group]
  auto lo = v.amin(-1, true) + 0.0, hi = v.amax(-1, true) + 0.0;            // NaN spreads; -0 becomes +0
  const auto finite = lo.isfinite() & hi.isfinite();
  if (grid.grid == Grid::kInteger) {
    lo = lo.clamp_max(0);
    hi = hi.clamp_min(0);
  }
  // A tensor, so that the ratio is rounded to the type as in the kernels.
  const auto p = ratio.defined() ? ratio.to(type).unsqueeze(-1) : torch::full({1}, grid.clip, lo.options());
  const auto start = p * lo;
  // Divisors as tensors too: division by a number may become a product with its reciprocal on some devices.
  const auto over = [&](const torch::Tensor& range, double steps) {
    return range / torch::full_like(range, steps);
  };
  torch::Tensor scale;
  switch (grid.grid) {
    case Grid::kSymmetric:
      scale = over(p * torch::maximum(lo.abs(), hi.abs()), half - 1);
      break;
    case Grid::kNoZero:
      scale = over(p * torch::maximum(lo.abs(), hi.abs()), half - 0.5);
      break;
    case Grid::kInteger:
    case Grid::kReal:
      scale = over(p * hi - start, last);
      break;
  }
  const auto broken = ~(finite & scale.isfinite());
  const auto normal = scale >= smallest;
  const auto inverse = torch::where(normal, torch::ones_like(scale) / scale, torch::zeros_like(scale));
  scale = torch::where(normal, scale, torch::zeros_like(scale))
              .masked_fill(broken, std::numeric_limits<double>::quiet_NaN());

  torch::Tensor codes, zero;
  switch (grid.grid) {
    case Grid::kSymmetric:
      zero = torch::full_like(scale, half);
      codes = (v * inverse).round() + zero;
      break;
    case Grid::kInteger:
      zero = (-start * inverse).clamp(0, last).round() + 0.0;
      codes = (v * inverse).round() + zero;
      break;
    case Grid::kReal:
      zero = torch::where(normal, start, lo);
      codes = ((v - zero) * inverse).round();
      break;
    case Grid::kNoZero:
      zero = torch::full_like(scale, half - 0.5);
      codes = (v * inverse).floor() + half;
      break;
  }
  codes = codes.clamp(0, last).masked_fill(broken, 0).to(torch::kUInt8).flatten(-2);
  zero = zero.masked_fill(broken, 0).squeeze(-1);
  QuantizedParts parts{codes, scale.squeeze(-1), {}, {}};
  (grid.grid == Grid::kReal ? parts.offset : parts.zero_point) = zero;
  return parts;
}

void save_grid(torch::autograd::AutogradContext& context, const UniformGrid& grid) {
  auto& data = context.saved_data;
  data["grid"] = static_cast<std::int64_t>(grid.grid);
  data["n_bits"] = static_cast<std::int64_t>(grid.n_bits);
  data["group_size"] = grid.group_size;
  data["clip"] = grid.clip;
}

UniformGrid saved_grid(const torch::autograd::AutogradContext& context) {
  const auto& data = context.saved_data;
  return {static_cast<Grid>(data.at("grid").toInt()), static_cast<int>(data.at("n_bits").toInt()),
          data.at("group_size").toInt(), data.at("clip").toDouble()};
}

torch::Tensor within_range(const torch::Tensor& x, const UniformGrid& grid, const QuantizedParts& parts) {
  const auto v = x.to(parts.scale.scalar_type()).unflatten(-1, {-1, grid.group_size});
  const auto scale = parts.scale.unsqueeze(-1);
  const auto zero = parts.zero_point.defined() ? parts.zero_point * parts.scale : -parts.offset;
  const auto position = v + zero.unsqueeze(-1);  // in values above code 0
  const double last = (1 << grid.n_bits) - 1;
  return (((position >= -0.5 * scale) & (position <= (last + 0.5) * scale)) | (scale == 0)).flatten(-2);
}

}  // namespace gyre
