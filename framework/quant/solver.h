// Solvers choose the codes of a weight, given its quantizer and what is known of its inputs.
#pragma once

#include <torch/torch.h>

#include <optional>
#include <span>
#include <string_view>
#include <vector>

#include "quant/hessian.h"
#include "quant/quantizer.h"

namespace gyre {

struct SolverTask {
  torch::Tensor weight;        // [out, in]
  const Quantizer* quantizer;  // calibrated on the weight
};

struct SolvedWeight {
  torch::Tensor weight;  // [out, in], the weight's dtype: every value is a level of its group
  // Where the solver fixed levels of a uniform grid: dequantize(*quantized) == weight, bit for bit.
  std::optional<QuantizedTensor> quantized;
  // With W the weight as given, Q the result and H the Hessian.
  double output_error = 0;   // tr (W - Q) H (W - Q)^T
  double output_energy = 0;  // tr W H W^T
  double nearest_error = 0;  // output_error of the solver nearest
  double weight_error = 0;   // |W - Q|^2
  double weight_energy = 0;  // |W|^2
  double damping = 0;        // used; 0 for nearest
  int n_raises = 0;          // how often damping was raised
  bool fell_back = false;    // nearest's codes are better on H, or H is not finite: they were taken
};

struct Solver {
  std::string_view name;
  std::string_view summary;
  bool reads_inputs;  // needs the Hessian
  // tasks: weights of linears that share one input; one result each, in order.
  std::vector<SolvedWeight> (*solve)(std::span<const SolverTask> tasks, const Hessian& hessian,
                                     const GptqSpec& spec);
};
std::span<const Solver> solvers();
// kConfig on an unknown name.
const Solver& find_solver(std::string_view name);

// tr D H D^T for D [out, in]; computed in H's dtype, summed in float64.
double output_error(const torch::Tensor& difference, const torch::Tensor& h);

}  // namespace gyre
