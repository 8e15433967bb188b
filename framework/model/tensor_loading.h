// One tensor out of a container into the model's dtype, and how the two name dtypes.
#pragma once

#include <torch/torch.h>

#include <optional>

#include "format/tensors.h"

namespace gyre {

// Nothing for what gyre writes into no container: all but float64, float32, float16, bfloat16, int64, int32
// and uint8.
std::optional<format::DType> container_dtype(torch::ScalarType dtype);
std::optional<torch::ScalarType> torch_dtype(format::DType dtype);

// Converted in pieces of a few megabytes, so that nothing but the result is as large as the tensor. kInput,
// naming the tensor and the index, when a value is not finite or too large for dtype.
torch::Tensor load_tensor(const format::TensorView& view, torch::ScalarType dtype, torch::Device device);

}  // namespace gyre
