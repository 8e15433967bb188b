#include "quant/hessian.h"

#include "core/error.h"
#include "ops/gram.h"

namespace gyre {
namespace {

// A pivot below this share of its diagonal entry is rounding: H is summed in float32.
constexpr double kSmallestPivot = 1e-8;

constexpr double kFirstDamping = 0.01;

}  // namespace

Hessian::Hessian(std::int64_t size, torch::ScalarType dtype, torch::Device device, std::int64_t max_distinct)
    : sum_(torch::zeros({size, size}, torch::TensorOptions(dtype).device(device))),
      max_distinct_(max_distinct) {}

void Hessian::add(const torch::Tensor& x) {
  add_gram(sum_, x);
  n_inputs_ += x.numel() / size();
}

Hessian Hessian::to(torch::Device device) const {
  Hessian moved = *this;
  moved.sum_ = sum_.to(device);
  return moved;
}

torch::Tensor Hessian::matrix() const {
  if (n_inputs_ == 0) return sum_.clone();
  auto upper = sum_.triu();
  upper.mul_(2.0 / static_cast<double>(n_inputs_));
  return upper + upper.triu(1).t();
}

InverseFactor factor_inverse(const torch::Tensor& h, std::int64_t n_distinct, double damping,
                             const torch::Tensor& order) {
  const torch::NoGradGuard no_grad;
  InverseFactor result;
  auto wide = h.to(torch::kFloat64, /*non_blocking=*/false, /*copy=*/true);
  result.dead = wide.diagonal() == 0;
  if (!wide.isfinite().all().item<bool>()) return result;
  wide.diagonal().masked_fill_(result.dead, 1.0);
  const double mean = wide.diagonal().mean().item<double>();
  if (order.defined()) wide = wide.index_select(0, order).index_select(1, order);
  // With rows and columns in reverse order, reversed H = L L^T gives H = R R^T with the upper triangular R =
  // reversed L, and U = R^-1: one Cholesky factorization and one inversion of a triangle.
  const auto reversed = wide.flip({0, 1});
  result.damping = damping;
  const auto raise = [&] {
    result.damping = result.damping > 0 ? 10 * result.damping : kFirstDamping;
    ++result.n_raises;
  };
  if (n_distinct < h.size(0)) raise();
  for (;; raise()) {
    GYRE_ASSERT(result.n_raises < 40);  // a damping beyond the largest eigenvalue always passes
    result.added = result.damping * mean;
    auto damped = reversed.clone();
    damped.diagonal().add_(result.added);
    const auto [lower, info] = at::linalg_cholesky_ex(damped);
    if (info.item<int>() != 0) continue;
    if (!(lower.diagonal().square() > kSmallestPivot * damped.diagonal()).all().item<bool>()) continue;
    const auto identity = torch::eye(h.size(0), wide.options());
    result.factor = at::linalg_solve_triangular(lower.flip({0, 1}), identity, /*upper=*/true).contiguous();
    if (result.factor.isfinite().all().item<bool>()) return result;
  }
}

}  // namespace gyre
