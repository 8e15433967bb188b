#include "quant/quantizer.h"

#include "core/error.h"
#include "ops/fake_quant.h"

namespace gyre {
namespace {

thread_local int n_calibrate_on_use = 0;

}  // namespace

torch::Tensor dequantize(const QuantizedTensor& quantized) {
  if (!quantized.codebook.defined())
    return dequantize_parts({quantized.codes, quantized.scale, quantized.zero_point, quantized.offset},
                            quantized.dtype);
  const auto codes = quantized.codes.unflatten(-1, {quantized.codebook.size(-2), -1}).to(torch::kInt64);
  return quantized.codebook.gather(-1, codes).flatten(-2).to(quantized.dtype);
}

Levels Quantizer::levels(const torch::Tensor&) const {
  fail(ErrorCode::kUnsupported,
       "this weight quantizer has no levels that a solver could fix; use solver=nearest");
}

std::shared_ptr<Quantizer> Quantizer::copy() const {
  fail(ErrorCode::kUnsupported, "this quantizer cannot be copied");
}

void Quantizer::set_parameter(const std::string& name, torch::Tensor& member, const torch::Tensor& value) {
  member = value.detach().clone().set_requires_grad(true);
  if (auto* registered = parameters_.find(name))
    *registered = member;
  else
    register_parameter(name, member);
}

CalibrateOnUse::CalibrateOnUse() {
  ++n_calibrate_on_use;
}
CalibrateOnUse::~CalibrateOnUse() {
  --n_calibrate_on_use;
}
bool CalibrateOnUse::active() {
  return n_calibrate_on_use > 0;
}

}  // namespace gyre
