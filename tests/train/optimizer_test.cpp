// AdamW against its equations, and learning rates in closed form.
#include "train/optimizer.h"

#include <gmock/gmock.h>
#include <gtest/gtest.h>

#include <cmath>

#include "core/error.h"
#include "train/schedule.h"

namespace gyre {
namespace {

TEST(AdamW, FollowsItsEquations) {
  LoopSpec spec;
  spec.beta1 = 0.8;
  spec.beta2 = 0.95;
  spec.epsilon = 1e-6;
  spec.weight_decay = 0.1;
  torch::manual_seed(1);
  auto matrix = torch::randn({3, 4}, torch::kFloat64).requires_grad_();
  auto vector = torch::randn({5}, torch::kFloat64).requires_grad_();
  auto step = torch::randn({2, 2}, torch::kFloat64).requires_grad_();
  const double rates[] = {0.1, 0.1, 0.02}, decays[] = {0.1, 0, 0};
  AdamW adam({{"weights", 0.1, true, {{"m", matrix}, {"v", vector}}}, {"steps", 0.02, false, {{"s", step}}}},
             spec);
  std::vector<torch::Tensor> x, mean, square;
  for (const auto& t : {matrix, vector, step}) {
    x.push_back(t.detach().clone());
    mean.push_back(torch::zeros_like(x.back()));
    square.push_back(torch::zeros_like(x.back()));
  }
  for (int k = 1; k <= 4; ++k) {
    const double factor = 1.0 / k, scale = k == 3 ? 0.25 : 1;
    std::size_t i = 0;
    for (auto* t : {&matrix, &vector, &step}) {
      const auto gradient = torch::randn_like(t->detach());
      t->mutable_grad() = gradient.clone();
      const auto g = gradient * scale;
      const double lr = rates[i] * factor;
      mean[i] = 0.8 * mean[i] + 0.2 * g;
      square[i] = 0.95 * square[i] + 0.05 * g * g;
      x[i] = x[i] - lr * decays[i] * x[i] -
             lr * (mean[i] / (1 - std::pow(0.8, k))) / ((square[i] / (1 - std::pow(0.95, k))).sqrt() + 1e-6);
      ++i;
    }
    adam.step(factor, scale);
  }
  EXPECT_TRUE(torch::allclose(matrix, x[0], 1e-10, 1e-12));
  EXPECT_TRUE(torch::allclose(vector, x[1], 1e-10, 1e-12));
  EXPECT_TRUE(torch::allclose(step, x[2], 1e-10, 1e-12));
  EXPECT_FALSE(matrix.grad().defined());
  EXPECT_EQ(adam.n_parameters(), 21);
}

TEST(AdamW, LeavesAParameterWithoutGradientAlone) {
  auto a = torch::ones({2}).requires_grad_(), b = torch::ones({2}).requires_grad_();
  AdamW adam({{"weights", 0.1, true, {{"a", a}, {"b", b}}}}, LoopSpec{});
  a.mutable_grad() = torch::tensor({3.0f, 4.0f});
  EXPECT_DOUBLE_EQ(adam.gradient_norm(), 5.0);
  adam.step(1);
  EXPECT_LT(a[0].item<float>(), 1);
  EXPECT_EQ(b[0].item<float>(), 1);
}

TEST(Clipping, BringsTheWholeGradientToTheLimit) {
  EXPECT_EQ(clip_factor(0.5, 1), 1);
  EXPECT_DOUBLE_EQ(clip_factor(4, 1), 0.25);
  EXPECT_EQ(clip_factor(4, 0), 1);
}

TEST(LearningRate, RisesThenFollowsItsSchedule) {
  LoopSpec spec;
  spec.steps = 10;
  spec.warmup = 2;
  spec.final_lr = 0.2;
  const auto at = [&](const char* schedule, std::int64_t step) {
    spec.schedule = schedule;
    return lr_factor(spec, step);
  };
  for (const char* schedule : {"constant", "cosine", "linear"}) {
    EXPECT_DOUBLE_EQ(at(schedule, 0), 0.5);
    EXPECT_DOUBLE_EQ(at(schedule, 1), 1);
    EXPECT_DOUBLE_EQ(at(schedule, 2), 1);
  }
  EXPECT_DOUBLE_EQ(at("constant", 9), 1);
  EXPECT_DOUBLE_EQ(at("linear", 6), 0.6);
  EXPECT_DOUBLE_EQ(at("cosine", 6), 0.6);
  EXPECT_DOUBLE_EQ(at("cosine", 4), 0.2 + 0.8 * (1 + std::sqrt(0.5)) / 2);
  spec.warmup = 10;
  EXPECT_THROW(check_loop(spec, "train."), Error);
}

}  // namespace
}  // namespace gyre
