// An online rotation and the quantizer behind it.
#pragma once

#include <torch/torch.h>

#include <memory>

#include "quant/quantizer.h"
#include "rotation/rotation.h"

namespace gyre {

// quantizer->forward(rotation->rotate(x)), where null means that nothing is done; in one pass over the data
// where the rotation is a fast Hadamard transform and the quantizer a plain grid, with the same bits.
torch::Tensor rotate_and_quantize(const std::shared_ptr<Rotation>& rotation,
                                  const std::shared_ptr<Quantizer>& quantizer, const torch::Tensor& x);

}  // namespace gyre
