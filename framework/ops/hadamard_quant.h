// A Hadamard transform with fake quantization behind it, in one pass over the data: what an online rotation
// before a quantizer is.
#pragma once

#include "ops/fake_quant.h"
#include "ops/hadamard.h"

namespace gyre {

// fake_quant(hadamard(x, transform, false), grid), bit for bit; differentiable like it. Errors are those of
// the two.
torch::Tensor hadamard_fake_quant(const torch::Tensor& x, const HadamardTransform& transform,
                                  const UniformGrid& grid);

}  // namespace gyre
