// Fake quantization of tensors in groups along the last dimension: through the kernels on the CPU, by the
// same arithmetic in tensor expressions elsewhere. The grids are those of kernels/api.h.
//
// Straight-through backward: the gradient passes unchanged where a value lies within the clipped range (at
// most half a step beyond its outermost levels), and is zero where clipping moved it; scales count as
// constants.
//
// x: [..., n], float32, float64, float16 or bfloat16. Throws kConfig when group_size does not divide n,
// n_bits is not 2 to 8 or clip is not above 0, and kUnsupported for other dtypes.
#pragma once

#include <torch/torch.h>

#include "kernels/api.h"

namespace gyre {

struct UniformGrid {
  kernels::Grid grid = kernels::Grid::kSymmetric;
  int n_bits = 4;
  std::int64_t group_size = 0;  // divides the last dimension
  double clip = 1.0;
};

// Quantize-dequantize, scales from x itself: same shape, dtype and device.
torch::Tensor fake_quant(const torch::Tensor& x, const UniformGrid& grid);

// codes: uint8 [..., n]; the others [..., n / group], float32 (float64 for float64 x). One of zero_point (in
// codes) and offset (in values; Grid::kReal) is defined.
struct QuantizedParts {
  torch::Tensor codes, scale, zero_point, offset;
};
QuantizedParts quantize_parts(const torch::Tensor& x, const UniformGrid& grid);

// (codes - zero_point) * scale, or codes * scale + offset, in the scale's dtype, then rounded to dtype. With
// quantize_parts it gives fake_quant's bits.
torch::Tensor dequantize_parts(const QuantizedParts& parts, torch::ScalarType dtype);

// The same with a clip ratio per group, [..., n / group] (weights after a search); grid.clip is not used.
torch::Tensor fake_quant_clipped(const torch::Tensor& x, const UniformGrid& grid, const torch::Tensor& ratio);
QuantizedParts quantize_parts_clipped(const torch::Tensor& x, const UniformGrid& grid,
                                      const torch::Tensor& ratio);

// The same values; in the backward pass the scale, and a real offset, are functions of the group's smallest
// and largest value (of the first of equals), as where torch.amin and amax are differentiated: BitDistiller's
// int2-asym. Codes, integer zero points and the ratio (per group, or undefined for grid.clip) are constants.
torch::Tensor fake_quant_through_range(const torch::Tensor& x, const UniformGrid& grid,
                                       const torch::Tensor& ratio = {});

// The ratio per group that minimizes sum |q - w|^power (2.4 or 2) over p = 1 - i/100, i = 0..79; the first of
// equals. float32 [..., n / group] on w's device; computed on the CPU.
torch::Tensor search_clip(const torch::Tensor& w, const UniformGrid& grid, double power);

}  // namespace gyre
