#include "ops/learned_levels.h"

#include <tuple>

#include "core/error.h"
#include "ops/learned_quant_kernels.h"

namespace gyre {
namespace {

using torch::Tensor;
using torch::autograd::AutogradContext;
using torch::autograd::variable_list;

Tensor as_stored(const Tensor& x) {
  return x.to(torch::kFloat16).to(x.scalar_type());
}

// [groups, n] in the dtype and on the device of the arithmetic.
Tensor parameter(const Tensor& given, const Tensor& groups, std::int64_t n) {
  return given.detach().to(groups.options()).reshape({groups.size(0), n});
}

// t_0 .. t_(L-1) of every group, [groups or 1, L].
Tensor partition_of(const Tensor& s, const LevelForm& form, const torch::TensorOptions& options) {
  const auto last = form.n_levels() - 1;
  if (!form.partition) return (torch::arange(last + 1, options) / last).unsqueeze(0);
  const auto inner = form.linear ? std::get<0>(s.clamp(0, 1).sort(1)) : 1 - (1 - s.sigmoid()).cumprod(1);
  return torch::cat({torch::zeros({s.size(0), 1}, options), inner, torch::ones({s.size(0), 1}, options)}, 1);
}

// Everything about the groups of one x. Columns are [groups, 1].
struct Algebra {
  Tensor lowest, highest;  // m, M
  Tensor sigma_low, sigma_high;
  Tensor lo, width;          // unrounded; width is R
  Tensor t_knots, t_values;  // [groups or 1, L]
  Tensor knots, values;      // [groups, L], rounded
  Tensor scale, offset;      // [groups, 1], where values are uniform
};

Algebra algebra_of(const Tensor& groups, const LevelParameters& p, const LevelForm& form) {
  Algebra a;
  const auto range = learned::range(groups);
  a.lowest = range.lo.clamp_max(0).unsqueeze(1);
  a.highest = range.hi.clamp_min(0).unsqueeze(1);
  a.sigma_low = parameter(p.clip_low, groups, 1).sigmoid();
  a.sigma_high = parameter(p.clip_high, groups, 1).sigmoid();
  a.lo = a.sigma_low * a.lowest;
  a.width = a.sigma_high * a.highest - a.lo;
  const auto last = form.n_levels() - 1;
  a.t_knots = partition_of(form.partition ? parameter(p.partition, groups, last - 1) : Tensor{}, form,
                           groups.options());
  a.t_values = a.t_knots;
  if (form.partition) a.knots = as_stored(a.lo + a.width * a.t_knots);
  if (!form.partition || form.uniform_values) {
    a.scale = as_stored(a.width / last);
    a.offset = as_stored(a.lo);
    const auto codes = torch::arange(last + 1, groups.options()).unsqueeze(0);
    a.values = codes * a.scale + a.offset;  // dequantize_parts' arithmetic
    a.t_values = codes / last;
  } else {
    a.values = a.knots;
  }
  // Zero, or NaN where a level is not finite: the whole group then is.
  const auto poison = (a.values * 0).sum(1, true);
  if (a.scale.defined()) a.scale = a.scale + poison;
  a.values = a.values + poison;
  a.knots = form.partition ? a.knots + poison : a.values;
  return a;
}

void check(const Tensor& x, const LevelParameters& p, const LevelForm& form) {
  GYRE_ASSERT(form.group_size > 0);
  const auto groups = x.numel() / form.group_size;
  GYRE_CHECK(p.clip_low.numel() == groups && p.clip_high.numel() == groups &&
                 (!form.partition || p.partition.numel() == groups * (form.n_levels() - 2)),
             ErrorCode::kConfig, "clips for {} groups, and the tensor has {}; calibrate on its like",
             p.clip_low.numel(), groups);
}

// d loss / d s from d loss / d t, [groups, L - 2].
Tensor to_partition(const Tensor& grad_t, const Tensor& t, const Tensor& s, const LevelForm& form) {
  if (!form.linear)  // d t_k / d s_j = (1 - t_k) sigma(s_j) for j <= k
    return ((1 - t) * grad_t).flip({1}).cumsum(1).flip({1}) * s.sigmoid();
  const auto clamped = s.clamp(0, 1);
  return torch::zeros_like(s).scatter_(1, std::get<1>(clamped.sort(1)), grad_t) * (clamped == s);
}

// What the smallest and largest weight move, where they lie beyond 0.
void add_range_gradient(Tensor& grad_x, const Tensor& groups, const Algebra& a, const Tensor& grad_lo,
                        const Tensor& grad_hi) {
  grad_x.scatter_add_(1, groups.argmin(1, true), grad_lo * a.sigma_low * (a.lowest < 0));
  grad_x.scatter_add_(1, groups.argmax(1, true), grad_hi * a.sigma_high * (a.highest > 0));
}

struct FakeQuantLevels : torch::autograd::Function<FakeQuantLevels> {
  static Tensor forward(AutogradContext* context, const Tensor& x, const Tensor& clip_low,
                        const Tensor& clip_high, const std::optional<Tensor>& partition,
                        const LevelForm& form) {
    const auto groups = learned::groups_of(x, form.group_size);
    const auto a = algebra_of(groups, {clip_low, clip_high, partition.value_or(Tensor{})}, form);
    context->save_for_backward({x, clip_low, clip_high, partition.value_or(Tensor{})});
    context->saved_data["n_bits"] = static_cast<std::int64_t>(form.n_bits);
    context->saved_data["group_size"] = form.group_size;
    context->saved_data["partition"] = form.partition;
    context->saved_data["linear"] = form.linear;
    context->saved_data["uniform_values"] = form.uniform_values;
    context->saved_data["residual"] = form.residual;
    context->saved_data["detach_range"] = form.detach_range;
    return learned::level_values(groups, a.knots, a.values.contiguous()).view(x.sizes()).to(x.scalar_type());
  }

  static variable_list backward(AutogradContext* context, const variable_list& gradients) {
    const auto saved = context->get_saved_variables();
    const auto& x = saved[0];
    const LevelParameters p{saved[1], saved[2], saved[3]};
    const auto& data = context->saved_data;
    const LevelForm form{static_cast<int>(data.at("n_bits").toInt()),
                         data.at("group_size").toInt(),
                         data.at("partition").toBool(),
                         data.at("linear").toBool(),
                         data.at("uniform_values").toBool(),
                         data.at("residual").toBool(),
                         data.at("detach_range").toBool()};
    const auto groups = learned::groups_of(x, form.group_size);
    const auto a = algebra_of(groups, p, form);
    auto grads = learned::level_gradients(groups, a.knots, learned::groups_of(gradients[0], form.group_size),
                                          form.residual);
    // Where knots are the values, both parts of the gradient are theirs.
    const bool apart = form.partition && form.uniform_values;
    if (grads.knots.defined() && !apart) grads.levels += grads.knots;
    auto grad_lo = (grads.levels * (1 - a.t_values)).sum(1, true),
         grad_hi = (grads.levels * a.t_values).sum(1, true);
    if (grads.knots.defined() && apart) {
      grad_lo += (grads.knots * (1 - a.t_knots)).sum(1, true);
      grad_hi += (grads.knots * a.t_knots).sum(1, true);
    }
    if (!form.detach_range) add_range_gradient(grads.x, groups, a, grad_lo, grad_hi);

    const auto like = [](const Tensor& gradient, const Tensor& given) {
      return gradient.reshape(given.sizes()).to(given.options());
    };
    Tensor grad_s;
    if (form.partition) {
      const auto inner = [](const Tensor& t) { return t.narrow(1, 1, t.size(1) - 2); };
      const auto& of_knots = apart ? grads.knots : grads.levels;
      grad_s = torch::zeros_like(p.partition);
      if (of_knots.defined())  // thresholds do not move the codebook form's uniform values
        grad_s = like(to_partition(a.width * inner(of_knots), inner(a.t_knots),
                                   parameter(p.partition, groups, form.n_levels() - 2), form),
                      p.partition);
    }
    return {like(grads.x, x),
            like(grad_lo * a.lowest * a.sigma_low * (1 - a.sigma_low), p.clip_low),
            like(grad_hi * a.highest * a.sigma_high * (1 - a.sigma_high), p.clip_high),
            grad_s,
            {}};
  }
};

}  // namespace

Tensor fake_quant_levels(const Tensor& x, const LevelParameters& p, const LevelForm& form) {
  check(x, p, form);
  return FakeQuantLevels::apply(x, p.clip_low, p.clip_high,
                                form.partition ? std::optional(p.partition) : std::nullopt, form);
}

GroupLevels group_levels(const Tensor& x, const LevelParameters& p, const LevelForm& form) {
  check(x, p, form);
  const auto a = algebra_of(learned::groups_of(x, form.group_size), p, form);
  auto shape = x.sizes().vec();
  shape.back() /= form.group_size;
  GroupLevels levels;
  if (a.scale.defined()) {
    levels.scale = a.scale.view(shape);
    levels.offset = a.offset.view(shape);
  }
  shape.push_back(form.n_levels());
  levels.knots = a.knots.view(shape);
  levels.values = a.values.view(shape);
  return levels;
}

Tensor level_codes(const Tensor& x, const GroupLevels& levels, const LevelForm& form) {
  return learned::level_codes(learned::groups_of(x, form.group_size), levels.knots.flatten(0, -2))
      .view(x.sizes());
}

}  // namespace gyre
