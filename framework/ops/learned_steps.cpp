#include "ops/learned_steps.h"

#include "core/error.h"
#include "ops/learned_quant_kernels.h"

namespace gyre {
namespace {

using torch::autograd::AutogradContext;
using torch::autograd::variable_list;

// One step per group, rounded as it is stored.
torch::Tensor stored_steps(const torch::Tensor& step, const torch::Tensor& groups, std::int64_t per_row) {
  const auto flat = step.detach().to(groups.device()).flatten();
  const auto stored = flat.clamp_min(0).to(torch::kFloat16).to(groups.scalar_type());
  if (stored.numel() == groups.size(0)) return stored.contiguous();
  return stored.expand({groups.size(0) / per_row, per_row}).flatten().contiguous();
}

void check(const torch::Tensor& x, const torch::Tensor& step, const StepGrid& grid) {
  GYRE_ASSERT(x.dim() > 0 && grid.group_size > 0);
  const auto per_row = x.size(-1) / grid.group_size, groups = x.numel() / grid.group_size;
  GYRE_CHECK(step.numel() == groups || step.numel() == per_row, ErrorCode::kConfig,
             "{} steps for {} groups, {} in a row; expected one per group, or one per group of a row",
             step.numel(), groups, per_row);
}

struct FakeQuantSteps : torch::autograd::Function<FakeQuantSteps> {
  static torch::Tensor forward(AutogradContext* context, const torch::Tensor& x, const torch::Tensor& step,
                               const StepGrid& grid, double gradient_scale) {
    const auto groups = learned::groups_of(x, grid.group_size);
    const auto steps = stored_steps(step, groups, x.size(-1) / grid.group_size);
    context->save_for_backward({x, step, steps});
    context->saved_data["n_bits"] = static_cast<std::int64_t>(grid.n_bits);
    context->saved_data["lowest"] = grid.lowest;
    context->saved_data["margin"] = grid.margin;
    context->saved_data["group_size"] = grid.group_size;
    context->saved_data["gradient_scale"] = gradient_scale;
    return learned::step_values(groups, steps, {grid.n_bits, grid.lowest, grid.margin})
        .view(x.sizes())
        .to(x.scalar_type());
  }

  static variable_list backward(AutogradContext* context, const variable_list& gradients) {
    const auto saved = context->get_saved_variables();
    const auto &x = saved[0], &step = saved[1];
    const auto& data = context->saved_data;
    const learned::Grid grid{static_cast<int>(data.at("n_bits").toInt()), data.at("lowest").toDouble(),
                             data.at("margin").toDouble()};
    const auto group_size = data.at("group_size").toInt();
    const auto groups = learned::groups_of(x, group_size);
    auto [grad_x, grad_step] =
        learned::step_gradients(groups, saved[2], learned::groups_of(gradients[0], group_size), grid);
    if (grad_step.numel() != step.numel()) grad_step = grad_step.view({-1, step.numel()}).sum(0);
    grad_step = grad_step * data.at("gradient_scale").toDouble();
    return {
        grad_x.view(x.sizes()).to(x.scalar_type()), grad_step.view(step.sizes()).to(step.options()), {}, {}};
  }
};

}  // namespace

torch::Tensor fake_quant_steps(const torch::Tensor& x, const torch::Tensor& step, const StepGrid& grid,
                               double gradient_scale) {
  check(x, step, grid);
  return FakeQuantSteps::apply(x, step, grid, gradient_scale);
}

QuantizedParts quantize_steps(const torch::Tensor& x, const torch::Tensor& step, const StepGrid& grid) {
  check(x, step, grid);
  const auto groups = learned::groups_of(x, grid.group_size);
  const auto per_row = x.size(-1) / grid.group_size;
  const auto [codes, scale] = learned::step_codes(groups, stored_steps(step, groups, per_row),
                                                  {grid.n_bits, grid.lowest, grid.margin});
  auto shape = x.sizes().vec();
  shape.back() = per_row;
  return {codes.view(x.sizes()), scale.view(shape), torch::full(shape, -grid.lowest, scale.options()), {}};
}

}  // namespace gyre
