// The kernels' name of a tensor's dtype.
#pragma once

#include <torch/torch.h>

#include <optional>

#include "kernels/api.h"

namespace gyre {

// Nothing for dtypes that no kernel takes.
inline std::optional<kernels::DType> kernel_dtype_of(const torch::Tensor& x) {
  switch (x.scalar_type()) {
    case torch::kFloat32:
      return kernels::DType::kF32;
    case torch::kFloat64:
      return kernels::DType::kF64;
    case torch::kFloat16:
      return kernels::DType::kF16;
    case torch::kBFloat16:
      return kernels::DType::kBF16;
    default:
      return std::nullopt;
  }
}

}  // namespace gyre
