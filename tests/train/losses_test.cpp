// Losses over the vocabulary against their definitions through autograd, in float64.
#include "train/losses.h"

#include <gmock/gmock.h>
#include <gtest/gtest.h>

#include <cmath>

#include "core/error.h"

namespace gyre {
namespace {

constexpr std::int64_t kPositions = 37, kHidden = 6, kVocabulary = 19;

struct LossTest : ::testing::Test {
  LossTest() {
    torch::manual_seed(3);
    const auto random = [](std::vector<std::int64_t> shape) { return torch::randn(shape, torch::kFloat64); };
    student = {random({kPositions, kHidden}).requires_grad_(),
               random({kVocabulary, kHidden}).requires_grad_(), random({kVocabulary}).requires_grad_()};
    teacher = {random({kPositions, 4}), random({kVocabulary, 4}), {}};
    targets = torch::randint(kVocabulary, {kPositions}, torch::kInt64);
  }

  static torch::Tensor log_softmax(const Head& head) {
    return torch::log_softmax(
        at::linear(head.hidden, head.weight,
                   head.bias.defined() ? std::optional(head.bias) : std::optional<torch::Tensor>()),
        1);
  }

  torch::Tensor by_definition(const LossMix& mix, const torch::Tensor& log_p,
                              const torch::Tensor& log_q) const {
    auto loss = mix.ce * torch::nll_loss(log_p, targets);
    loss = loss + mix.forward * (log_q.exp() * (log_q - log_p)).sum(1).mean();
    return loss + mix.reverse * (log_p.exp() * (log_p - log_q)).sum(1).mean();
  }

  void expect_equal(const torch::Tensor& found, const torch::Tensor& expected) {
    EXPECT_NEAR(found.item<double>(), expected.item<double>(), 1e-12);
    const std::vector<torch::Tensor> leaves = {student.hidden, student.weight, student.bias};
    const auto a = torch::autograd::grad({found * 3.0}, leaves),
               b = torch::autograd::grad({expected * 3.0}, leaves);
    for (std::size_t i = 0; i < leaves.size(); ++i)
      EXPECT_TRUE(torch::allclose(a[i], b[i], 1e-10, 1e-12)) << i;
  }

  Head student, teacher;
  torch::Tensor targets;
};

TEST_F(LossTest, EveryRowIsItsDefinition) {
  for (const auto& scheme : losses()) {
    const LossMix mix = scheme.mix(0.3);
    const TeacherView view = scheme.teacher ? TeacherView{teacher, {}} : TeacherView{};
    SCOPED_TRACE(std::string(scheme.name));
    expect_equal(vocabulary_loss(mix, student, targets, view),
                 by_definition(mix, log_softmax(student), log_softmax(teacher)));
  }
}

TEST_F(LossTest, TheTableSaysWhatPapersCallThem) {
  EXPECT_EQ(find_loss("ce").mix(0.3).ce, 1);
  EXPECT_EQ(find_loss("kl").mix(0.3).forward, 1);
  EXPECT_EQ(find_loss("kl_reverse").mix(0.3).reverse, 1);
  EXPECT_DOUBLE_EQ(find_loss("cakld").mix(0.3).reverse, 0.3);
  EXPECT_DOUBLE_EQ(find_loss("cakld").mix(0.3).forward, 0.7);
  EXPECT_THROW(find_loss("cakl"), Error);
}

TEST_F(LossTest, TopTokensAndTheRestAreOneDistribution) {
  const auto top = top_tokens(teacher, 5);
  // The definition, with the outcomes gathered.
  const auto outcomes = [&](const torch::Tensor& logs) {
    const auto mine = logs.gather(1, top.ids);
    return torch::cat({mine, (1 - mine.exp().sum(1, true)).log()}, 1);
  };
  for (const auto& scheme : losses()) {
    if (!scheme.teacher) continue;
    const LossMix mix = scheme.mix(0.3);
    SCOPED_TRACE(std::string(scheme.name));
    const auto found = vocabulary_loss(mix, student, targets, {{}, top});
    const auto log_p = outcomes(log_softmax(student)), log_q = outcomes(log_softmax(teacher));
    const auto expected = mix.forward * (log_q.exp() * (log_q - log_p)).sum(1).mean() +
                          mix.reverse * (log_p.exp() * (log_p - log_q)).sum(1).mean();
    expect_equal(found, expected);
    // Merging outcomes cannot increase a divergence.
    EXPECT_LE(found.item<double>(),
              vocabulary_loss(mix, student, targets, {teacher, {}}).item<double>() + 1e-12);
  }
}

TEST_F(LossTest, ConfidenceIsTheMeanOfTheLargestProbability) {
  EXPECT_NEAR(mean_confidence(teacher), log_softmax(teacher).exp().amax(1).mean().item<double>(), 1e-12);
}

TEST(VocabularyLoss, IsTheSameInPieces) {
  torch::manual_seed(4);
  const std::int64_t vocabulary = 70000, positions = 300;  // three pieces
  ASSERT_GT(vocabulary * positions, 2 * kLogitsAtOnce);
  const Head student{
      torch::randn({positions, 3}).requires_grad_(), torch::randn({vocabulary, 3}).requires_grad_(), {}};
  const Head teacher{torch::randn({positions, 3}), torch::randn({vocabulary, 3}), {}};
  const auto targets = torch::randint(vocabulary, {positions}, torch::kInt64);
  const auto loss = vocabulary_loss({0.5, 0.25, 0.25}, student, targets, {teacher, {}});
  const auto gradients = torch::autograd::grad({loss}, {student.hidden, student.weight});
  const auto log_p = torch::log_softmax(student.hidden.mm(student.weight.t()), 1);
  const auto log_q = torch::log_softmax(teacher.hidden.mm(teacher.weight.t()), 1);
  const auto expected = 0.5 * torch::nll_loss(log_p, targets) +
                        0.25 * (log_q.exp() * (log_q - log_p)).sum(1).mean() +
                        0.25 * (log_p.exp() * (log_p - log_q)).sum(1).mean();
  EXPECT_NEAR(loss.item<double>(), expected.item<double>(), 1e-4);
  const auto by_autograd = torch::autograd::grad({expected}, {student.hidden, student.weight});
  EXPECT_TRUE(torch::allclose(gradients[0], by_autograd[0], 1e-3, 1e-7));
  EXPECT_TRUE(torch::allclose(gradients[1], by_autograd[1], 1e-3, 1e-7));
}

}  // namespace
}  // namespace gyre
