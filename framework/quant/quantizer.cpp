#include "quant/quantizer.h"

#include "core/error.h"
#include "ops/fake_quant.h"

namespace gyre {

torch::Tensor dequantize(const QuantizedTensor& quantized) {
  return dequantize_parts({quantized.codes, quantized.scale, quantized.zero_point, quantized.offset},
                          quantized.dtype);
}

Levels Quantizer::levels(const torch::Tensor&) const {
  fail(ErrorCode::kUnsupported,
       "this weight quantizer has no levels that a solver could fix; use solver=nearest");
}

}  // namespace gyre
