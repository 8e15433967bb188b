#include "rotation/rotation.h"

#include "core/error.h"

namespace gyre {
namespace {

// x r on the last dimension, in float64 for float64, else in float32; rounded once to x's dtype.
torch::Tensor times(const torch::Tensor& x, const torch::Tensor& r) {
  GYRE_ASSERT(x.dim() > 0 && x.size(-1) == r.size(0));
  const auto compute = x.scalar_type() == torch::kFloat64 ? torch::kFloat64 : torch::kFloat32;
  return torch::matmul(x.to(compute), r.to(x.device(), compute)).to(x.scalar_type());
}

}  // namespace

torch::Tensor Rotation::rotate(const torch::Tensor& x) const {
  return times(x, matrix());
}

torch::Tensor Rotation::unrotate(const torch::Tensor& x) const {
  return times(x, matrix().t());
}

}  // namespace gyre
