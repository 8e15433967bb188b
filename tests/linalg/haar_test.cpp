// Haar matrices: orthogonal, a function of their seed, and Haar indeed.
#include <gtest/gtest.h>

#include <Eigen/LU>
#include <cmath>

#include "linalg/hadamard.h"

namespace gyre::linalg {
namespace {

TEST(Haar, IsOrthogonal) {
  for (const std::int64_t order : {1, 2, 3, 17, 64, 128, 576, 1024})
    EXPECT_LT(orthogonality_error(haar(order, 5)), 1e-13 * std::sqrt(static_cast<double>(order))) << order;
}

TEST(Haar, IsAFunctionOfItsSeed) {
  EXPECT_EQ(haar(33, 7), haar(33, 7));
  EXPECT_NE(haar(33, 7), haar(33, 8));
}

// Under Haar's measure each entry is symmetric about 0 with E q^2 = 1/n and E q^4 = 3 / (n (n + 2)), the
// trace has mean 0 and variance 1, and both determinants are equally likely. Householder QR without the sign
// correction makes the first diagonal entry negative always. Tolerances: five standard errors.
TEST(Haar, HasTheMomentsOfHaarsMeasure) {
  constexpr int kN = 4, kDraws = 4000;
  double trace = 0, trace_squared = 0, determinant = 0;
  Matrix positive = Matrix::Zero(kN, kN), square = positive, fourth = positive;
  for (int seed = 0; seed < kDraws; ++seed) {
    const Matrix q = haar(kN, static_cast<std::uint64_t>(seed));
    trace += q.trace();
    trace_squared += q.trace() * q.trace();
    determinant += q.determinant();
    positive.array() += (q.array() > 0).cast<double>();
    square.array() += q.array().square();
    fourth.array() += q.array().square().square();
  }
  const double error = 5 / std::sqrt(kDraws);
  EXPECT_NEAR(trace / kDraws, 0, error);
  EXPECT_NEAR(trace_squared / kDraws, 1, error * std::sqrt(2.0));  // E tr^4 = 3
  EXPECT_NEAR(determinant / kDraws, 0, error);
  for (int i = 0; i < kN; ++i)
    for (int j = 0; j < kN; ++j) {
      EXPECT_NEAR(positive(i, j) / kDraws, 0.5, error / 2) << i << ", " << j;
      EXPECT_NEAR(square(i, j) / kDraws, 1.0 / kN, error * 0.25) << i << ", " << j;  // variance 1/8 - 1/16
      EXPECT_NEAR(fourth(i, j) / kDraws, 0.125, error * 0.25) << i << ", " << j;  // variance 105/1920 - 1/64
    }
}

TEST(OrthogonalityError, IsTheLargestEntryOfTheDifference) {
  EXPECT_EQ(orthogonality_error(Matrix::Identity(5, 5)), 0);
  EXPECT_EQ(orthogonality_error(2 * Matrix::Identity(5, 5)), 3);
  const Matrix h = hadamard(64).cast<double>() / 8;
  EXPECT_EQ(orthogonality_error(h), 0);
  Matrix bent = Matrix::Identity(3, 3);
  bent(0, 2) = 0.5;  // rows 0 and 2 are no longer orthogonal, row 0 is too long
  EXPECT_EQ(orthogonality_error(bent), 0.5);
}

}  // namespace
}  // namespace gyre::linalg
