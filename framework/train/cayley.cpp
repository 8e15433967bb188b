#include "train/cayley.h"

#include <cmath>
#include <limits>

#include "core/error.h"

namespace gyre {
namespace {

constexpr double kTiny = 1e-8;
constexpr double kFarthest = 0.5;  // beyond it Newton-Schulz need not converge
constexpr double kConverged = 1e-13;
constexpr int kMaxIterations = 40;

torch::Tensor transposed(const torch::Tensor& m) {
  return m.transpose(-1, -2);
}

torch::Tensor identity_like(const torch::Tensor& m) {
  return torch::eye(m.size(-1), m.options());
}

// The skew-symmetric W with which X moves along the descent direction V, [n, d, d].
torch::Tensor skew_direction(const torch::Tensor& x, const torch::Tensor& v) {
  const auto vx = torch::matmul(v, transposed(x));
  const auto w = vx - 0.5 * torch::matmul(x, torch::matmul(transposed(x), vx));
  return w - transposed(w);
}

// [n, 1, 1]
torch::Tensor step_lengths(const torch::Tensor& w, double rate, const CayleyOptions& options) {
  const auto lengths = torch::full({w.size(0), 1, 1}, rate, w.options());
  if (!options.step_bound) return lengths;
  const auto norm = std::get<0>(w.abs().sum(-2, /*keepdim=*/true).max(-1, /*keepdim=*/true));
  return torch::minimum(lengths, 1.0 / (norm + kTiny));
}

// X moved along a W, start: the fixed point's first guess.
torch::Tensor moved(const torch::Tensor& x, const torch::Tensor& w, const torch::Tensor& a,
                    const torch::Tensor& start, const CayleyOptions& options) {
  const auto half = 0.5 * a * w;
  switch (options.retraction) {
    case Retraction::kExact:
      return at::linalg_solve(identity_like(x) - half, torch::matmul(identity_like(x) + half, x));
    case Retraction::kQr:
      return qr_retract(x + 2 * torch::matmul(half, x));
    case Retraction::kFixedPoint:
      break;
  }
  auto y = start;
  for (int i = 0; i < options.iterations; ++i) y = x + torch::matmul(half, x + y);
  return y;
}

void check_batch(const torch::Tensor& r) {
  GYRE_ASSERT(r.dim() == 3 && r.size(1) == r.size(2) && r.is_floating_point());
}

}  // namespace

torch::Tensor cayley_sgd_step(const torch::Tensor& r, const torch::Tensor& gradient, double rate,
                              const CayleyOptions& options) {
  const torch::NoGradGuard no_grad;
  check_batch(r);
  GYRE_ASSERT(gradient.sizes() == r.sizes());
  const auto x = transposed(r).contiguous();
  const auto v = -transposed(gradient.to(r.scalar_type()));
  const auto w = skew_direction(x, v);
  const auto a = step_lengths(w, rate, options);
  return transposed(moved(x, w, a, x + a * v, options)).contiguous();
}

torch::Tensor cayley_adam_step(const torch::Tensor& r, const torch::Tensor& gradient, double rate,
                               CayleyMoments& moments, const CayleyOptions& options) {
  const torch::NoGradGuard no_grad;
  check_batch(r);
  GYRE_ASSERT(gradient.sizes() == r.sizes());
  const auto x = transposed(r).contiguous();
  const auto v = -transposed(gradient.to(r.scalar_type()));
  if (!moments.momentum.defined()) {
    moments.momentum = torch::zeros_like(x);
    moments.square = torch::zeros({x.size(0), 1, 1}, x.options());
  }
  ++moments.step;
  const auto k = static_cast<double>(moments.step);
  const double seen1 = 1 - std::pow(options.beta1, k), seen2 = 1 - std::pow(options.beta2, k);
  const auto mixed = options.beta1 * moments.momentum + (1 - options.beta1) * v;
  moments.square =
      options.beta2 * moments.square + (1 - options.beta2) * v.square().sum({-1, -2}, /*keepdim=*/true);
  const auto size = seen1 * ((moments.square / seen2).sqrt() + options.epsilon);
  const auto w = skew_direction(x, mixed);
  moments.momentum = torch::matmul(w, x);  // tangent at x; the next step projects it where x then is
  const auto unit = w / size;
  const auto a = step_lengths(unit, rate, options);
  return transposed(moved(x, unit, a, x + a * torch::matmul(unit, x), options)).contiguous();
}

torch::Tensor qr_retract(const torch::Tensor& r) {
  const auto [q, triangle] = at::linalg_qr(r);
  const auto signs = torch::where(triangle.diagonal(0, -2, -1) < 0, -1.0, 1.0).to(r.scalar_type());
  return q * signs.unsqueeze(-2);
}

torch::Tensor orthonormalized(const torch::Tensor& r) {
  const torch::NoGradGuard no_grad;
  check_batch(r);
  auto y = r.to(torch::kFloat64);
  const double start = orthogonality_error(y);
  GYRE_CHECK(start <= kFarthest, ErrorCode::kRun,
             "a learned rotation is {:.3g} from orthogonal, too far to be corrected (at most {}); a smaller "
             "learning rate keeps it closer",
             start, kFarthest);
  for (int i = 0; i < kMaxIterations && orthogonality_error(y) > kConverged; ++i)
    y = 1.5 * y - 0.5 * torch::matmul(torch::matmul(y, transposed(y)), y);
  GYRE_CHECK(orthogonality_error(y) < 1e-12, ErrorCode::kRun,
             "a learned rotation, {:.3g} from orthogonal, could not be made orthogonal", start);
  return y;
}

double orthogonality_error(const torch::Tensor& r) {
  const torch::NoGradGuard no_grad;
  check_batch(r);
  const auto wide = r.to(torch::kFloat64);
  const double error =
      (torch::matmul(wide, transposed(wide)) - identity_like(wide)).abs().max().item<double>();
  return std::isnan(error) ? std::numeric_limits<double>::infinity() : error;
}

}  // namespace gyre
