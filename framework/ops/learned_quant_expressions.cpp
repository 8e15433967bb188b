// kernels/learned_quant.h in tensor expressions, for devices without a kernel: a pass over the data for each
// level, and no temporary larger than the data.
#include <limits>

#include "ops/learned_quant_kernels.h"

namespace gyre::learned::expressions {
namespace {

constexpr double kNaN = std::numeric_limits<double>::quiet_NaN();

torch::Tensor column(const torch::Tensor& parameters, std::int64_t k) {
  return parameters.narrow(1, k, 1);  // [groups, 1]
}

torch::Tensor midpoint(const torch::Tensor& knots, std::int64_t k) {
  return (column(knots, k) + column(knots, k + 1)) * 0.5;
}

// What kernels/learned_quant.h calls u, q and inside.
struct Rounded {
  torch::Tensor u, code, inside;
};

torch::Tensor used_step(const torch::Tensor& step) {
  return torch::where(step <= 0, torch::zeros_like(step), step);
}

Rounded round_to_steps(const torch::Tensor& x, const torch::Tensor& step, const Grid& grid) {
  const auto used = used_step(step);
  const auto largest = x.scalar_type() == torch::kFloat64 ? std::numeric_limits<double>::max()
                                                          : double{std::numeric_limits<float>::max()};
  const auto inverse =
      torch::where(used > 0, torch::ones_like(used) / used, torch::full_like(used, largest)).unsqueeze(1);
  const double last = (1 << grid.n_bits) - 1;
  Rounded rounded;
  rounded.u = x * inverse;
  rounded.code = (rounded.u - grid.lowest).clamp(0, last).round();
  rounded.inside = (rounded.u > grid.lowest - grid.margin) & (rounded.u < grid.lowest + last + grid.margin);
  return rounded;
}

}  // namespace

Range range(const torch::Tensor& x) {
  const auto lo = x.amin(1) + 0.0, hi = x.amax(1) + 0.0;  // NaN spreads; -0 becomes +0
  const auto broken = ~(lo.isfinite() & hi.isfinite());
  return {lo.masked_fill(broken, kNaN), hi.masked_fill(broken, kNaN)};
}

torch::Tensor level_values(const torch::Tensor& x, const torch::Tensor& knots, const torch::Tensor& levels) {
  auto out = column(levels, 0).expand_as(x);
  for (std::int64_t k = 0; k + 1 < knots.size(1); ++k)
    out = torch::where(x >= midpoint(knots, k), column(levels, k + 1), out);
  return out.contiguous();
}

torch::Tensor level_codes(const torch::Tensor& x, const torch::Tensor& knots) {
  auto codes = torch::zeros_like(x, torch::kUInt8);
  for (std::int64_t k = 0; k + 1 < knots.size(1); ++k) codes += x >= midpoint(knots, k);
  return codes;
}

LevelGradients level_gradients(const torch::Tensor& x, const torch::Tensor& knots,
                               const torch::Tensor& gradient, bool hats) {
  const auto n = knots.size(1);
  const auto lo = column(knots, 0), hi = column(knots, n - 1);
  const auto inside = (x > lo) & (x < hi);
  LevelGradients result{gradient * (inside | (lo == hi)), torch::empty_like(knots), {}};
  const auto codes = level_codes(x, knots);
  for (std::int64_t k = 0; k < n; ++k) result.levels.select(1, k).copy_((gradient * (codes == k)).sum(1));
  if (!hats) return result;
  result.knots = torch::zeros_like(knots);
  for (std::int64_t k = 0; k + 1 < n; ++k) {
    const auto left = column(knots, k), right = column(knots, k + 1);
    const auto part = gradient * (inside & (x >= left) & (x < right));
    const auto width = (right - left).squeeze(1);
    const auto to_right = torch::where(width > 0, (part * (x - left)).sum(1) / width, 0.0);
    result.knots.select(1, k) -= part.sum(1) - to_right;
    result.knots.select(1, k + 1) -= to_right;
  }
  return result;
}

torch::Tensor step_values(const torch::Tensor& x, const torch::Tensor& step, const Grid& grid) {
  const auto scale = expressions::step_codes(x, step, grid).scale.unsqueeze(1);
  return (round_to_steps(x, step, grid).code + grid.lowest) * scale;
}

StepCodes step_codes(const torch::Tensor& x, const torch::Tensor& step, const Grid& grid) {
  const auto finite = range(x).lo.isfinite() & ~step.isnan();
  const auto code = round_to_steps(x, step, grid).code;
  return {code.masked_fill(~finite.unsqueeze(1), 0).to(torch::kUInt8),
          used_step(step).masked_fill(~finite, kNaN)};
}

StepGradients step_gradients(const torch::Tensor& x, const torch::Tensor& step, const torch::Tensor& gradient,
                             const Grid& grid) {
  const auto [u, code, inside] = round_to_steps(x, step, grid);
  const auto slope = code + grid.lowest - torch::where(inside, u, 0.0);
  return {gradient * inside, (gradient * slope).sum(1)};
}

}  // namespace gyre::learned::expressions
