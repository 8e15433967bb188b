// A transform as the kernels take it, for the operations built on them and for benchmarks.
#pragma once

#include "kernels/api.h"
#include "ops/hadamard.h"

namespace gyre {

// The transform with its tables on the device: copied at the first call for it, the same tensors later.
HadamardTransform on_device(const HadamardTransform& transform, torch::Device device);

// Arguments for x, contiguous with at least one row; the transform's tables are where x is. out is null.
// kUnsupported for dtypes that no kernel takes.
kernels::HadamardArgs hadamard_args(const torch::Tensor& x, const HadamardTransform& transform,
                                    bool transposed);

}  // namespace gyre
