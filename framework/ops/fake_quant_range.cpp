// The gradient of fake quantization in the ends of its groups.
#include <optional>

#include "ops/fake_quant_expressions.h"

namespace gyre {
namespace {

using kernels::Grid;
using torch::Tensor;
using torch::autograd::AutogradContext;
using torch::autograd::variable_list;

// The scale over the range (hi - lo, or the largest magnitude), before the ratio.
double scale_over_range(const UniformGrid& grid) {
  const double half = 1 << (grid.n_bits - 1);
  switch (grid.grid) {
    case Grid::kSymmetric:
      return 1 / (half - 1);
    case Grid::kNoZero:
      return 1 / (half - 0.5);
    default:
      return 1 / (2 * half - 1);
  }
}

// Adds the gradients of scale and offset, [..., groups, 1], to those of the values that are the group's ends.
void add_to_ends(Tensor& gradient, const Tensor& v, const UniformGrid& grid, const Tensor& ratio,
                 const Tensor& of_scale, const Tensor& of_offset) {
  const auto of_range = of_scale * scale_over_range(grid) * ratio;
  if (grid.grid == Grid::kSymmetric || grid.grid == Grid::kNoZero) {
    const auto largest = v.abs().argmax(-1, /*keepdim=*/true);
    gradient.scatter_add_(-1, largest, of_range * v.gather(-1, largest).sign());
    return;
  }
  const auto highest = v.argmax(-1, true), lowest = v.argmin(-1, true);
  auto of_high = of_range, of_low = -of_range;
  if (grid.grid == Grid::kInteger) {  // zero is in the range, and may be its end
    of_high = of_high * (v.gather(-1, highest) > 0);
    of_low = of_low * (v.gather(-1, lowest) < 0);
  } else {
    of_low = of_low + of_offset * ratio;
  }
  gradient.scatter_add_(-1, highest, of_high);
  gradient.scatter_add_(-1, lowest, of_low);
}

struct ThroughRange : torch::autograd::Function<ThroughRange> {
  static Tensor forward(AutogradContext* context, const Tensor& x, const std::optional<Tensor>& ratio,
                        const UniformGrid& grid) {
    context->save_for_backward({x, ratio.value_or(Tensor{})});
    save_grid(*context, grid);
    return ratio ? fake_quant_clipped(x.detach(), grid, *ratio) : fake_quant(x.detach(), grid);
  }
  static variable_list backward(AutogradContext* context, const variable_list& gradients) {
    const auto saved = context->get_saved_variables();
    const auto grid = saved_grid(*context);
    const auto x = saved[0].detach();
    const auto parts =
        saved[1].defined() ? quantize_parts_clipped(x, grid, saved[1]) : quantize_parts(x, grid);
    const auto wide = parts.scale.scalar_type();
    const auto in_groups = [&](const Tensor& t) { return t.to(wide).unflatten(-1, {-1, grid.group_size}); };
    const auto v = in_groups(x), g = in_groups(gradients[0]), scale = parts.scale.unsqueeze(-1);
    const auto inside = within_range(x, grid, parts).unflatten(-1, {-1, grid.group_size});
    const auto level = parts.offset.defined() ? in_groups(parts.codes)
                                              : in_groups(parts.codes) - parts.zero_point.unsqueeze(-1);
    const auto zero = parts.offset.defined() ? parts.offset.unsqueeze(-1) : torch::zeros_like(scale);
    // Inside, the value is x + scale * residual with the residual held.
    const auto residual = (level - (v - zero) / scale).masked_fill(scale == 0, 0);
    auto gradient = g * inside;
    const auto of_scale = (g * torch::where(inside, residual, level)).sum(-1, true);
    const auto of_offset = (g - gradient).sum(-1, true);
    const auto ratio =
        saved[1].defined() ? saved[1].to(wide).unsqueeze(-1) : torch::full({1}, grid.clip, v.options());
    add_to_ends(gradient, v, grid, ratio, of_scale, of_offset);
    return {gradient.flatten(-2).to(x.scalar_type()), {}, {}};
  }
};

}  // namespace

Tensor fake_quant_through_range(const Tensor& x, const UniformGrid& grid, const Tensor& ratio) {
  if (x.numel() > 0 && torch::GradMode::is_enabled() && x.requires_grad())
    return ThroughRange::apply(x, ratio.defined() ? std::optional(ratio) : std::nullopt, grid);
  return ratio.defined() ? fake_quant_clipped(x, grid, ratio) : fake_quant(x, grid);
}

}  // namespace gyre
