// One tensor out of a container into the model's dtype.
#pragma once

#include <torch/torch.h>

#include "format/tensors.h"

namespace gyre {

// Converted in pieces of a few megabytes, so that nothing but the result is as large as the tensor. kInput,
// naming the tensor and the index, when a value is not finite or too large for dtype.
torch::Tensor load_tensor(const format::TensorView& view, torch::ScalarType dtype, torch::Device device);

}  // namespace gyre
