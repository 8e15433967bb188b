// LSQ (Esser et al., 2020): the step size is learned. Weights have one step per group of each row; inputs,
// keys and values one for all tokens, per tensor or per group of features. Levels are signed (-2^(b-1) ..
// 2^(b-1)-1), unsigned (0 .. 2^b-1), or without a zero (+-(k+1/2), as ParetoQ and Qift have at 2 bits; a
// value up to half a step beyond the outermost level then counts as rounded, as in ParetoQ).
#include <algorithm>
#include <cmath>

#include "core/error.h"
#include "ops/learned_steps.h"
#include "quant/checks.h"
#include "quant/quantizer.h"

namespace gyre {
namespace {

constexpr double kStepBits = 16;

StepGrid step_grid(const QuantSpec& spec, std::int64_t size) {
  const int n_bits = checked_bits(spec);
  const double half = 1 << (n_bits - 1);
  const auto group_size = resolve_size(spec.group_size, size, "group_size");
  if (spec.symmetric && spec.zero_point == "unset") return {n_bits, -half, 0, group_size};
  if (!spec.symmetric && spec.zero_point == "unsigned") return {n_bits, 0, 0, group_size};
  if (!spec.symmetric && spec.zero_point == "none") return {n_bits, 0.5 - half, 0.5, group_size};
  fail(ErrorCode::kConfig,
       "symmetric is {} and zero_point is '{}'; lsq has symmetric=true, or symmetric=false with "
       "zero_point=unsigned or none (lwc and ldp have a real offset)",
       spec.symmetric, spec.zero_point);
}

class LsqQuantizer final : public Quantizer {
 public:
  LsqQuantizer(const QuantSpec& spec, std::int64_t size, QuantSite site)
      : grid_(step_grid(spec, size)),
        ratio_(checked_ratio(spec.clip)),
        power_(search_power(spec.clip)),
        spec_(site == QuantSite::kWeight ? spec.lsq : LsqSpec{}),
        shared_(site == QuantSite::kInput) {}

  void calibrate(const torch::Tensor& sample) override { set_parameter("step", step_, first_step(sample)); }
  bool needs_calibration() const override { return shared_ && !step_.defined(); }

  torch::Tensor forward(const torch::Tensor& x) override {
    if (needs_calibration() && CalibrateOnUse::active()) calibrate(x);
    return fake_quant_steps(x, step(x), grid_, gradient_scale(x));
  }

  QuantizedTensor quantize(const torch::Tensor& x) const override {
    const auto parts = quantize_steps(x, step(x), grid_);
    return {.codes = parts.codes,
            .scale = parts.scale,
            .zero_point = parts.zero_point,
            .group_size = grid_.group_size,
            .dtype = x.scalar_type(),
            .n_bits = grid_.n_bits,
            .stored = torch::kFloat16};
  }

  Levels levels(const torch::Tensor& group) const override {
    GYRE_ASSERT(group.dim() == 2 && group.size(1) == grid_.group_size);
    const auto parts = quantize_steps(group, first_step(group), grid_);
    const auto column = [](const torch::Tensor& t) { return t.squeeze(1).to(torch::kCPU).contiguous(); };
    return {uniform().grid, grid_.n_bits, column(parts.scale), column(parts.zero_point), {}, {}};
  }

  std::shared_ptr<Quantizer> copy() const override {
    auto other = std::make_shared<LsqQuantizer>(*this);
    if (step_.defined()) other->set_parameter("step", other->step_, step_);
    return other;
  }

  double bits_per_value() const override {
    return grid_.n_bits + (shared_ ? 0 : kStepBits / static_cast<double>(grid_.group_size));
  }

 private:
  // The grid of rtn with the same levels.
  UniformGrid uniform() const {
    const auto grid = grid_.margin > 0   ? kernels::Grid::kNoZero
                      : grid_.lowest < 0 ? kernels::Grid::kSymmetric
                                         : kernels::Grid::kInteger;
    return {grid, grid_.n_bits, grid_.group_size, ratio_};
  }

  torch::Tensor step(const torch::Tensor& x) const {
    GYRE_CHECK(!needs_calibration(), ErrorCode::kRun,
               "lsq: the step of an activation, key or value quantizer comes from training data and has not "
               "been calibrated; train, or use scheme=rtn");
    return step_.defined() ? step_ : first_step(x);
  }

  // [..., groups], or [groups] where tokens share it.
  torch::Tensor first_step(const torch::Tensor& sample) const {
    const torch::NoGradGuard no_grad;
    GYRE_CHECK(sample.dim() > 0 && sample.size(-1) % grid_.group_size == 0, ErrorCode::kConfig,
               "group_size {} does not divide the last dimension of a tensor of {} dimensions; use a divisor",
               grid_.group_size, sample.dim());
    const auto type = sample.scalar_type() == torch::kFloat64 ? torch::kFloat64 : torch::kFloat32;
    if (spec_.init == "clip") {
      const auto scale =
          (power_ > 0 ? quantize_parts_clipped(sample, uniform(), search_clip(sample, uniform(), power_))
                      : quantize_parts(sample, uniform()))
              .scale;
      return checked(scale);
    }
    const auto groups = sample.detach().to(type).abs().unflatten(-1, {-1, grid_.group_size});
    auto mean = groups.mean(-1);
    if (shared_) mean = mean.flatten(0, -2).mean(0);
    return checked(mean * (2 / std::sqrt(grid_.highest())));
  }

  static torch::Tensor checked(const torch::Tensor& step) {
    const double largest = step.numel() > 0 ? step.abs().max().item<double>() : 0;
    GYRE_CHECK(std::isfinite(largest), ErrorCode::kInput,
               "lsq: values to calibrate on are not all finite; the model diverged or its file is damaged");
    GYRE_CHECK(largest <= 65504, ErrorCode::kUnsupported,
               "lsq: a step of {} is beyond float16, in which it is stored", largest);
    return step;
  }

  double gradient_scale(const torch::Tensor& x) const {
    if (spec_.gradient_scale == "none") return 1;
    const auto n = spec_.gradient_scale == "group" ? grid_.group_size : shared_ ? x.size(-1) : x.numel();
    return 1 / std::sqrt(static_cast<double>(std::max<std::int64_t>(n, 1)) * grid_.highest());
  }

  StepGrid grid_;
  double ratio_, power_;  // of the first step
  LsqSpec spec_;
  bool shared_;  // by all rows
  torch::Tensor step_;
};

}  // namespace

std::shared_ptr<Quantizer> make_lsq(const QuantSpec& spec, std::int64_t size, QuantSite site) {
  return std::make_shared<LsqQuantizer>(spec, size, site);
}

}  // namespace gyre
