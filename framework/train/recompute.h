// Activation checkpointing: a part of the forward pass keeps its input alone, and is computed once more when
// its gradient is needed.
#pragma once

#include <torch/torch.h>

#include <functional>

namespace gyre {

// part(x), with the same gradients, bit for bit, as if it were called directly: for x, and for every
// parameter that part uses, which get theirs in grad(). x must require a gradient. part is called twice and
// must compute the same both times; what it refers to must live until backward() has run.
torch::Tensor recomputed(const std::function<torch::Tensor(const torch::Tensor&)>& part,
                         const torch::Tensor& x);

}  // namespace gyre
