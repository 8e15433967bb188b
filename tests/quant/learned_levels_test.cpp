// What each ingredient of RCP's weight quantizer buys on groups of 128 of known distributions, as mean
// squared error over variance. The values are those of an independent simulation (1500 groups, double
// precision); here as many other groups are drawn, so that both sides have the same sampling error.
#include <gtest/gtest.h>
#include <torch/torch.h>

#include <cmath>

#include "core/error.h"
#include "quant/quantizer.h"

namespace gyre {
namespace {

constexpr std::int64_t kGroups = 1500, kGroup = 128;

torch::Tensor normal() {
  torch::manual_seed(21);
  return torch::randn({kGroups, kGroup});
}
torch::Tensor laplace() {
  torch::manual_seed(22);
  const auto u = torch::rand({kGroups, kGroup}, torch::kFloat64) - 0.5;
  return (-u.sign() * (-2 * u.abs()).log1p() / std::sqrt(2.0)).to(torch::kFloat32);
}
// Student's t with 5 degrees of freedom, variance 1.
torch::Tensor student() {
  torch::manual_seed(23);
  const auto chi = torch::randn({5, kGroups, kGroup}).square().sum(0);
  return torch::randn({kGroups, kGroup}) / (chi / 5).sqrt() / std::sqrt(5.0 / 3);
}

QuantSpec two_bits(const std::string& scheme, const std::string& zero_point, Clip clip = Clip{}) {
  QuantSpec spec;
  spec.scheme = scheme;
  spec.n_bits = 2;
  spec.group_size = AutoSize{kGroup};
  spec.symmetric = false;
  spec.zero_point = zero_point;
  spec.clip = clip;
  return spec;
}

struct MeanError {
  double mean, standard_error;
};
// Squared error over the distribution's variance, which is 1.
MeanError error_of(Quantizer& quantizer, const torch::Tensor& x) {
  const torch::NoGradGuard no_grad;
  const auto errors = (quantizer.forward(x) - x).square().mean(1);
  return {errors.mean().item<double>(),
          errors.std().item<double>() / std::sqrt(static_cast<double>(x.size(0)))};
}

// Adam on the parameters alone, from the searched start.
MeanError learned_error(const QuantSpec& spec, const torch::Tensor& x) {
  auto quantizer = make_quantizer(spec, kGroup);
  quantizer->calibrate(x);
  torch::optim::Adam optimizer(quantizer->parameters(), torch::optim::AdamOptions(0.05));
  for (int step = 0; step < 90; ++step) {
    optimizer.zero_grad();
    ((quantizer->forward(x) - x).square().sum()).backward();
    optimizer.step();
  }
  return error_of(*quantizer, x);
}

// Both sides have the standard error; 4 of them together are 5.7.
void expect_near(const MeanError& got, double published, const char* what) {
  EXPECT_NEAR(got.mean, published, 6 * got.standard_error) << what << " +- " << got.standard_error;
}

TEST(TwoBits, MinMaxGridsCostWhatTheyShould) {
  const Clip none;
  expect_near(error_of(*make_quantizer(two_bits("rtn", "integer", none), kGroup), normal()), 0.2528,
              "integer, normal");
  expect_near(error_of(*make_quantizer(two_bits("rtn", "integer", none), kGroup), laplace()), 0.3186,
              "integer, laplace");
  expect_near(error_of(*make_quantizer(two_bits("rtn", "integer", none), kGroup), student()), 0.3543,
              "integer, t5");
  expect_near(error_of(*make_quantizer(two_bits("rtn", "real", none), kGroup), normal()), 0.2503,
              "real, normal");
  expect_near(error_of(*make_quantizer(two_bits("rtn", "real", none), kGroup), laplace()), 0.4377,
              "real, laplace");
  expect_near(error_of(*make_quantizer(two_bits("rtn", "real", none), kGroup), student()), 0.4473,
              "real, t5");
}

// The best clip of both ends is a bound that a gradient comes near and cannot pass; so are the best levels.
TEST(TwoBits, LearningComesNearTheBestClipsAndLevels) {
  struct Row {
    const char* name;
    torch::Tensor x;
    double best_clip, best_levels;
  };
  const Clip mse{Clip::Method::kMse, 1};
  for (const auto& [name, all, best_clip, best_levels] :
       {Row{"normal", normal(), 0.1095, 0.1057}, Row{"laplace", laplace(), 0.1640, 0.1424},
        Row{"t5", student(), 0.1688, 0.1390}}) {
    const auto x = all.narrow(0, 0, 500);  // enough for what is told apart here
    const auto searched = error_of(*make_quantizer(two_bits("lwc", "real", mse), kGroup), x);
    const auto lwc = learned_error(two_bits("lwc", "real", mse), x);
    const auto ldp = learned_error(two_bits("ldp", "real", mse), x);
    EXPECT_LT(lwc.mean, searched.mean) << name;
    EXPECT_LT(ldp.mean, lwc.mean) << name;
    EXPECT_GT(lwc.mean, best_clip - 6 * lwc.standard_error) << name;
    EXPECT_LT(lwc.mean, 1.03 * best_clip + 6 * lwc.standard_error) << name;
    EXPECT_GT(ldp.mean, best_levels - 6 * ldp.standard_error) << name;
    EXPECT_LT(ldp.mean, 1.03 * best_levels + 6 * ldp.standard_error) << name;
  }
}

// Groups without a spread, or on one side of zero.
TEST(LearnedLevels, TakeGroupsOfAnyKind) {
  for (const char* scheme : {"lwc", "ldp"}) {
    auto x = normal().narrow(0, 0, 4).clone();
    x[0].zero_();
    x[1].fill_(0.5);
    x[2] = x[2].abs() + 1;
    x[3] = -x[3].abs() - 1;
    auto quantizer = make_quantizer(two_bits(scheme, "real", Clip{Clip::Method::kMse, 1}), kGroup);
    quantizer->calibrate(x);
    auto leaf = x.clone().requires_grad_();
    const auto q = quantizer->forward(leaf);
    q.square().sum().backward();
    EXPECT_TRUE(q.isfinite().all().item<bool>());
    EXPECT_TRUE(leaf.grad().isfinite().all().item<bool>());
    for (const auto& parameter : quantizer->parameters())
      EXPECT_TRUE(parameter.grad().isfinite().all().item<bool>());
    EXPECT_TRUE(q[0].equal(x[0]));
    EXPECT_LE((q[1] - x[1]).abs().max().item<double>(), 0.5 * (1 - 0.98));
    EXPECT_TRUE((q[2] >= 0).all().item<bool>() && (q[3] <= 0).all().item<bool>());
    const auto levels = quantizer->quantize(x);
    if (levels.codebook.defined()) {
      EXPECT_TRUE((levels.codebook.diff() >= 0).all().item<bool>());
    }
  }
}

// From equal parts on, both squashings describe the same quantizer as lwc does, but for float16's rounding.
TEST(LearnedLevels, StartFromEqualParts) {
  const auto x = normal();
  const Clip mse{Clip::Method::kMse, 1};
  for (const std::string squash : {"sigmoid", "linear"})
    for (const std::int64_t n_bits : {2, 3, 4}) {
      auto spec = two_bits("ldp", "real", mse), plain = two_bits("lwc", "real", mse);
      spec.ldp.squash = squash;
      spec.n_bits = plain.n_bits = n_bits;
      const auto a = make_quantizer(spec, kGroup)->forward(x), b = make_quantizer(plain, kGroup)->forward(x);
      const auto far = ((a - b).abs() > 4e-3).sum().item<std::int64_t>();  // beside a threshold
      EXPECT_LT(static_cast<double>(far), 2e-3 * static_cast<double>(x.numel())) << squash << n_bits;
    }
}

TEST(LearnedLevels, RefuseWhatFloat16CannotHold) {
  for (const char* scheme : {"lwc", "ldp"}) {
    auto quantizer = make_quantizer(two_bits(scheme, "real"), kGroup);
    EXPECT_THROW(quantizer->calibrate(normal() * 1e6), Error);
  }
}

TEST(LearnedLevels, AreForWeightsWithARealOffset) {
  for (const char* scheme : {"lwc", "ldp"}) {
    EXPECT_THROW(make_quantizer(two_bits(scheme, "real"), kGroup, QuantSite::kInput), Error);
    EXPECT_THROW(make_quantizer(two_bits(scheme, "integer"), kGroup), Error);
    auto spec = two_bits(scheme, "unset");
    spec.symmetric = true;
    EXPECT_THROW(make_quantizer(spec, kGroup), Error);
  }
}

TEST(LearnedLevels, TakeTwoAndAHalfBitsAWeight) {
  EXPECT_EQ(make_quantizer(two_bits("ldp", "real"), kGroup)->bits_per_value(), 2.5);
  EXPECT_EQ(make_quantizer(two_bits("lwc", "real"), kGroup)->bits_per_value(), 2.25);
  auto spec = two_bits("ldp", "real");
  spec.ldp.reconstruction = "uniform";
  EXPECT_EQ(make_quantizer(spec, kGroup)->bits_per_value(), 2.25);
}

TEST(LsqQuantizer, StartsAtTwiceTheMeanOverTheRootOfItsHighestLevel) {
  const auto x = normal();
  for (const auto& [n_bits, zero_point, highest] :
       {std::tuple(4, "unset", 7.0), {2, "unset", 1.0}, {2, "none", 1.5}, {3, "unsigned", 7.0}}) {
    auto spec = two_bits("lsq", zero_point);
    spec.n_bits = n_bits;
    spec.symmetric = zero_point == std::string("unset");
    auto quantizer = make_quantizer(spec, kGroup);
    quantizer->calibrate(x);
    const auto expected = 2 * x.abs().mean(1, true) / std::sqrt(highest);
    EXPECT_TRUE(torch::allclose(quantizer->parameters()[0], expected));
    auto inputs = make_quantizer(spec, kGroup, QuantSite::kInput);
    inputs->calibrate(x.view({3, kGroups / 3, kGroup}));
    EXPECT_EQ(inputs->parameters()[0].numel(), 1);
    EXPECT_NEAR(inputs->parameters()[0].item<double>(),
                2 * x.abs().mean().item<double>() / std::sqrt(highest), 1e-5);
  }
}

// A step from the clip search is rtn's, in float16.
TEST(LsqQuantizer, StartsAtTheSearchedClip) {
  auto spec = two_bits("lsq", "none", Clip{Clip::Method::kLp, 1});
  spec.lsq.init = "clip";
  auto quantizer = make_quantizer(spec, kGroup);
  const auto x = normal();
  quantizer->calibrate(x);
  spec.scheme = "rtn";
  const auto scale = make_quantizer(spec, kGroup)->quantize(x).scale;
  EXPECT_TRUE(quantizer->parameters()[0].equal(scale));
  EXPECT_TRUE(quantizer->quantize(x).scale.equal(scale.to(torch::kFloat16).to(torch::kFloat32)));
}

TEST(LsqQuantizer, OfInputsAsksForCalibration) {
  auto spec = two_bits("lsq", "unset");
  spec.symmetric = true;
  auto quantizer = make_quantizer(spec, kGroup, QuantSite::kInput);
  EXPECT_TRUE(quantizer->needs_calibration());
  EXPECT_THROW(quantizer->forward(normal()), Error);
  EXPECT_THROW(quantizer->quantize(normal()), Error);
  {
    const CalibrateOnUse guard;
    quantizer->forward(normal());
  }
  EXPECT_FALSE(quantizer->needs_calibration());
  const auto step = quantizer->parameters()[0].clone();
  quantizer->forward(100 * normal());
  EXPECT_TRUE(quantizer->parameters()[0].equal(step));
  EXPECT_FALSE(CalibrateOnUse::active());
}

TEST(LsqQuantizer, LearnsAStepThatErrsLess) {
  auto spec = two_bits("lsq", "none");
  const auto x = normal().narrow(0, 0, 200);
  const auto before = error_of(*make_quantizer(spec, kGroup), x);
  EXPECT_LT(learned_error(spec, x).mean, before.mean);
}

}  // namespace
}  // namespace gyre
