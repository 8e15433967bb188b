// Fake quantization with a learned step (LSQ; Esser et al., 2020): levels (lowest + code) step, forward and
// hand-written backward, one pass over the data each way.
//
// A step is used as it is stored: rounded to float16, 0 where it is not positive; the gradient passes
// straight through that. With u = x / step and q the level's multiple of the step, inside meaning lowest -
// margin < u < highest + margin:
//   d out / d x = 1 inside, 0 outside;  d out / d step = q - u inside, q outside.
#pragma once

#include <torch/torch.h>

#include "ops/fake_quant.h"

namespace gyre {

struct StepGrid {
  int n_bits = 4;
  double lowest = -8;  // level of code 0, in steps
  double margin = 0;   // beyond the outermost levels, in steps
  std::int64_t group_size = 0;
  double highest() const { return lowest + (1 << n_bits) - 1; }
};

// x: [..., n], any dtype that fake_quant takes. step: one per group of each row, x.numel() / group_size
// values, or one per group that all rows share, n / group_size values. step's gradient is multiplied by
// gradient_scale. Groups with a NaN or an infinity come out as NaN. kConfig on other numbers of steps.
torch::Tensor fake_quant_steps(const torch::Tensor& x, const torch::Tensor& step, const StepGrid& grid,
                               double gradient_scale);

// Codes, scales [..., n / group_size] and zero points: dequantize_parts gives fake_quant_steps' bits.
QuantizedParts quantize_steps(const torch::Tensor& x, const torch::Tensor& step, const StepGrid& grid);

}  // namespace gyre
