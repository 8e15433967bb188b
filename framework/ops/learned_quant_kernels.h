// kernels/learned_quant.h on tensors: through the kernels on the CPU, in tensor expressions elsewhere. x and
// gradients: [groups, group]; parameters [groups] or [groups, levels]; all contiguous and of one dtype,
// float32 or float64. Values and codes have the same bits on both ways.
#pragma once

#include <torch/torch.h>

namespace gyre::learned {

// x [..., n] as contiguous [groups, group_size] in the dtype of the arithmetic, detached. kConfig where
// group_size does not divide n.
torch::Tensor groups_of(const torch::Tensor& x, std::int64_t group_size);

struct Range {
  torch::Tensor lo, hi;  // [groups], NaN where the group is not finite
};
Range range(const torch::Tensor& x);

torch::Tensor level_values(const torch::Tensor& x, const torch::Tensor& knots, const torch::Tensor& levels);
torch::Tensor level_codes(const torch::Tensor& x, const torch::Tensor& knots);
struct LevelGradients {
  torch::Tensor x, levels, knots;  // knots undefined without hats
};
LevelGradients level_gradients(const torch::Tensor& x, const torch::Tensor& knots,
                               const torch::Tensor& gradient, bool hats);

struct Grid {
  int n_bits;
  double lowest, margin;
};
torch::Tensor step_values(const torch::Tensor& x, const torch::Tensor& step, const Grid& grid);
struct StepCodes {
  torch::Tensor codes, scale;
};
StepCodes step_codes(const torch::Tensor& x, const torch::Tensor& step, const Grid& grid);
struct StepGradients {
  torch::Tensor x, step;
};
StepGradients step_gradients(const torch::Tensor& x, const torch::Tensor& step, const torch::Tensor& gradient,
                             const Grid& grid);

// The same by expressions, on any device.
namespace expressions {
Range range(const torch::Tensor& x);
torch::Tensor level_values(const torch::Tensor& x, const torch::Tensor& knots, const torch::Tensor& levels);
torch::Tensor level_codes(const torch::Tensor& x, const torch::Tensor& knots);
LevelGradients level_gradients(const torch::Tensor& x, const torch::Tensor& knots,
                               const torch::Tensor& gradient, bool hats);
torch::Tensor step_values(const torch::Tensor& x, const torch::Tensor& step, const Grid& grid);
StepCodes step_codes(const torch::Tensor& x, const torch::Tensor& step, const Grid& grid);
StepGradients step_gradients(const torch::Tensor& x, const torch::Tensor& step, const torch::Tensor& gradient,
                             const Grid& grid);
}  // namespace expressions

}  // namespace gyre::learned
