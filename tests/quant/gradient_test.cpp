// The hand-written gradients of LSQ, LWC and LDP, in float64, against finite differences of the surrogate
// that each declares, and against autograd of that formula. A surrogate is a smooth function of values and
// parameters around one point: codes, and for the straight-through forms the rounding residual, are held as
// they are there; clipped values are the true function.
#include <gtest/gtest.h>
#include <torch/torch.h>

#include <cmath>
#include <functional>
#include <map>

#include "quant/quantizer.h"

namespace gyre {
namespace {

using torch::Tensor;
using Values = std::map<std::string, Tensor>;  // "x" and the parameters
constexpr std::int64_t kRows = 3, kSize = 24, kGroup = 12;

Tensor data() {
  torch::manual_seed(11);
  return torch::randn({kRows, kSize}, torch::kFloat64) * 0.2 + 0.03;
}

// A calibrated quantizer whose parameters have been moved to no special place, and the point it is at.
struct Point {
  std::shared_ptr<Quantizer> quantizer;
  Values values;
};
Point point_of(const QuantSpec& spec, QuantSite site = QuantSite::kWeight) {
  Point point{make_quantizer(spec, kSize, site), {{"x", data().requires_grad_()}}};
  point.quantizer->calibrate(data());
  const torch::NoGradGuard no_grad;
  for (auto& entry : point.quantizer->named_parameters()) {
    auto& parameter = entry.value();
    if (entry.key() == "step")
      parameter.mul_(0.2 + 0.2 * torch::rand_like(parameter));  // so that values are clipped
    else if (entry.key() == "partition" && spec.ldp.squash == "linear")
      parameter.add_(0.04 * torch::randn_like(parameter));
    else
      parameter.add_(0.4 * torch::randn_like(parameter));
    point.values[entry.key()] = parameter;
  }
  return point;
}

Tensor grouped(const Tensor& x) {
  return x.unflatten(-1, {-1, kGroup});
}

using Surrogate = std::function<Tensor(const Values&)>;  // [rows, groups, group]

// Compares the three gradients of sum(weights * out).
void expect_gradients_agree(const Point& point, const Surrogate& surrogate, double parameter_scale = 1) {
  torch::manual_seed(12);
  const auto weights = torch::randn({kRows, kSize / kGroup, kGroup}, torch::kFloat64);
  (weights * grouped(point.quantizer->forward(point.values.at("x")))).sum().backward();

  Values plain;
  for (const auto& [name, value] : point.values) plain[name] = value.detach().clone().requires_grad_();
  (weights * surrogate(plain)).sum().backward();

  const torch::NoGradGuard no_grad;
  const auto loss = [&](const Values& values) { return (weights * surrogate(values)).sum().item<double>(); };
  for (const auto& [name, value] : point.values) {
    const double scale = name == "x" ? 1 : parameter_scale;
    const auto gradient = value.grad().flatten(), by_autograd = plain.at(name).grad().flatten();
    double largest = 0;
    for (std::int64_t i = 0; i < value.numel(); ++i) {
      const double h = 1e-6;
      Values moved;
      for (const auto& [key, v] : point.values) moved[key] = v.detach().clone();
      moved[name].view(-1)[i] += h;
      const double above = loss(moved);
      moved[name].view(-1)[i] -= 2 * h;
      const double difference = (above - loss(moved)) / (2 * h) * scale;
      const double got = gradient[i].item<double>();
      EXPECT_NEAR(got, difference, 1e-6) << name << " " << i;
      EXPECT_NEAR(got, by_autograd[i].item<double>() * scale, 1e-12 + 1e-10 * std::abs(got))
          << name << " " << i;
      largest = std::max(largest, std::abs(got));
    }
    EXPECT_GT(largest, 0) << name;
  }
}

// LSQ. q and u are held: inside the range out = x + step (q - u), outside the true step * q.
Surrogate lsq_surrogate(const Point& point, double lowest, double highest, double margin) {
  const auto quantized = point.quantizer->quantize(point.values.at("x").detach());
  const auto u = grouped(point.values.at("x").detach()) / quantized.scale.unsqueeze(-1);
  const auto q = grouped(quantized.codes).to(torch::kFloat64) + lowest;
  const auto inside = (u > lowest - margin) & (u < highest + margin);
  EXPECT_GT(inside.sum().item<std::int64_t>(), 0);
  EXPECT_LT(inside.sum().item<std::int64_t>(), inside.numel());
  return [=](const Values& v) {
    const auto step = v.at("step").unsqueeze(-1);
    return torch::where(inside, grouped(v.at("x")) + step * (q - u), step * q);
  };
}

QuantSpec lsq(std::int64_t n_bits, const std::string& zero_point, const std::string& gradient_scale) {
  QuantSpec spec;
  spec.scheme = "lsq";
  spec.n_bits = n_bits;
  spec.group_size = AutoSize{kGroup};
  spec.symmetric = zero_point == "unset";
  spec.zero_point = zero_point;
  spec.lsq.gradient_scale = gradient_scale;
  return spec;
}

TEST(LsqGradient, AgreesWithFiniteDifferencesAndAutograd) {
  for (const std::int64_t n_bits : {2, 3, 4})
    for (const std::string zero_point : {"unset", "unsigned", "none"})
      for (const std::string scale : {"tensor", "group", "none"})
        for (const auto site : {QuantSite::kWeight, QuantSite::kInput}) {
          SCOPED_TRACE(std::to_string(n_bits) + " " + zero_point + " " + scale);
          const auto point = point_of(lsq(n_bits, zero_point, scale), site);
          const double half = std::pow(2, n_bits - 1);
          const double lowest = zero_point == "unset" ? -half : zero_point == "none" ? 0.5 - half : 0;
          const double highest = lowest + 2 * half - 1;
          // Inputs take LSQ's own scale, by the features of a token.
          const double n = site == QuantSite::kInput ? kSize : scale == "group" ? kGroup : kRows * kSize;
          const bool scaled = scale != "none" || site == QuantSite::kInput;
          expect_gradients_agree(point, lsq_surrogate(point, lowest, highest, zero_point == "none" ? 0.5 : 0),
                                 scaled ? 1 / std::sqrt(n * highest) : 1);
        }
}

// rtn_range. Codes, the integer zero point, the clip's ratio p and the rounding residual are held; the scale,
// and a real offset, follow the group's ends.
Surrogate range_surrogate(const Point& point, const std::string& zero_point, double steps, double p) {
  const auto x = grouped(point.values.at("x").detach());
  const auto quantized = point.quantizer->quantize(point.values.at("x").detach());
  const bool real = zero_point == "real";
  const auto scale_of = [=](const Tensor& v) {
    if (zero_point == "unset" || zero_point == "none") return p * v.abs().amax(-1, true) / steps;
    const auto lo = v.amin(-1, true), hi = v.amax(-1, true);
    return p * (real ? hi - lo : hi.clamp_min(0) - lo.clamp_max(0)) / steps;
  };
  const auto offset_of = [=](const Tensor& v) {
    return real ? p * v.amin(-1, true) : torch::zeros({1}, v.options());
  };
  auto level = grouped(quantized.codes).to(torch::kFloat64);
  if (!real) level = level - quantized.zero_point.unsqueeze(-1);
  const auto u = (x - offset_of(x)) / scale_of(x);  // in levels
  const auto lowest = real ? torch::zeros({1}, torch::kFloat64) : -quantized.zero_point.unsqueeze(-1);
  const auto highest =
      lowest + static_cast<double>((1 << point.quantizer->quantize(point.values.at("x")).n_bits) - 1);
  const auto inside = (u >= lowest - 0.5) & (u <= highest + 0.5);
  EXPECT_LT(inside.sum().item<std::int64_t>(), inside.numel());
  return [=](const Values& values) {
    const auto v = grouped(values.at("x"));
    const auto scale = scale_of(v);
    return torch::where(inside, v + scale * (level - u), level * scale + offset_of(v));
  };
}

TEST(RangeGradient, AgreesWithFiniteDifferencesAndAutograd) {
  for (const std::int64_t n_bits : {2, 3, 4})
    for (const std::string zero_point : {"unset", "integer", "real", "none"}) {
      SCOPED_TRACE(std::to_string(n_bits) + " " + zero_point);
      QuantSpec spec;
      spec.scheme = "rtn_range";
      spec.n_bits = n_bits;
      spec.group_size = AutoSize{kGroup};
      spec.symmetric = zero_point == "unset";
      spec.zero_point = zero_point;
      spec.clip = Clip{Clip::Method::kRatio, 0.6};
      const double half = std::pow(2, n_bits - 1);
      const double steps = zero_point == "unset"  ? half - 1
                           : zero_point == "none" ? half - 0.5
                                                  : 2 * half - 1;
      const auto point = point_of(spec);
      expect_gradients_agree(point, range_surrogate(point, zero_point, steps, 0.6));
    }
}

// All weights of a group on one side of zero, which is then an end of the range that no weight moves.
TEST(RangeGradient, LeavesTheEndThatIsZeroAlone) {
  QuantSpec spec;
  spec.scheme = "rtn_range";
  spec.n_bits = 2;
  spec.group_size = AutoSize{4};
  spec.symmetric = false;
  spec.zero_point = "integer";
  auto x = torch::tensor({{0.1, 0.5, 0.9, 0.4}}, torch::kFloat64).requires_grad_();
  make_quantizer(spec, 4)->forward(x).sum().backward();
  // Levels 0, 0.3, 0.6, 0.9: codes 0, 2, 3, 1; the scale's gradient is the sum of code - x / 0.3.
  const double of_scale = 6 - 1.9 / 0.3;
  const auto expected = torch::tensor({{1.0, 1.0, 1.0 + of_scale / 3, 1.0}}, torch::kFloat64);
  EXPECT_LT((x.grad() - expected).abs().max().item<double>(), 1e-12);
}

QuantSpec levels(const std::string& scheme, std::int64_t n_bits) {
  QuantSpec spec;
  spec.scheme = scheme;
  spec.n_bits = n_bits;
  spec.group_size = AutoSize{kGroup};
  spec.symmetric = false;
  spec.zero_point = "real";
  spec.clip = Clip{Clip::Method::kMse, 1};
  return spec;
}

// Knots and values of every group, unrounded, from the declared formulas: [rows, groups, L].
struct PlainLevels {
  Tensor knots, values;
};
PlainLevels plain_levels(const QuantSpec& spec, const Values& v, const Tensor& range_of) {
  const auto last = static_cast<double>((1 << spec.n_bits) - 1);
  const auto x = grouped(range_of);
  const auto lo = v.at("clip_low").sigmoid() * x.amin(-1).clamp_max(0);
  const auto hi = v.at("clip_high").sigmoid() * x.amax(-1).clamp_min(0);
  std::vector<Tensor> cuts{torch::zeros_like(lo)}, even;
  for (int k = 1; k < last; ++k) {
    if (spec.scheme == "lwc") {
      cuts.push_back(torch::full_like(lo, k / last));
      continue;
    }
    const auto s = v.at("partition");
    cuts.push_back(spec.ldp.squash == "linear"
                       ? std::get<0>(s.clamp(0, 1).sort(-1)).select(-1, k - 1)
                       : cuts.back() + (1 - cuts.back()) * s.select(-1, k - 1).sigmoid());
  }
  cuts.push_back(torch::ones_like(lo));
  for (int k = 0; k <= last; ++k) even.push_back(torch::full_like(lo, k / last));
  const auto at = [&](const std::vector<Tensor>& t) {
    return lo.unsqueeze(-1) + (hi - lo).unsqueeze(-1) * torch::stack(t, -1);
  };
  return {at(cuts), at(spec.scheme == "lwc" || spec.ldp.reconstruction == "uniform" ? even : cuts)};
}

// Hat functions of the knots at x, [..., group, L]; x within the knots.
Tensor hats(const Tensor& x, const Tensor& knots) {
  const auto n = knots.size(-1);
  auto phi = torch::zeros({x.size(0), x.size(1), x.size(2), n}, torch::kFloat64);
  for (std::int64_t k = 0; k + 1 < n; ++k) {
    const auto left = knots.select(-1, k).unsqueeze(-1), right = knots.select(-1, k + 1).unsqueeze(-1);
    const auto in = (x >= left) & (x < right);
    phi.select(-1, k) += in * (right - x) / (right - left);
    phi.select(-1, k + 1) += in * (x - left) / (right - left);
  }
  return phi;
}

Surrogate level_surrogate(const QuantSpec& spec, const Point& point) {
  const torch::NoGradGuard no_grad;
  const auto x = point.values.at("x").detach();
  const auto quantized = point.quantizer->quantize(x);
  const auto code =
      torch::one_hot(grouped(quantized.codes).to(torch::kInt64), 1 << spec.n_bits).to(torch::kFloat64);
  // As the forward has them: rounded to float16 (the knots of uniform values may be taken unrounded, as they
  // are not stored; they are rounded all the same).
  auto knots = plain_levels(spec, point.values, x).knots.to(torch::kFloat16).to(torch::kFloat64);
  if (spec.scheme == "lwc")
    knots = torch::arange(1 << spec.n_bits, torch::kFloat64) * quantized.scale.unsqueeze(-1) +
            quantized.offset.unsqueeze(-1);
  const auto lo = knots.select(-1, 0).unsqueeze(-1), hi = knots.select(-1, -1).unsqueeze(-1);
  const auto inside = (grouped(x) > lo) & (grouped(x) < hi);
  EXPECT_GT(inside.sum().item<std::int64_t>(), 0);
  EXPECT_LT(inside.sum().item<std::int64_t>(), inside.numel());
  const auto phi = hats(grouped(x), knots) * inside.unsqueeze(-1);
  const auto held = x.clone();
  return [=](const Values& v) {
    const auto [k, values] = plain_levels(spec, v, spec.ldp.detach_range ? held : v.at("x"));
    auto out = (code * values.unsqueeze(-2)).sum(-1);
    if (spec.ldp.gradient == "residual") out = out - (phi * k.unsqueeze(-2)).sum(-1);
    return out + torch::where(inside, grouped(v.at("x")) - grouped(held), 0.0);
  };
}

TEST(LwcGradient, AgreesWithFiniteDifferencesAndAutograd) {
  for (const std::int64_t n_bits : {2, 3})
    for (const std::string gradient : {"codebook", "residual"})
      for (const bool detach : {true, false}) {
        SCOPED_TRACE(std::to_string(n_bits) + " " + gradient + (detach ? "" : " with its range"));
        auto spec = levels("lwc", n_bits);
        spec.ldp.gradient = gradient;
        spec.ldp.detach_range = detach;
        const auto point = point_of(spec);
        expect_gradients_agree(point, level_surrogate(spec, point));
      }
}

TEST(LdpGradient, AgreesWithFiniteDifferencesAndAutograd) {
  for (const std::int64_t n_bits : {2, 3})
    for (const std::string gradient : {"codebook", "residual"})
      for (const std::string squash : {"sigmoid", "linear"})
        for (const std::string reconstruction : {"nonuniform", "uniform"})
          for (const bool detach : {true, false}) {
            if (gradient == "codebook" && reconstruction == "uniform") continue;  // the next test
            SCOPED_TRACE(std::to_string(n_bits) + " " + gradient + " " + squash + " " + reconstruction +
                         (detach ? "" : " with its range"));
            auto spec = levels("ldp", n_bits);
            spec.ldp = {gradient, squash, reconstruction, detach};
            const auto point = point_of(spec);
            expect_gradients_agree(point, level_surrogate(spec, point));
          }
}

// With codes held fixed, thresholds alone move nothing.
TEST(LdpGradient, OfAPartitionWithoutValuesIsZeroInTheCodebookForm) {
  auto spec = levels("ldp", 2);
  spec.ldp.reconstruction = "uniform";
  auto point = point_of(spec);
  point.quantizer->forward(point.values.at("x")).square().sum().backward();
  EXPECT_EQ(point.values.at("partition").grad().abs().max().item<double>(), 0);
  EXPECT_GT(point.values.at("clip_low").grad().abs().max().item<double>(), 0);
}

// rtn trains weights: straight through where a value is rounded, zero where it is clipped. Nothing flows
// through the scale, which each forward makes afresh from the weights.
TEST(RtnGradient, IsStraightThroughAndLeavesTheScaleOut) {
  auto spec = levels("rtn", 2);
  for (const std::string zero_point : {"integer", "real"})
    for (const double ratio : {1.0, 0.5}) {
      spec.zero_point = zero_point;
      spec.clip = Clip{Clip::Method::kRatio, ratio};
      auto x = data().requires_grad_();
      const auto weights = torch::arange(1, kSize + 1, torch::kFloat64).expand({kRows, kSize});
      const auto q = make_quantizer(spec, kSize)->forward(x);
      (weights * q).sum().backward();
      const auto passed = x.grad() == weights;
      EXPECT_TRUE((passed | (x.grad() == 0)).all().item<bool>());
      if (ratio == 1)
        EXPECT_TRUE(passed.all().item<bool>());
      else
        EXPECT_FALSE(passed.all().item<bool>());
    }
}

// The mean squared error of a group falls when its parameters follow their gradient, from the searched start
// and with codes free to change.
TEST(LdpGradient, LeadsDownhill) {
  torch::manual_seed(13);
  const auto w = torch::randn({64, 128});
  for (const std::string gradient : {"codebook", "residual"}) {
    auto spec = levels("ldp", 2);
    spec.group_size = AutoSize{128};
    spec.ldp.gradient = gradient;
    auto quantizer = make_quantizer(spec, 128);
    quantizer->calibrate(w);
    torch::optim::Adam optimizer(quantizer->parameters(), torch::optim::AdamOptions(0.02));
    double first = 0, last = 0;
    for (int step = 0; step < 60; ++step) {
      optimizer.zero_grad();
      const auto loss = (quantizer->forward(w) - w).square().mean();
      (step == 0 ? first : last) = loss.item<double>();
      loss.backward();
      optimizer.step();
    }
    EXPECT_LT(last, first) << gradient;
  }
}

}  // namespace
}  // namespace gyre
