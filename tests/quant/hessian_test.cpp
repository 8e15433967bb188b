#include "quant/hessian.h"

#include <gtest/gtest.h>

#include <cmath>

namespace gyre {
namespace {

torch::Tensor correlated(std::int64_t n, std::int64_t size, int seed = 1) {
  torch::manual_seed(seed);
  const auto mix = torch::randn({size, size}, torch::kFloat64) / std::sqrt(static_cast<double>(size));
  return torch::randn({n, size}, torch::kFloat64).mm(mix) * (0.1 + torch::rand({size}, torch::kFloat64));
}

double relative(const torch::Tensor& a, const torch::Tensor& b) {
  return ((a.to(torch::kFloat64) - b).norm() / b.norm()).item<double>();
}

TEST(Hessian, IsTheMeanOfTwoXTransposedX) {
  for (const std::int64_t size : {1, 5, 128, 129, 300}) {
    const auto x = correlated(70, size);
    const auto expected = x.t().mm(x) * (2.0 / 70);
    for (const auto dtype : {torch::kFloat32, torch::kFloat64}) {
      Hessian hessian(size, dtype, torch::kCPU);
      EXPECT_TRUE((hessian.matrix() == 0).all().item<bool>());
      hessian.add(x.narrow(0, 0, 30).view({2, 15, size}));
      hessian.add(x.narrow(0, 30, 40));
      EXPECT_EQ(hessian.n_inputs(), 70);
      EXPECT_EQ(hessian.n_distinct(), 70);
      const auto h = hessian.matrix();
      EXPECT_EQ(h.scalar_type(), dtype);
      EXPECT_TRUE(h.equal(h.t()));
      EXPECT_LT(relative(h, expected), dtype == torch::kFloat64 ? 1e-14 : 1e-5);
    }
  }
}

// Products of bfloat16 are exact in float32, so that only sums are rounded.
TEST(Hessian, OfNarrowInputsIsThatOfTheirValues) {
  for (const auto dtype : {torch::kBFloat16, torch::kFloat16})
    for (const std::int64_t size : {1, 47, 48, 49, 300}) {
      const auto x = correlated(1300, size).to(dtype);
      const auto wide = x.to(torch::kFloat64);
      Hessian hessian(size, torch::kFloat32, torch::kCPU);
      hessian.add(x.narrow(0, 0, 1201));
      hessian.add(x.narrow(0, 1201, 99).t().contiguous().t());  // strides as they come
      EXPECT_LT(relative(hessian.matrix(), wide.t().mm(wide) * (2.0 / 1300)), 1e-6) << dtype << " " << size;
    }
}

TEST(FactorInverse, IsTheCholeskyFactorOfTheDampedInverse) {
  const auto x = correlated(400, 60);
  const auto h = x.t().mm(x);
  const auto result = factor_inverse(h, 400, 0.02);
  const double added = 0.02 * h.diagonal().mean().item<double>();
  EXPECT_NEAR(result.added, added, 1e-12 * added);
  EXPECT_EQ(result.n_raises, 0);
  EXPECT_EQ(result.damping, 0.02);
  const auto damped = h + added * torch::eye(60, torch::kFloat64);
  const auto& u = result.factor;
  EXPECT_TRUE(u.equal(u.triu()));
  EXPECT_LT(relative(u.t().mm(u).mm(damped), torch::eye(60, torch::kFloat64)), 1e-12);

  const auto order = torch::randperm(60, torch::kInt64);
  const auto turned = damped.index_select(0, order).index_select(1, order);
  const auto v = factor_inverse(h, 400, 0.02, order).factor;
  EXPECT_LT(relative(v.t().mm(v).mm(turned), torch::eye(60, torch::kFloat64)), 1e-12);
}

TEST(FactorInverse, GivesDeadChannelsADiagonalOfOne) {
  auto x = correlated(100, 12);
  x.select(1, 3).zero_();
  x.select(1, 11).zero_();
  const auto h = x.t().mm(x);
  const auto result = factor_inverse(h, 100, 0.01);
  EXPECT_EQ(result.dead.sum().item<int>(), 2);
  EXPECT_TRUE(result.dead[3].item<bool>() && result.dead[11].item<bool>());
  auto expected = h.clone();
  expected.diagonal().masked_fill_(result.dead, 1.0);
  expected.diagonal().add_(0.01 * expected.diagonal().mean().item<double>());
  EXPECT_LT(relative(result.factor.t().mm(result.factor).mm(expected), torch::eye(12, torch::kFloat64)),
            1e-12);
}

TEST(FactorInverse, RaisesDampingForFewerInputsThanChannels) {
  const auto x = correlated(20, 50);
  const auto h = x.t().mm(x);
  const auto result = factor_inverse(h, 20, 0.01);
  EXPECT_EQ(result.n_raises, 1);
  EXPECT_DOUBLE_EQ(result.damping, 0.1);
  EXPECT_TRUE(result.factor.isfinite().all().item<bool>());
}

// H of rank 1 without damping, claimed to be of full rank: Cholesky alone decides.
TEST(FactorInverse, RaisesDampingUntilPivotsStandClear) {
  const auto x = correlated(1, 40);
  const auto result = factor_inverse(x.t().mm(x), 1000, 0);
  EXPECT_GE(result.n_raises, 1);
  EXPECT_GE(result.damping, 0.01);
  EXPECT_TRUE(result.factor.isfinite().all().item<bool>());
  // Not even positive: one damping after the other until it is.
  const auto indefinite = torch::eye(6, torch::kFloat64) - 0.9 * torch::ones({6, 6}, torch::kFloat64);
  const auto raised = factor_inverse(indefinite, 1000, 0.01);
  EXPECT_GT(raised.n_raises, 2);
  EXPECT_TRUE(raised.factor.isfinite().all().item<bool>());
}

TEST(FactorInverse, GivesNothingForNotANumber) {
  for (const double bad : {double(NAN), double(INFINITY)}) {
    auto h = torch::eye(4, torch::kFloat64);
    h[1][2] = bad;
    EXPECT_FALSE(factor_inverse(h, 10, 0.01).factor.defined());
  }
}

}  // namespace
}  // namespace gyre
