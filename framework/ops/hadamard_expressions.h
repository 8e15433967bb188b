// The Hadamard transform in tensor expressions, for devices without a kernel that takes the arguments.
#pragma once

#include "ops/hadamard.h"

namespace gyre {

// As hadamard(), without autograd of its own. x is checked by the caller.
torch::Tensor hadamard_by_expressions(const torch::Tensor& x, const HadamardTransform& transform,
                                      bool transposed);

}  // namespace gyre
