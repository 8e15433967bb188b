#include "ops/hadamard_expressions.h"

#include <cmath>

namespace gyre {
namespace {

// v [..., n] times Sylvester's matrix of order n = 2^k, one index bit at a time.
torch::Tensor sylvester(torch::Tensor v, std::int64_t n) {
  const auto shape = v.sizes().vec();
  for (std::int64_t h = 1; h < n; h *= 2) {
    const auto pairs = v.reshape({-1, 2, h});
    const auto a = pairs.select(1, 0), b = pairs.select(1, 1);
    v = torch::stack({a + b, a - b}, 1);
  }
  return v.reshape(shape);
}

}  // namespace

torch::Tensor hadamard_by_expressions(const torch::Tensor& x, const HadamardTransform& transform,
                                      bool transposed) {
  const auto type = x.scalar_type() == torch::kFloat64 ? torch::kFloat64 : torch::kFloat32;
  const auto on_device = [&](const torch::Tensor& t, torch::ScalarType as) { return t.to(x.device(), as); };
  auto v = x.to(type);
  if (transform.signs.defined() && !transposed) v = v * on_device(transform.signs, type);
  v = v.reshape({-1, transform.block});
  if (transform.order.defined() && transposed) {
    auto placed = torch::empty_like(v);
    placed.index_copy_(1, on_device(transform.order, torch::kInt64), v);
    v = placed;
  }
  v = sylvester(v.reshape({-1, transform.base, transform.block / transform.base}),
                transform.block / transform.base);
  if (transform.base > 1) {
    const auto matrix = on_device(transform.base_matrix, type);
    v = torch::matmul(transposed ? matrix : matrix.t(), v);
  }
  v = v.reshape({-1, transform.block});
  if (transform.order.defined() && !transposed)
    v = v.index_select(1, on_device(transform.order, torch::kInt64));
  v = (v * (1 / std::sqrt(static_cast<double>(transform.block)))).reshape(x.sizes());
  if (transform.signs.defined() && transposed) v = v * on_device(transform.signs, type);
  return v.to(x.scalar_type());
}

}  // namespace gyre
