// The transform against R = D (I (x) S^T) / sqrt(block) formed from linalg's matrices, in every dtype, both
// ways and through autograd.
#include "ops/hadamard.h"

#include <gtest/gtest.h>
#include <torch/torch.h>

#include <cmath>

#include "core/error.h"
#include "linalg/hadamard.h"
#include "ops/hadamard_expressions.h"

namespace gyre {
namespace {

struct Case {
  std::int64_t width, block;
  HadamardOrder order;
  bool signs;
};
const std::vector<Case> kCases{
    {64, 64, HadamardOrder::kNatural, false},    {64, 64, HadamardOrder::kSequency, true},
    {96, 48, HadamardOrder::kNatural, true},     {96, 48, HadamardOrder::kSequency, true},
    {256, 16, HadamardOrder::kSequency, true},   {12, 12, HadamardOrder::kSequency, false},
    {56, 28, HadamardOrder::kNatural, true},     {576, 576, HadamardOrder::kSequency, true},
    {1024, 512, HadamardOrder::kSequency, true}, {8, 2, HadamardOrder::kNatural, true},
    {5, 1, HadamardOrder::kNatural, true},
};

HadamardTransform transform_of(const Case& c) {
  auto transform = make_hadamard_transform(c.block, c.order);
  if (c.signs) transform.signs = (torch::randint(0, 2, {c.width}) * 2 - 1).to(torch::kInt8);
  return transform;
}

torch::Tensor matrix_of(const Case& c, const HadamardTransform& transform) {
  auto h = linalg::hadamard(c.block);
  auto s = torch::from_blob(h.data(), {c.block, c.block}, torch::kInt8).to(torch::kFloat64);
  if (c.order == HadamardOrder::kSequency)
    s = s.index_select(0, torch::tensor(linalg::sequency_order(c.block)));
  const auto blocks = torch::kron(torch::eye(c.width / c.block, torch::kFloat64),
                                  s.t().contiguous() / std::sqrt(static_cast<double>(c.block)));
  return c.signs ? transform.signs.to(torch::kFloat64).unsqueeze(1) * blocks : blocks;
}

// Rounding of the dtype, and the sums' in float32.
double tolerance(torch::ScalarType type) {
  return type == torch::kFloat64   ? 1e-14
         : type == torch::kFloat32 ? 4e-6
         : type == torch::kFloat16 ? 4e-3
                                   : 3e-2;
}

TEST(HadamardOps, IsTheMatrixInEveryDtype) {
  torch::manual_seed(1);
  for (const auto& c : kCases)
    for (const auto type : {torch::kFloat64, torch::kFloat32, torch::kFloat16, torch::kBFloat16})
      for (const bool transposed : {false, true}) {
        const auto transform = transform_of(c);
        const auto r = matrix_of(c, transform);
        const auto x = torch::randn({3, 2, c.width}, torch::kFloat64).to(type);
        const auto expected = torch::matmul(x.to(torch::kFloat64), transposed ? r.t() : r);
        const auto given = x.clone();
        const auto y = hadamard(x, transform, transposed);
        EXPECT_EQ(y.scalar_type(), type);
        EXPECT_EQ(y.sizes(), x.sizes());
        EXPECT_LE((y.to(torch::kFloat64) - expected).abs().max().item<double>(), tolerance(type))
            << c.width << " in " << c.block << " " << torch::toString(type) << " transposed " << transposed;
        EXPECT_TRUE(x.equal(given));
        const auto by_expressions = hadamard_by_expressions(x, transform, transposed);
        EXPECT_LE((by_expressions.to(torch::kFloat64) - expected).abs().max().item<double>(), tolerance(type))
            << "expressions, " << c.width << " in " << c.block;
      }
}

TEST(HadamardOps, TransposedUndoesForward) {
  torch::manual_seed(2);
  for (const auto& c : kCases) {
    const auto transform = transform_of(c);
    const auto x = torch::randn({5, c.width}, torch::kFloat64);
    EXPECT_LE((hadamard(hadamard(x, transform, false), transform, true) - x).abs().max().item<double>(),
              1e-13);
  }
}

TEST(HadamardOps, GradientIsTheTranspose) {
  torch::manual_seed(3);
  for (const auto& c : kCases)
    for (const bool transposed : {false, true}) {
      const auto transform = transform_of(c);
      auto x = torch::randn({2, c.width}, torch::kFloat64).requires_grad_();
      const auto weight = torch::randn({2, c.width}, torch::kFloat64);
      (hadamard(x, transform, transposed) * weight).sum().backward();
      EXPECT_TRUE(x.grad().equal(hadamard(weight, transform, !transposed)));
    }
}

TEST(HadamardOps, SecondDerivativeOfAQuadraticForm) {
  const auto transform = make_hadamard_transform(8, HadamardOrder::kNatural);
  auto x = torch::randn({1, 8}, torch::kFloat64).requires_grad_();
  const auto y = hadamard(x, transform, false);
  const auto first = torch::autograd::grad({y.pow(3).sum()}, {x}, {}, true, true)[0];
  const auto second = torch::autograd::grad({first.sum()}, {x})[0];
  // d/dx of (3 y^2) R^T 1 is R^T diag(6 y) R applied to ones.
  const auto ones = hadamard(torch::ones_like(x), transform, false).detach();
  EXPECT_TRUE(torch::allclose(second, hadamard((6 * y * ones).detach(), transform, true)));
}

TEST(HadamardOps, TakesTensorsThatAreNotContiguousAndEmptyOnes) {
  const auto transform = make_hadamard_transform(32, HadamardOrder::kSequency);
  const auto x = torch::randn({32, 20});
  EXPECT_TRUE(hadamard(x.t(), transform, false).equal(hadamard(x.t().contiguous(), transform, false)));
  const auto head = torch::randn({2, 3, 64}).slice(-1, 16, 48);
  EXPECT_TRUE(hadamard(head, transform, true).equal(hadamard(head.contiguous(), transform, true)));
  EXPECT_EQ(hadamard(torch::empty({0, 64}), transform, false).sizes(), (torch::IntArrayRef{0, 64}));
  EXPECT_EQ(hadamard(torch::empty({4, 0}), transform, false).sizes(), (torch::IntArrayRef{4, 0}));
}

TEST(HadamardOps, RefusesWhatDoesNotFit) {
  const auto code = [](const auto& call) {
    try {
      call();
    } catch (const Error& error) {
      return error.code();
    }
    return ErrorCode::kUsage;
  };
  auto transform = make_hadamard_transform(16, HadamardOrder::kNatural);
  EXPECT_EQ(code([&] { hadamard(torch::zeros({2, 24}), transform, false); }), ErrorCode::kConfig);
  EXPECT_EQ(code([&] { hadamard(torch::zeros({}), transform, false); }), ErrorCode::kConfig);
  EXPECT_EQ(code([&] {
              hadamard(torch::zeros({2, 16}, torch::kInt32), transform, false);
            }),
            ErrorCode::kUnsupported);
  transform.signs = torch::ones({16}, torch::kInt8);
  EXPECT_EQ(code([&] { hadamard(torch::zeros({2, 32}), transform, false); }), ErrorCode::kConfig);
  try {
    make_hadamard_transform(18, HadamardOrder::kNatural);
    FAIL() << "order 18 has no Hadamard matrix";
  } catch (const Error& error) {
    EXPECT_EQ(error.code(), ErrorCode::kUnsupported);
    EXPECT_NE(std::string(error.what()).find("16"), std::string::npos) << error.what();
    EXPECT_NE(std::string(error.what()).find("20"), std::string::npos) << error.what();
  }
}

}  // namespace
}  // namespace gyre
