// Learned clipping (LWC; OmniQuant, Shao et al., 2023) and learned direct partitioning (LDP; RCP, Choi et
// al., 2025): per group of a weight two clips, and with LDP a partition of the range between them. The
// authors' own algebra is not public; ops/learned_levels.h has the one used here.
#include <cmath>

#include "core/error.h"
#include "ops/fake_quant.h"
#include "ops/learned_levels.h"
#include "quant/checks.h"
#include "quant/quantizer.h"

namespace gyre {
namespace {

constexpr double kParameterBits = 16;
// Clips start at most here (sigma(4), OmniQuant's start), where the logistic function still has a slope.
constexpr double kWidestClip = 0.982;

LevelForm level_form(const QuantSpec& spec, std::int64_t size, bool partition, QuantSite site) {
  GYRE_CHECK(
      site == QuantSite::kWeight, ErrorCode::kConfig,
      "scheme '{}' learns levels for each group of a weight; activations, keys and values have rtn and "
      "lsq",
      spec.scheme);
  GYRE_CHECK(!spec.symmetric && spec.zero_point == "real", ErrorCode::kConfig,
             "symmetric is {} and zero_point is '{}'; scheme '{}' has a real offset: set symmetric=false and "
             "zero_point=real",
             spec.symmetric, spec.zero_point, spec.scheme);
  LevelForm form;
  form.n_bits = checked_bits(spec);
  form.group_size = resolve_size(spec.group_size, size, "group_size");
  form.partition = partition;
  form.linear = spec.ldp.squash == "linear";
  form.uniform_values = !partition || spec.ldp.reconstruction == "uniform";
  form.residual = spec.ldp.gradient == "residual";
  form.detach_range = spec.ldp.detach_range;
  return form;
}

class LdpQuantizer final : public Quantizer {
 public:
  LdpQuantizer(const QuantSpec& spec, std::int64_t size, bool partition, QuantSite site)
      : form_(level_form(spec, size, partition, site)),
        ratio_(checked_ratio(spec.clip)),
        power_(search_power(spec.clip)) {}

  void calibrate(const torch::Tensor& sample) override {
    check_range(sample);
    assign(first_parameters(sample));
  }

  torch::Tensor forward(const torch::Tensor& x) override {
    return fake_quant_levels(x, parameters(x), form_);
  }

  QuantizedTensor quantize(const torch::Tensor& x) const override {
    const torch::NoGradGuard no_grad;
    const auto levels = group_levels(x, parameters(x), form_);
    QuantizedTensor quantized{.codes = level_codes(x, levels, form_),
                              .group_size = form_.group_size,
                              .dtype = x.scalar_type(),
                              .n_bits = form_.n_bits,
                              .stored = torch::kFloat16};
    if (form_.uniform_values) {
      quantized.scale = levels.scale;
      quantized.offset = levels.offset;
    } else {
      quantized.codebook = levels.values;
    }
    return quantized;
  }

  Levels levels(const torch::Tensor& group) const override {
    GYRE_ASSERT(group.dim() == 2 && group.size(1) == form_.group_size);
    const torch::NoGradGuard no_grad;
    const auto found = group_levels(group, first_parameters(group), form_);
    const auto by_level = [](const torch::Tensor& t) {
      return t.squeeze(1).t().to(torch::kCPU).contiguous();
    };
    const auto knots = by_level(found.knots);  // [L, rows]
    const auto last = knots.size(0) - 1;
    Levels levels;
    levels.n_bits = form_.n_bits;
    levels.levels = by_level(found.values);
    levels.boundaries = (knots.narrow(0, 0, last) + knots.narrow(0, 1, last)) * 0.5;
    return levels;
  }

  std::shared_ptr<Quantizer> copy() const override {
    auto other = std::make_shared<LdpQuantizer>(*this);
    if (learned_.clip_low.defined()) other->assign(learned_);
    return other;
  }

  double bits_per_value() const override {
    const double parameters = form_.uniform_values ? 2 : form_.n_levels();
    return form_.n_bits + parameters * kParameterBits / static_cast<double>(form_.group_size);
  }

 private:
  // By value: the members of learned_ are what is assigned to.
  void assign(LevelParameters values) {
    set_parameter("clip_low", learned_.clip_low, values.clip_low);
    set_parameter("clip_high", learned_.clip_high, values.clip_high);
    if (form_.partition) set_parameter("partition", learned_.partition, values.partition);
  }

  LevelParameters parameters(const torch::Tensor& x) const {
    return learned_.clip_low.defined() ? learned_ : first_parameters(x);
  }

  // Both clips by the search or ratio of the spec, equal parts between them.
  LevelParameters first_parameters(const torch::Tensor& sample) const {
    const torch::NoGradGuard no_grad;
    const auto type = sample.scalar_type() == torch::kFloat64 ? torch::kFloat64 : torch::kFloat32;
    auto shape = sample.sizes().vec();
    shape.back() /= form_.group_size;
    const auto options = sample.options().dtype(type).requires_grad(false);
    auto ratio = torch::full(shape, ratio_, options);
    if (power_ > 0)
      ratio =
          search_clip(sample, {kernels::Grid::kReal, form_.n_bits, form_.group_size, 1.0}, power_).to(type);
    const auto clip = ratio.clamp_max(kWidestClip).logit();
    LevelParameters parameters{clip, clip, {}};
    if (form_.partition) {
      const auto inner = form_.n_levels() - 2;
      const auto k = torch::arange(1, inner + 1, options);
      // sigmoid: the k-th cut takes 1 / (L - k) of what is left.
      const auto s = form_.linear ? k / (inner + 1) : -(inner + 1 - k).log();
      shape.push_back(inner);
      parameters.partition = s.expand(shape);
    }
    return parameters;
  }

  static void check_range(const torch::Tensor& sample) {
    const double largest = sample.numel() > 0 ? sample.detach().abs().max().item<double>() : 0;
    GYRE_CHECK(std::isfinite(largest), ErrorCode::kInput,
               "values to calibrate on are not all finite; the model diverged or its file is damaged");
    GYRE_CHECK(largest <= 65504, ErrorCode::kUnsupported,
               "a value of {} is beyond float16, in which levels are stored", largest);
  }

  LevelForm form_;
  double ratio_, power_;  // of the first clips
  LevelParameters learned_;
};

}  // namespace

std::shared_ptr<Quantizer> make_lwc(const QuantSpec& spec, std::int64_t size, QuantSite site) {
  return std::make_shared<LdpQuantizer>(spec, size, false, site);
}

std::shared_ptr<Quantizer> make_ldp(const QuantSpec& spec, std::int64_t size, QuantSite site) {
  return std::make_shared<LdpQuantizer>(spec, size, true, site);
}

}  // namespace gyre
