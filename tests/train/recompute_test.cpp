// Activations that are computed again give the same gradients, bit for bit.
#include "train/recompute.h"

#include <gtest/gtest.h>

#include "model/surgery.h"
#include "model/tiny_llama.h"
#include "train/losses.h"
#include "train/student.h"

namespace gyre {
namespace {

TEST(Recompute, GivesTheGradientsOfTheDirectCall) {
  torch::manual_seed(1);
  const auto w = torch::randn({5, 5}).requires_grad_(), v = torch::randn({5}).requires_grad_();
  const auto part = [&](const torch::Tensor& x) { return torch::tanh(x.mm(w) + v) * x; };
  const auto start = torch::randn({7, 5});
  std::vector<std::vector<torch::Tensor>> results;
  for (const bool again : {false, true}) {
    w.mutable_grad() = v.mutable_grad() = torch::Tensor{};
    const auto x = start.clone().requires_grad_();
    auto y = x;
    for (int i = 0; i < 3; ++i) y = again ? recomputed(part, y) : part(y);
    y.square().sum().backward();
    results.push_back({y.detach(), x.grad(), w.grad(), v.grad()});
  }
  for (std::size_t i = 0; i < results[0].size(); ++i)
    EXPECT_TRUE(torch::equal(results[0][i], results[1][i])) << i;
}

TEST(Recompute, ChangesNoBitOfAStudentsGradients) {
  for (const auto& config : {config_9_3(), config_24_8()}) {
    auto model = random_llama(config, torch::kFloat32);
    QuantPlan plan;
    plan.weight.scheme = plan.activation.scheme = plan.key.scheme = plan.value.scheme = "rtn";
    plan.weight.n_bits = 2;
    plan.weight.clip = {Clip::Method::kRatio, 0.8};
    plan.activation.clip = {Clip::Method::kRatio, 0.9};
    calibrate_weights(model, plan.weight);
    attach_quantizers(model, plan);
    const auto windows = random_tokens(config, 2, 24);
    std::vector<std::vector<torch::Tensor>> gradients;
    for (const bool recompute : {false, true}) {
      TrainSpec spec;
      spec.recompute = recompute;
      const Student student(model, spec);
      const auto head = student.head(student.hidden(windows));
      vocabulary_loss({1, 0, 0}, head, targets_of(windows), {}).backward();
      gradients.emplace_back();
      for (const auto& group : student.groups())
        for (const auto& [name, parameter] : group.parameters) {
          ASSERT_TRUE(parameter.grad().defined()) << name;
          gradients.back().push_back(parameter.grad());
        }
    }
    ASSERT_GT(gradients[0].size(), 10u);
    for (std::size_t i = 0; i < gradients[0].size(); ++i)
      EXPECT_TRUE(torch::equal(gradients[0][i], gradients[1][i])) << i;
  }
}

}  // namespace
}  // namespace gyre
