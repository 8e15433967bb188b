// SmoothQuant (Xiao et al., ICML 2023): channels that are hard to quantize in an activation are divided by a
// factor, and the weights that read them multiplied by it. The function stays as it is.
#pragma once

#include <torch/torch.h>

#include <vector>

#include "model/llama.h"
#include "spec/quant.h"

namespace gyre {

// Largest |x_j| of each input channel of a block's linears, float64 [in].
struct InputMaxima {
  torch::Tensor attention, o, mlp, down;  // q, k, v share one, and gate, up
};

// max|x_j|^alpha / max|w_j|^(1 - alpha), the weights' maximum over all rows; 1 for a channel whose
// activations or weights are all zero.
torch::Tensor smoothing_factors(const torch::Tensor& input_maxima, const torch::Tensor& weight_maxima,
                                double alpha);

// One InputMaxima a block. The division goes into what makes the channel: the norm's gain (a new one where it
// was folded) for q, k, v and gate, up; with scheme smoothquant_all also v_proj for o (one factor for all
// heads that share a value head) and up_proj for down. Inputs that are rotated online are left alone.
void smooth(Llama& model, const SmoothingSpec& spec, const std::vector<InputMaxima>& maxima);

}  // namespace gyre
