// Fast Hadamard transforms of tensors, differentiable, through the kernels.
#pragma once

#include <torch/torch.h>

#include <cstdint>
#include <memory>

namespace gyre {

enum class HadamardOrder { kNatural, kSequency };

struct HadamardDeviceCopies;

// What a transform of blocks along the last dimension needs, made once per rotation. Tensors are on the CPU;
// ops moves them where x is, once per device.
struct HadamardTransform {
  std::int64_t block = 1, base = 1;
  torch::Tensor
      base_matrix;      // int8 [base, base], that of x' = x H^T, so transposed; undefined when base is 1
  torch::Tensor order;  // int32 [block] or undefined (natural)
  torch::Tensor signs;  // int8 [width] or undefined
  std::shared_ptr<HadamardDeviceCopies> copies;
};
// kUnsupported, with the nearest orders that exist, when no Hadamard matrix of order `block` is known.
HadamardTransform make_hadamard_transform(std::int64_t block, HadamardOrder order);

// x R with R = D (I (x) S^T) / sqrt(block), S = H in natural order or with its rows in sequency order, D =
// diag(signs). transposed: x R^T. Same dtype (f64, f32, f16, bf16), device and shape; x: [..., width].
// Arithmetic in float32 (float64 for f64), one rounding at the end. On a GPU the first call per transform
// copies its tables there; later ones can be captured in a graph. kConfig when block does not divide width or
// signs are of another size, kUnsupported for other dtypes.
torch::Tensor hadamard(const torch::Tensor& x, const HadamardTransform& transform, bool transposed);

}  // namespace gyre
