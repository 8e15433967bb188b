// The gradient of an objective with respect to R1 and every R2, layer by layer: each layer's rotated weights
// are made for the forward pass of all windows, and once more for the backward pass (or kept, while all of
// them take less than 1 GiB), where activations are computed again window by window (activation
// checkpointing). What is held throughout is the frozen weights and the residual stream before each layer.
#pragma once

#include <torch/torch.h>

#include <functional>
#include <vector>

#include "spec/quant.h"
#include "train/rotated_block.h"
#include "train/rotation_objectives.h"

namespace gyre {

// R1 [n, b, b] and R2 [layers, m, c, c], or undefined where that site is not learned. float32, or float64
// where the products are to be. Gradients have the same shapes.
struct RotationParameters {
  torch::Tensor r1, r2;
};

struct RotationGradient {
  double loss = 0;  // mean over targets, or over blocks
  RotationParameters gradient;
};

// frozen: norms folded, R3 and R4 installed, nothing quantized. quantized: the same weights with quantizers
// in its slots (quantize_slots). windows: int64 [B, T] each, of one size; the loss is the mean over all of
// them. Empty for objectives that read no text. on_layer is called between layers.
RotationGradient rotation_gradient(const Llama& frozen, const Llama& quantized,
                                   const RotationParameters& parameters,
                                   const std::vector<torch::Tensor>& windows,
                                   const RotationObjective& objective,
                                   const std::function<void()>& on_layer = {});

// The loss alone, by a forward pass; the same number as rotation_gradient's.
double rotation_loss(const Llama& frozen, const Llama& quantized, const RotationParameters& parameters,
                     const std::vector<torch::Tensor>& windows, const RotationObjective& objective,
                     const std::function<void()>& on_layer = {});

// A shallow copy of the model with the quantizers of a plan in its slots, weights among them, uncalibrated;
// with pass_clipped their gradient passes through clipped values too.
Llama quantize_slots(const Llama& model, const QuantPlan& plan, bool pass_clipped);

}  // namespace gyre
