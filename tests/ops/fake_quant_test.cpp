#include "ops/fake_quant.h"

#include <gtest/gtest.h>
#include <torch/torch.h>

#include <cmath>

#include "core/error.h"
#include "ops/fake_quant_expressions.h"

namespace gyre {
namespace {

using kernels::Grid;
constexpr std::array kGrids{Grid::kSymmetric, Grid::kInteger, Grid::kReal, Grid::kNoZero};
constexpr std::array kTypes{torch::kFloat32, torch::kFloat64, torch::kFloat16, torch::kBFloat16};

// Normal values with a group of zeros, a constant, a tiny, a huge and two non-finite ones.
torch::Tensor sample(torch::ScalarType type) {
  torch::manual_seed(1);
  auto x = torch::randn({6, 4, 48}, torch::kFloat64);
  x[0][0].slice(0, 0, 16).zero_();
  x[0][1].slice(0, 16, 32).fill_(1.25);
  x[0][2].slice(0, 0, 16).mul_(1e-41);
  x[0][3].slice(0, 0, 16).mul_(1e4);
  x[1][0][3] = NAN;
  x[1][1][20] = -INFINITY;
  return x.to(type);
}

// NaNs count as equal: LibTorch's own conversion to bfloat16 gives them a sign.
bool same_bits(const torch::Tensor& a, const torch::Tensor& b) {
  const auto signs = (a.signbit() == b.signbit()) | a.isnan();
  return a.dtype() == b.dtype() && torch::allclose(a, b, 0, 0, true) && signs.all().item<bool>();
}

TEST(FakeQuantOps, ExpressionsGiveTheBitsOfTheKernels) {
  for (const auto grid : kGrids)
    for (const auto type : kTypes)
      for (const int n_bits : {2, 3, 4, 8})
        for (const double clip : {1.0, 0.83}) {
          const auto x = sample(type);
          const UniformGrid uniform{grid, n_bits, 16, clip};
          const auto kernel = quantize_parts(x, uniform),
                     expressions = quantize_by_expressions(x, uniform, {});
          EXPECT_TRUE(kernel.codes.equal(expressions.codes));
          EXPECT_TRUE(same_bits(kernel.scale, expressions.scale));
          if (grid == Grid::kReal)
            EXPECT_TRUE(same_bits(kernel.offset, expressions.offset));
          else
            EXPECT_TRUE(same_bits(kernel.zero_point, expressions.zero_point));
          EXPECT_TRUE(same_bits(fake_quant(x, uniform), dequantize_parts(expressions, type)))
              << static_cast<int>(grid) << " " << torch::toString(type) << " " << n_bits;
        }
}

TEST(FakeQuantOps, RatiosOfOneAreTheUnclippedGrid) {
  const auto x = sample(torch::kFloat32);
  for (const auto grid : kGrids) {
    const UniformGrid uniform{grid, 4, 16};
    EXPECT_TRUE(same_bits(fake_quant_clipped(x, uniform, torch::ones({6, 4, 3})), fake_quant(x, uniform)));
    const auto parts = quantize_parts_clipped(x, uniform, torch::full({6, 4, 3}, 0.5));
    EXPECT_TRUE(same_bits(dequantize_parts(parts, torch::kFloat32),
                          fake_quant_clipped(x, uniform, torch::full({6, 4, 3}, 0.5))));
  }
}

TEST(FakeQuantOps, TakesTensorsThatAreNotContiguous) {
  const auto x = torch::randn({32, 20});
  const UniformGrid uniform{Grid::kInteger, 4, 16};
  EXPECT_TRUE(fake_quant(x.t(), uniform).equal(fake_quant(x.t().contiguous(), uniform)));
  EXPECT_EQ(fake_quant(torch::empty({0, 32}), uniform).sizes(), (torch::IntArrayRef{0, 32}));
}

TEST(FakeQuantOps, GradientPassesUnchangedWithoutClipping) {
  for (const auto grid : kGrids) {
    auto x = torch::randn({4, 32}, torch::kFloat64).requires_grad_();
    const auto weight = torch::randn({4, 32}, torch::kFloat64);
    (fake_quant(x, {grid, 3, 8}) * weight).sum().backward();
    EXPECT_TRUE(x.grad().equal(weight));
  }
}

TEST(FakeQuantOps, GradientIsZeroWhereClippingMovedTheValue) {
  // Symmetric, 4 bits, clip 0.7: scale 0.7, levels -5.6 to 4.9; beyond half a step of them, at -5.95
  // and 5.25, values are cut.
  auto x = torch::tensor({7.0, 5.2, 5.3, 1.0, 0.0, -5.9, -6.0, -7.0}, torch::kFloat64).requires_grad_();
  fake_quant(x, {Grid::kSymmetric, 4, 8, 0.7}).sum().backward();
  EXPECT_TRUE(x.grad().equal(torch::tensor({0, 1, 0, 1, 1, 1, 0, 0}, torch::kFloat64))) << x.grad();
  auto y = x.detach().clone().requires_grad_();
  fake_quant_clipped(y, {Grid::kSymmetric, 4, 8}, torch::tensor({0.7})).sum().backward();
  EXPECT_TRUE(y.grad().equal(x.grad()));
}

TEST(FakeQuantOps, GradientIsFiniteForDegenerateGroups) {
  for (const auto grid : kGrids)
    for (const double value : {0.0, 2.5}) {
      auto x = torch::full({2, 16}, value).requires_grad_();
      fake_quant(x, {grid, 4, 8, 0.9}).sum().backward();
      EXPECT_TRUE(x.grad().isfinite().all().item<bool>());
    }
}

TEST(FakeQuantOps, SearchedClipIsNeverWorseThanMinMax) {
  torch::manual_seed(5);
  const auto w = torch::randn({24, 128}).pow(3);
  for (const auto grid : kGrids)
    for (const int n_bits : {2, 3, 4, 8})
      for (const double power : {2.4, 2.0}) {
        const UniformGrid uniform{grid, n_bits, 32};
        const auto error = [&](const torch::Tensor& q) {
          return (q - w).to(torch::kFloat64).abs().pow(power).unflatten(-1, {-1, 32}).sum(-1);
        };
        const auto ratio = search_clip(w, uniform, power);
        const auto searched = error(fake_quant_clipped(w, uniform, ratio)),
                   plain = error(fake_quant(w, uniform));
        EXPECT_TRUE((searched <= plain * (1 + 4e-6)).all().item<bool>());
        if (n_bits <= 4) {
          EXPECT_LT(searched.sum().item<double>(), plain.sum().item<double>());
        }
        EXPECT_GE(ratio.min().item<double>(), 0.2099);
        EXPECT_LE(ratio.max().item<double>(), 1.0);
      }
}

TEST(FakeQuantOps, SearchOfAHalfTensorIsThatOfItsValues) {
  const auto w = torch::randn({8, 64}, torch::kFloat32).to(torch::kBFloat16);
  const UniformGrid uniform{Grid::kSymmetric, 3, 16};
  EXPECT_TRUE(search_clip(w, uniform, 2.4).equal(search_clip(w.to(torch::kFloat32), uniform, 2.4)));
}

ErrorCode code_of(const std::function<void()>& action) {
  try {
    action();
  } catch (const Error& error) {
    return error.code();
  }
  return ErrorCode::kInterrupted;
}

TEST(FakeQuantOps, RefusesWhatDoesNotFit) {
  const auto x = torch::randn({2, 64});
  EXPECT_EQ(code_of([&] { fake_quant(x, {Grid::kReal, 4, 48}); }), ErrorCode::kConfig);
  EXPECT_EQ(code_of([&] { fake_quant(x, {Grid::kReal, 4, 0}); }), ErrorCode::kConfig);
  EXPECT_EQ(code_of([&] { fake_quant(x, {Grid::kReal, 9, 32}); }), ErrorCode::kConfig);
  EXPECT_EQ(code_of([&] { fake_quant(x, {Grid::kReal, 1, 32}); }), ErrorCode::kConfig);
  EXPECT_EQ(code_of([&] { fake_quant(x, {Grid::kReal, 4, 32, 0.0}); }), ErrorCode::kConfig);
  EXPECT_EQ(code_of([&] { fake_quant(x.to(torch::kInt32), {Grid::kReal, 4, 32}); }), ErrorCode::kUnsupported);
  EXPECT_EQ(code_of([&] {
              fake_quant_clipped(x, {Grid::kReal, 4, 32}, torch::ones({2, 3}));
            }),
            ErrorCode::kConfig);
  EXPECT_EQ(code_of([&] { search_clip(x, {Grid::kReal, 4, 32}, 3.0); }), ErrorCode::kUnsupported);
}

}  // namespace
}  // namespace gyre
