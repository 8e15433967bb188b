// Second moments of rows, by the kernel where there is one.
#pragma once

#include <torch/torch.h>

namespace gyre {

// Adds x^T x to sum [n, n] on its diagonal and above; what lies below has no meaning. x: [..., n] of any
// float dtype on any device. Summed in sum's dtype, float32 or float64, to which x is converted.
void add_gram(torch::Tensor& sum, const torch::Tensor& x);

}  // namespace gyre
