// Fake quantization in tensor expressions, for devices without a kernel of their own: operation by operation
// the arithmetic of kernels/api.h, so that it gives the kernels' bits.
#pragma once

#include "ops/fake_quant.h"

namespace gyre {

// ratio: float32 [..., n / group], or undefined for grid.clip. x is checked by the caller.
QuantizedParts quantize_by_expressions(const torch::Tensor& x, const UniformGrid& grid,
                                       const torch::Tensor& ratio);

// The grid from forward to backward.
void save_grid(torch::autograd::AutogradContext& context, const UniformGrid& grid);
UniformGrid saved_grid(const torch::autograd::AutogradContext& context);

// bool, x's shape: where rounding, not clipping, made the value.
torch::Tensor within_range(const torch::Tensor& x, const UniformGrid& grid, const QuantizedParts& parts);

}  // namespace gyre
