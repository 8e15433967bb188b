// Steps on orthogonal matrices: closed forms, one another, and where descent must end.
#include "train/cayley.h"

#include <gmock/gmock.h>
#include <gtest/gtest.h>

#include <cmath>

#include "core/error.h"
#include "linalg/hadamard.h"

namespace gyre {
namespace {

torch::Tensor random_rotations(std::int64_t n, std::int64_t size, torch::ScalarType dtype) {
  std::vector<torch::Tensor> parts;
  for (std::int64_t i = 0; i < n; ++i) {
    auto q = linalg::haar(size, static_cast<std::uint64_t>(7 + i));
    parts.push_back(torch::from_blob(q.data(), {size, size}, torch::kFloat64).clone());
  }
  return torch::stack(parts).to(dtype);
}

torch::Tensor noise(torch::IntArrayRef shape, int seed) {
  torch::manual_seed(seed);
  return torch::randn(shape, torch::kFloat64);
}

double largest(const torch::Tensor& x) {
  return x.abs().max().item<double>();
}

CayleyOptions by(Retraction retraction, int iterations = 5) {
  CayleyOptions options;
  options.retraction = retraction;
  options.iterations = iterations;
  return options;
}

// In the plane the Cayley transform of [[0, w], [-w, 0]] turns by 2 atan(w / 2).
TEST(Cayley, TurnsThePlaneByTheClosedFormsAngle) {
  const auto r = torch::eye(2, torch::kFloat64).unsqueeze(0);
  const double g = 0.3, rate = 0.7;
  // X = I, V = -G^T, W = (V - V^T) / 2.
  const auto gradient = torch::tensor({{0.0, g}, {0.0, 0.0}}, torch::kFloat64).unsqueeze(0);
  const auto next = cayley_sgd_step(r, gradient, rate, by(Retraction::kExact))[0];
  const double angle = 2 * std::atan(rate * g / 2 / 2);
  EXPECT_NEAR(next[0][0].item<double>(), std::cos(angle), 1e-15);
  // Downhill: G's entry is at row 0, column 1 of R, so that entry falls.
  EXPECT_NEAR(next[0][1].item<double>(), -std::sin(angle), 1e-15);
}

TEST(Cayley, FixedPointConvergesToTheSolvedEquation) {
  const auto r = random_rotations(3, 24, torch::kFloat64);
  const auto gradient = noise(r.sizes(), 1);
  const auto exact = cayley_sgd_step(r, gradient, 1.5, by(Retraction::kExact));
  EXPECT_LT(orthogonality_error(exact), 1e-13);
  double last = 1;
  for (const int iterations : {2, 5, 10, 40}) {
    const double error =
        largest(cayley_sgd_step(r, gradient, 1.5, by(Retraction::kFixedPoint, iterations)) - exact);
    EXPECT_LT(error, last);
    last = error;
  }
  EXPECT_LT(last, 1e-14);
}

TEST(Cayley, AllRetractionsAgreeToFirstOrder) {
  const auto r = random_rotations(1, 16, torch::kFloat64);
  const auto gradient = noise(r.sizes(), 2);
  double errors[2] = {};
  for (int i = 0; i < 2; ++i) {
    const double rate = i == 0 ? 1e-3 : 1e-4;
    const auto exact = cayley_sgd_step(r, gradient, rate, by(Retraction::kExact));
    errors[i] = largest(cayley_sgd_step(r, gradient, rate, by(Retraction::kQr)) - exact);
    EXPECT_GT(largest(exact - r), 0.1 * rate);
  }
  EXPECT_LT(errors[1], errors[0] / 50);  // second order in the rate
}

TEST(Cayley, StepsABatchLikeItsMatrices) {
  const auto r = random_rotations(4, 12, torch::kFloat32);
  // Gradients of unequal size, so that the bound on steps differs from matrix to matrix.
  const auto gradient =
      (noise(r.sizes(), 3) * torch::tensor({1e-3, 1.0, 30.0, 1e3}).view({4, 1, 1})).to(torch::kFloat32);
  const auto together = cayley_sgd_step(r, gradient, 1.5);
  for (std::int64_t i = 0; i < 4; ++i) {
    const auto alone = cayley_sgd_step(r.narrow(0, i, 1), gradient.narrow(0, i, 1), 1.5);
    EXPECT_LT(largest(alone[0] - together[i]), 1e-6);
  }
}

class Steps : public testing::TestWithParam<const char*> {
 protected:
  static torch::Tensor step(const torch::Tensor& r, const torch::Tensor& gradient, double rate,
                            CayleyMoments& moments) {
    return std::string(GetParam()) == "sgd" ? cayley_sgd_step(r, gradient, rate)
                                            : cayley_adam_step(r, gradient, rate, moments);
  }
};

TEST_P(Steps, HundredStepsStayOrthogonalAndAreCorrected) {
  auto r = random_rotations(2, 64, torch::kFloat32);
  CayleyMoments moments;
  for (int i = 0; i < 100; ++i) r = step(r, noise(r.sizes(), 100 + i).to(torch::kFloat32), 1.5, moments);
  EXPECT_EQ(r.scalar_type(), torch::kFloat32);
  EXPECT_LT(orthogonality_error(r), 1e-4);
  const auto corrected = orthonormalized(r);
  EXPECT_EQ(corrected.scalar_type(), torch::kFloat64);
  EXPECT_LT(orthogonality_error(corrected), 1e-10);
  EXPECT_LT(largest(corrected - r), 1e-4);
}

// max tr(R^T A) over orthogonal R is the sum of A's singular values. SGD gets there from a generic start in
// the same component.
TEST_P(Steps, DescendToTheOrthogonalProcrustesSolution) {
  const auto a = random_rotations(1, 8, torch::kFloat64);
  auto r = cayley_sgd_step(a, noise(a.sizes(), 5), 0.3);  // the same determinant
  ASSERT_GT(largest(r - a), 0.1);
  CayleyMoments moments;
  const bool sgd = std::string(GetParam()) == "sgd";
  for (int i = 0; i < 400; ++i) r = step(r, -a, (sgd ? 0.5 : 0.05) * (1 - i / 400.0), moments);
  EXPECT_LT(largest(r - a), sgd ? 1e-3 : 2e-2);  // Adam's steps do not vanish with the gradient
}

TEST_P(Steps, AreAFunctionOfWhatTheyAreGiven) {
  const auto r = random_rotations(2, 16, torch::kFloat32), before = r.clone();
  const auto gradient = noise(r.sizes(), 8).to(torch::kFloat32);
  CayleyMoments a, b;
  EXPECT_TRUE(torch::equal(step(r, gradient, 0.5, a), step(r, gradient, 0.5, b)));
  EXPECT_TRUE(torch::equal(r, before));
}

INSTANTIATE_TEST_SUITE_P(Optimizers, Steps, testing::Values("sgd", "adam"),
                         [](const auto& tested) { return std::string(tested.param); });

// The momentum that Adam keeps is tangent: M X^T is skew-symmetric.
TEST(CayleyAdam, KeepsItsMomentumTangent) {
  auto r = random_rotations(2, 16, torch::kFloat64);
  CayleyMoments moments;
  for (int i = 0; i < 5; ++i) {
    const auto x = r.transpose(1, 2);
    r = cayley_adam_step(r, noise(r.sizes(), 20 + i), 0.1, moments, by(Retraction::kExact));
    const auto product = torch::matmul(moments.momentum, x.transpose(1, 2));
    EXPECT_LT(largest(product + product.transpose(1, 2)), 1e-12);
  }
  EXPECT_EQ(moments.step, 5);
}

TEST(Orthonormalized, IsThePolarFactor) {
  const auto r = random_rotations(2, 20, torch::kFloat64);
  const auto stretched = torch::matmul(r, torch::eye(20, torch::kFloat64) * 1.1 + 0.01);
  const auto [u, s, vt] = torch::linalg_svd(stretched, false, std::nullopt);
  EXPECT_LT(largest(orthonormalized(stretched) - torch::matmul(u, vt)), 1e-12);
  EXPECT_LT(largest(qr_retract(r) - r), 1e-13);
}

TEST(Orthonormalized, RefusesWhatIsFarFromOrthogonal) {
  const auto r = random_rotations(1, 8, torch::kFloat64);
  for (const auto& bad : {2 * r, r * std::nan(""), torch::zeros({1, 8, 8}, torch::kFloat64)}) {
    try {
      orthonormalized(bad);
      FAIL() << "accepted";
    } catch (const Error& error) {
      EXPECT_EQ(error.code(), ErrorCode::kRun);
      EXPECT_THAT(error.what(), testing::HasSubstr("from orthogonal"));
    }
  }
}

// Without the bound, and far too fast, the fixed point does not converge; the error says so.
TEST(Cayley, WithoutTheBoundALargeRateLeavesTheManifold) {
  auto r = random_rotations(1, 16, torch::kFloat32);
  CayleyOptions options;
  options.step_bound = false;
  const auto gradient = noise(r.sizes(), 9).to(torch::kFloat32);
  EXPECT_GT(orthogonality_error(cayley_sgd_step(r, gradient, 100, options)), 1);
  EXPECT_LT(orthogonality_error(cayley_sgd_step(r, gradient, 100)), 1e-2);
}

}  // namespace
}  // namespace gyre
