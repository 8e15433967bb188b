// Activation maxima of a model's linears on calibration text, for SmoothQuant.
#pragma once

#include <vector>

#include "eval/calibration_walk.h"
#include "model/smoothing.h"

namespace gyre {

// One entry a block, on the CPU. The model is left as it is.
std::vector<InputMaxima> input_maxima(Llama& model, const torch::Tensor& windows,
                                      const WalkOptions& options = {});

}  // namespace gyre
