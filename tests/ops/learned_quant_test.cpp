// The way without kernels against the kernels: what a GPU computes.
#include <gtest/gtest.h>
#include <torch/torch.h>

#include "ops/learned_quant_kernels.h"

namespace gyre::learned {
namespace {

// Values and codes to the bit, NaN included.
bool same(const torch::Tensor& a, const torch::Tensor& b) {
  return a.dtype() == b.dtype() && torch::allclose(a, b, 0, 0, true);
}
bool close(const torch::Tensor& a, const torch::Tensor& b) {
  return torch::allclose(a, b, 1e-4, a.scalar_type() == torch::kFloat64 ? 1e-12 : 1e-4, true);
}

// Normal values; a group of zeros, one with a NaN, one with an infinity.
torch::Tensor values(torch::ScalarType type) {
  torch::manual_seed(4);
  auto x = torch::randn({9, 40}, torch::kFloat64);
  x[3].zero_();
  x[5][7] = NAN;
  x[6][0] = -INFINITY;
  return x.to(type);
}

TEST(LearnedQuantExpressions, GiveTheBitsOfTheKernels) {
  for (const auto type : {torch::kFloat32, torch::kFloat64}) {
    const auto x = values(type), g = torch::randn_like(x);
    const auto a = range(x), b = expressions::range(x);
    EXPECT_TRUE(same(a.lo, b.lo) && same(a.hi, b.hi));
    for (const std::int64_t n_levels : {4, 8, 32}) {
      auto knots = std::get<0>(torch::randn({9, n_levels}, type).sort(1));
      knots[3].zero_();
      knots[5].fill_(NAN);
      knots[6].fill_(NAN);
      const auto levels = (knots * 1.5).contiguous();
      EXPECT_TRUE(same(level_values(x, knots, levels), expressions::level_values(x, knots, levels)));
      EXPECT_TRUE(same(level_codes(x, knots), expressions::level_codes(x, knots)));
      for (const bool hats : {false, true}) {
        const auto k = level_gradients(x, knots, g, hats),
                   e = expressions::level_gradients(x, knots, g, hats);
        EXPECT_TRUE(close(k.x, e.x) && close(k.levels, e.levels));
        EXPECT_EQ(k.knots.defined(), hats);
        if (hats) {
          EXPECT_TRUE(close(k.knots, e.knots));
        }
      }
    }
    auto step = torch::rand({9}, type) + 0.1;
    step[0] = -1;
    step[1] = 0;
    for (const auto& grid : {Grid{4, -8, 0}, Grid{2, 0, 0}, Grid{2, -1.5, 0.5}}) {
      EXPECT_TRUE(same(step_values(x, step, grid), expressions::step_values(x, step, grid)));
      const auto kernel = step_codes(x, step, grid), plain = expressions::step_codes(x, step, grid);
      EXPECT_TRUE(same(kernel.codes, plain.codes) && same(kernel.scale, plain.scale));
      const auto finite = values(type).nan_to_num(0, 0, 0);
      const auto k = step_gradients(finite, step, g, grid),
                 e = expressions::step_gradients(finite, step, g, grid);
      EXPECT_TRUE(close(k.x, e.x) && close(k.step, e.step));
    }
  }
}

}  // namespace
}  // namespace gyre::learned
