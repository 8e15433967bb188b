// Round to nearest on a uniform grid, per group of the last dimension; clip by min-max, a ratio, or the
// search of GPTQ's and QuaRot's w_clip (80 ratios, error power 2.4 or 2). rtn_range is the same but in
// training, where the gradient flows through the scale too (BitDistiller's int2-asym).
#include "core/error.h"
#include "ops/fake_quant.h"
#include "quant/checks.h"
#include "quant/quantizer.h"

namespace gyre {
namespace {

constexpr double kScaleBits = 32;

kernels::Grid grid_of(const QuantSpec& spec) {
  GYRE_CHECK(
      spec.symmetric == (spec.zero_point == "unset"), ErrorCode::kConfig,
      "symmetric is {} and zero_point is '{}'; leave zero_point unset with symmetric=true, else set it to "
      "'integer', 'real' or 'none'",
      spec.symmetric, spec.zero_point);
  if (spec.symmetric) return kernels::Grid::kSymmetric;
  if (spec.zero_point == "integer") return kernels::Grid::kInteger;
  if (spec.zero_point == "real") return kernels::Grid::kReal;
  GYRE_CHECK(spec.zero_point == "none", ErrorCode::kConfig,
             "zero_point is '{}', expected 'integer', 'real' or 'none'", spec.zero_point);
  return kernels::Grid::kNoZero;
}

UniformGrid uniform_grid(const QuantSpec& spec, std::int64_t size) {
  return {grid_of(spec), checked_bits(spec), resolve_size(spec.group_size, size, "group_size"),
          checked_ratio(spec.clip)};
}

// A searched clip is fixed by calibrate(); without it, each input is searched.
class RtnQuantizer final : public Quantizer {
 public:
  RtnQuantizer(const QuantSpec& spec, std::int64_t size, bool through_range)
      : RtnQuantizer(uniform_grid(spec, size), search_power(spec.clip), through_range) {}
  RtnQuantizer(const UniformGrid& grid, double power, bool through_range)
      : grid_(grid), power_(power), through_range_(through_range) {}

  void calibrate(const torch::Tensor& sample) override {
    if (power_ > 0) fix(search_clip(sample, grid_, power_));
  }

  torch::Tensor forward(const torch::Tensor& x) override {
    if (through_range_) return fake_quant_through_range(x, grid_, power_ > 0 ? ratio(x) : torch::Tensor{});
    return power_ > 0 ? fake_quant_clipped(x, grid_, ratio(x)) : fake_quant(x, grid_);
  }

  QuantizedTensor quantize(const torch::Tensor& x) const override {
    auto parts = power_ > 0 ? quantize_parts_clipped(x, grid_, ratio(x)) : quantize_parts(x, grid_);
    return {.codes = parts.codes,
            .scale = parts.scale,
            .zero_point = parts.zero_point,
            .offset = parts.offset,
            .group_size = grid_.group_size,
            .dtype = x.scalar_type(),
            .n_bits = grid_.n_bits,
            .stored = parts.scale.scalar_type()};
  }

  const UniformGrid* plain_grid() const override { return power_ > 0 || through_range_ ? nullptr : &grid_; }

  Levels levels(const torch::Tensor& group) const override {
    GYRE_ASSERT(group.dim() == 2 && group.size(1) == grid_.group_size);
    const auto parts = power_ > 0 ? quantize_parts_clipped(group, grid_, search_clip(group, grid_, power_))
                                  : quantize_parts(group, grid_);
    const auto& zero = parts.offset.defined() ? parts.offset : parts.zero_point;
    const auto column = [](const torch::Tensor& t) { return t.squeeze(1).to(torch::kCPU).contiguous(); };
    return {grid_.grid, grid_.n_bits, column(parts.scale), column(zero), {}, {}};
  }

  std::shared_ptr<Quantizer> copy() const override {
    auto other = std::make_shared<RtnQuantizer>(grid_, power_, through_range_);
    if (ratio_.defined()) other->fix(ratio_.clone());
    return other;
  }

  double bits_per_value() const override {
    double parameters = kScaleBits;
    if (grid_.grid == kernels::Grid::kReal) parameters += kScaleBits;
    if (grid_.grid == kernels::Grid::kInteger) parameters += grid_.n_bits;
    return grid_.n_bits + parameters / static_cast<double>(grid_.group_size);
  }

 private:
  void fix(const torch::Tensor& ratio) {
    if (ratio_.defined())
      ratio_.set_data(ratio);
    else
      ratio_ = register_buffer("clip_ratio", ratio);
  }
  torch::Tensor ratio(const torch::Tensor& x) const {
    return ratio_.defined() ? ratio_ : search_clip(x, grid_, power_);
  }

  UniformGrid grid_;
  double power_;
  bool through_range_;
  torch::Tensor ratio_;  // [..., n / group], float32; not a buffer, which Module::to(bfloat16) would round
};

}  // namespace

std::shared_ptr<Quantizer> make_rtn(const QuantSpec& spec, std::int64_t size, QuantSite) {
  return std::make_shared<RtnQuantizer>(spec, size, false);
}

std::shared_ptr<Quantizer> make_rtn_range(const QuantSpec& spec, std::int64_t size, QuantSite) {
  return std::make_shared<RtnQuantizer>(spec, size, true);
}

}  // namespace gyre
