// The fused operation against the two one after the other, bit for bit.
#include "ops/hadamard_quant.h"

#include <gtest/gtest.h>
#include <torch/torch.h>

#include "core/error.h"

namespace gyre {
namespace {

using kernels::Grid;

bool same_bits(const torch::Tensor& a, const torch::Tensor& b) {
  return a.dtype() == b.dtype() && a.sizes() == b.sizes() && torch::allclose(a, b, 0, 0, true) &&
         (a.signbit() == b.signbit()).logical_or(a.isnan()).all().item<bool>();
}

TEST(HadamardQuantOps, GivesTheBitsOfTheTwoOperations) {
  torch::manual_seed(1);
  struct Shape {
    std::int64_t width, block, group;
    HadamardOrder order;
  };
  for (const auto& shape : {Shape{64, 64, 64, HadamardOrder::kNatural},
                            {192, 64, 192, HadamardOrder::kSequency},
                            {1536, 1536, 1536, HadamardOrder::kNatural},
                            {96, 12, 8, HadamardOrder::kNatural},
                            {4096, 4096, 128, HadamardOrder::kNatural}})
    for (const auto type : {torch::kFloat32, torch::kFloat64, torch::kFloat16, torch::kBFloat16})
      for (const auto grid : {Grid::kSymmetric, Grid::kInteger, Grid::kReal, Grid::kNoZero}) {
        auto transform = make_hadamard_transform(shape.block, shape.order);
        if (shape.width != shape.block)
          transform.signs = (torch::randint(0, 2, {shape.width}) * 2 - 1).to(torch::kInt8);
        const auto x = torch::randn({3, 7, shape.width}, torch::kFloat64).to(type);
        const UniformGrid uniform{grid, 4, shape.group, 0.9};
        EXPECT_TRUE(same_bits(hadamard_fake_quant(x, transform, uniform),
                              fake_quant(hadamard(x, transform, false), uniform)))
            << shape.width << " " << torch::toString(type) << " " << static_cast<int>(grid);
      }
}

TEST(HadamardQuantOps, TakesTensorsThatAreNotContiguousAndEmptyOnes) {
  const auto transform = make_hadamard_transform(32, HadamardOrder::kNatural);
  const UniformGrid uniform{Grid::kInteger, 4, 32};
  const auto x = torch::randn({32, 20});
  EXPECT_TRUE(same_bits(hadamard_fake_quant(x.t(), transform, uniform),
                        hadamard_fake_quant(x.t().contiguous(), transform, uniform)));
  EXPECT_EQ(hadamard_fake_quant(torch::empty({0, 32}), transform, uniform).sizes(),
            (torch::IntArrayRef{0, 32}));
}

TEST(HadamardQuantOps, GradientIsThatOfTheTwoOperations) {
  torch::manual_seed(2);
  const auto transform = make_hadamard_transform(16, HadamardOrder::kNatural);
  const UniformGrid uniform{Grid::kSymmetric, 3, 16, 0.7};
  auto x = torch::randn({4, 16}, torch::kFloat64).requires_grad_();
  auto y = x.detach().clone().requires_grad_();
  const auto weight = torch::randn({4, 16}, torch::kFloat64);
  (hadamard_fake_quant(x, transform, uniform) * weight).sum().backward();
  (fake_quant(hadamard(y, transform, false), uniform) * weight).sum().backward();
  EXPECT_TRUE(x.grad().equal(y.grad()));
  EXPECT_GT(x.grad().abs().max().item<double>(), 0);
}

TEST(HadamardQuantOps, RefusesWhatDoesNotFit) {
  auto transform = make_hadamard_transform(16, HadamardOrder::kNatural);
  const auto x = torch::zeros({2, 32});
  EXPECT_THROW(hadamard_fake_quant(x, transform, {Grid::kSymmetric, 4, 5}), Error);
  EXPECT_THROW(hadamard_fake_quant(x, transform, {Grid::kSymmetric, 9, 16}), Error);
  EXPECT_THROW(hadamard_fake_quant(x, transform, {Grid::kSymmetric, 4, 16, 0.0}), Error);
  EXPECT_THROW(hadamard_fake_quant(torch::zeros({2, 24}), transform, {Grid::kSymmetric, 4, 8}), Error);
  transform.signs = torch::ones({16}, torch::kInt8);
  EXPECT_THROW(hadamard_fake_quant(x, transform, {Grid::kSymmetric, 4, 16}), Error);
}

}  // namespace
}  // namespace gyre
