// Descent on orthogonal matrices by the Cayley transform: Li, Fuxin and Todorovic, "Efficient Riemannian
// optimization on the Stiefel manifold via the Cayley transform", ICLR 2020, as SpinQuant (Liu et al., 2024)
// uses it.
//
// All tensors are batches of square matrices, [n, d, d]: the layers' R2 are stepped at once, each with its
// own step bound. R acts on rows, x' = x R; X = R^T is the column form of the papers.
#pragma once

#include <torch/torch.h>

#include <cstdint>
#include <string_view>

namespace gyre {

// How a step returns to the manifold. kFixedPoint iterates Y <- X + a/2 W (X + Y); kExact solves that
// equation; kQr orthonormalizes X + a W X. The last two are what the first is checked against.
enum class Retraction { kFixedPoint, kExact, kQr };

struct CayleyOptions {
  Retraction retraction = Retraction::kFixedPoint;
  int iterations = 5;      // of the fixed point
  bool step_bound = true;  // a <= 1 / |W|_1, with which each iteration halves the error at least
  // Adam: decay of the momentum and of the mean squared gradient.
  double beta1 = 0.9, beta2 = 0.99, epsilon = 1e-8;
};

// What Adam keeps of one batch: momentum [n, d, d], tangent at the last point, in column form; the gradient's
// mean square [n, 1, 1]; how many steps it has seen.
struct CayleyMoments {
  torch::Tensor momentum, square;
  std::int64_t step = 0;
};

// The matrices after one step against gradient (dL/dR) with the learning rate, in r's dtype:
//   V = -G^T, W = V X^T - 1/2 X (X^T V X^T), W <- W - W^T, a = min(1 / |W|_1, rate), Y = Cayley(a W) X.
torch::Tensor cayley_sgd_step(const torch::Tensor& r, const torch::Tensor& gradient, double rate,
                              const CayleyOptions& options = {});

// Cayley Adam: one adaptive factor a matrix, and a momentum that is projected onto the tangent space wherever
// the matrix has gone. moments is updated, and made on the first step.
torch::Tensor cayley_adam_step(const torch::Tensor& r, const torch::Tensor& gradient, double rate,
                               CayleyMoments& moments, const CayleyOptions& options = {});

// The orthogonal factor of a QR decomposition with R's diagonal positive: no change for an orthogonal matrix.
torch::Tensor qr_retract(const torch::Tensor& r);

// The nearest orthogonal matrices (polar factors) in float64, by Newton and Schulz's iteration: |R R^T - I|
// is below 1e-12 afterwards. kRun when the matrices are too far from orthogonal (more than 0.5) or not
// finite.
torch::Tensor orthonormalized(const torch::Tensor& r);

// max |R R^T - I| over the batch, computed in float64.
double orthogonality_error(const torch::Tensor& r);

}  // namespace gyre
