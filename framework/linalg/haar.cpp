// Haar-distributed orthogonal matrices. Mezzadri, "How to generate random matrices from the classical compact
// groups", Notices of the AMS 54 (2007): the QR of a Gaussian matrix is Haar only once R's diagonal is made
// positive.
#include <Eigen/QR>

#include "core/seed.h"
#include "linalg/hadamard.h"

namespace gyre::linalg {

Matrix haar(std::int64_t order, std::uint64_t seed) {
  Rng rng(seed);
  Eigen::MatrixXd gaussian(order, order);
  for (std::int64_t i = 0; i < gaussian.size(); ++i) gaussian.data()[i] = rng.normal();
  const Eigen::HouseholderQR<Eigen::Ref<Eigen::MatrixXd>> qr(gaussian);
  const Eigen::VectorXd signs =
      qr.matrixQR().diagonal().unaryExpr([](double r) { return std::copysign(1.0, r); });
  Matrix q = qr.householderQ() * Eigen::MatrixXd::Identity(order, order);
  q *= signs.asDiagonal();
  return q;
}

double orthogonality_error(const Matrix& r) {
  const Matrix error = r * r.transpose() - Matrix::Identity(r.rows(), r.rows());
  return error.cwiseAbs().maxCoeff();
}

}  // namespace gyre::linalg
