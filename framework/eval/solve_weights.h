// The weights of a model through a solver that knows the linears' inputs, on a walk over calibration text.
#pragma once

#include <limits>
#include <string>
#include <vector>

#include "eval/calibration_walk.h"
#include "model/surgery.h"

namespace gyre {

struct SolveSummary {
  double weight_error = 0;  // summed |W - Q|^2 over summed |W|^2
  // Mean over linears of tr (W - Q) H (W - Q)^T / tr W H W^T: the outputs' relative squared error on the
  // calibration text.
  double output_error = 0;
  double nearest_error = 0;  // the same for the nearest codes
  double largest_damping = 0;
  std::int64_t n_linears = 0;
  std::vector<std::string> raised;     // linears whose damping had to be raised
  std::vector<std::string> fell_back;  // linears that took the nearest codes
};

// Every linear but lm_head, in the order in which data reaches them; those before a linear are quantized when
// its inputs are taken. Needs weight quantizers, calibrated (calibrate_weights), and empties their slots.
// Inputs, keys and values are quantized meanwhile when plan.gptq says so. on_codes: of linears whose levels
// are those of a grid. n_places: how many places of the text the windows cover, where they overlap.
SolveSummary solve_weights(Llama& model, const QuantPlan& plan, const torch::Tensor& windows,
                           const WalkOptions& options = {}, const CodeObserver& on_codes = {},
                           std::int64_t n_places = std::numeric_limits<std::int64_t>::max());

}  // namespace gyre
