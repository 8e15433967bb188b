// Fake quantization with learned clipping (LWC) and a learned partition (LDP; Choi et al., 2025) per group,
// forward and hand-written backward, one pass over the data each way. L = 2^n_bits; for a group w:
//   m = min(0, min w), M = max(0, max w);  lo = sigma(clip_low) m, hi = sigma(clip_high) M;  R = hi - lo
//   0 = t_0 < t_1 < ... < t_(L-1) = 1 from the partition s_1 ... s_(L-2):
//     sigmoid: t_k = t_(k-1) + (1 - t_(k-1)) sigma(s_k);  linear: t = sort(clamp(s, 0, 1));
//     without a partition t_k = k / (L - 1)
//   knots k_j = lo + R t_j, thresholds at their midpoints, values at the knots, or at lo + R j / (L - 1)
//   with uniform_values.
// Values are used as they are stored: knots rounded to float16; uniform values code * scale + offset with
// scale = R / (L - 1) and offset = lo in float16. Gradients pass straight through that rounding.
//
// Backward, with the codes c_i held fixed and phi_j the hat function of knot j:
//   codebook: out_i = value_c;  residual: out_i = w_i + value_c - sum_j k_j phi_j(w_i) with phi_j held fixed,
//   for lo < w_i < hi; out_i = value_c for the others. Weights get 1 inside, 0 outside, in both forms.
// m and M are constants, or, without detach_range, functions of the smallest and largest weight.
#pragma once

#include <torch/torch.h>

namespace gyre {

struct LevelForm {
  int n_bits = 2;
  std::int64_t group_size = 0;
  bool partition = true;
  bool linear = false;          // partition unsquashed
  bool uniform_values = false;  // always so without a partition
  bool residual = false;        // gradient
  bool detach_range = true;
  int n_levels() const { return 1 << n_bits; }
};

// Numbers of elements: one per group for the clips, L - 2 per group for the partition (undefined without).
struct LevelParameters {
  torch::Tensor clip_low, clip_high, partition;
};

// x: [..., n], any dtype that fake_quant takes: same shape, dtype and device. Groups with a NaN or an
// infinity, or whose levels leave float16, come out as NaN. kConfig when the parameters are for other groups.
torch::Tensor fake_quant_levels(const torch::Tensor& x, const LevelParameters& parameters,
                                const LevelForm& form);

// Levels of each group of x, as the forward uses them: [..., n / group_size, L], ascending, in float32
// (float64 for float64 x) and exact in float16. scale and offset [..., n / group_size] where values are
// uniform.
struct GroupLevels {
  torch::Tensor knots, values, scale, offset;
};
GroupLevels group_levels(const torch::Tensor& x, const LevelParameters& parameters, const LevelForm& form);

// Codes of x, uint8 [..., n], for those levels.
torch::Tensor level_codes(const torch::Tensor& x, const GroupLevels& levels, const LevelForm& form);

}  // namespace gyre
