// Statistics against NumPy and SciPy on known samples (scripts/make_statistics_fixtures.py), and against
// closed forms.
#include "eval/value_statistics.h"

#include <gtest/gtest.h>

#include <cmath>
#include <fstream>
#include <map>
#include <nlohmann/json.hpp>

#include "core/seed.h"
#include "eval/code_use.h"
#include "ops/fake_quant.h"
#include "rotation/rotation.h"

namespace gyre {
namespace {

const nlohmann::json& fixtures() {
  static const auto data = nlohmann::json::parse(std::ifstream(GYRE_TEST_DATA "/eval/statistics.json"));
  return data;
}

torch::Tensor rows_of(const nlohmann::json& values, std::int64_t size) {
  return torch::tensor(values.get<std::vector<float>>()).reshape({-1, size});
}

std::map<std::string, double> values_of(const ValueStatistics& statistics) {
  std::map<std::string, double> out;
  for (const auto& [name, value, n] : statistics.values()) out[name] = value;
  return out;
}

std::map<std::string, double> values_of(const torch::Tensor& x, std::int64_t group_size) {
  ValueStatistics statistics;
  statistics.add(x, group_size);
  return values_of(statistics);
}

torch::Tensor normal_values(std::int64_t rows, std::int64_t size, const char* name) {
  Rng rng(derive_seed(3, name));
  auto x = torch::empty({rows, size});
  for (std::int64_t i = 0; i < x.numel(); ++i)
    x.mutable_data_ptr<float>()[i] = static_cast<float>(rng.normal());
  return x;
}

// Distances to the resolution of the histograms: a bin's share of the values, half a bin's width.
double tolerance(const std::string& name, double value) {
  if (name.starts_with("ks_")) return 0.004;
  if (name == "w1_uniform") return 0.5 / 1024;
  if (name == "w1_gaussian") return 0.5 / 256;
  return 1e-5 * std::max(std::abs(value), 1e-3);
}

TEST(ValueStatistics, AgreeWithSciPy) {
  const auto group_size = fixtures()["group_size"].get<std::int64_t>();
  for (const auto& sample : fixtures()["samples"]) {
    const auto found = values_of(rows_of(sample["values"], group_size), group_size);
    for (const auto& [name, expected] : sample["statistics"].items())
      EXPECT_NEAR(found.at(name), expected.get<double>(), tolerance(name, expected.get<double>()))
          << sample["name"] << " " << name;
  }
}

TEST(CodeUse, AgreesWithSciPyAndCounts) {
  const auto codes = torch::tensor(fixtures()["codes"]["values"].get<std::vector<int>>()).to(torch::kUInt8);
  CodeUse use;
  use.add(codes.reshape({-1, 64}), 64, 16);
  EXPECT_NEAR(use.entropy(), fixtures()["codes"]["entropy"].get<double>(), 1e-9);
  // Two groups of four: one uses 3 of 4 levels, the other 1.
  CodeUse few;
  few.add(torch::tensor({0, 1, 1, 3, 2, 2, 2, 2}).to(torch::kUInt8), 4, 4);
  EXPECT_DOUBLE_EQ(few.unused_levels(), 0.5);
  EXPECT_EQ(few.n(), 8);
  EXPECT_TRUE(std::isnan(CodeUse().entropy()));
  CodeUse both = use;
  both.merge(use);
  EXPECT_DOUBLE_EQ(both.entropy(), use.entropy());
  EXPECT_DOUBLE_EQ(both.unused_levels(), use.unused_levels());
}

// An error of a quarter: 1/16 of the energy, 12 dB.
TEST(SquaredError, IsRelativeAndInDecibels) {
  const auto x = torch::tensor({3.0f, -4.0f, 5.0f});
  SquaredError error;
  error.add(x, 1.25 * x);
  error.add(2 * x, 2.5 * x);
  EXPECT_EQ(error.n, 6);
  EXPECT_DOUBLE_EQ(error.relative(), 1.0 / 16);
  EXPECT_NEAR(error.sqnr_db(), 10 * std::log10(16.0), 1e-12);
  error.add(torch::ones({5000}), torch::ones({5000}));
  EXPECT_DOUBLE_EQ(error.signal, 5 * 50 + 5000);
}

// Parts merged are the whole, however they are cut; far from zero too, where sums of squares cancel.
TEST(Moments, MergeToTheWhole) {
  const auto x = (normal_values(1, 3000, "merge") + 1e4).flatten();
  const float* data = x.const_data_ptr<float>();
  const Moments whole = moments_of(std::span(data, 3000));
  for (const std::size_t cut : {std::size_t{1}, std::size_t{7}, std::size_t{1500}, std::size_t{2999}}) {
    Moments parts = moments_of(std::span(data, cut));
    parts.merge(moments_of(std::span(data + cut, 3000 - cut)));
    EXPECT_EQ(parts.n, whole.n);
    EXPECT_NEAR(parts.mean, whole.mean, 1e-12 * whole.mean);
    EXPECT_NEAR(parts.variance(), whole.variance(), 1e-9);
    EXPECT_NEAR(parts.skewness(), whole.skewness(), 1e-9);
    EXPECT_NEAR(parts.excess_kurtosis(), whole.excess_kurtosis(), 1e-9);
    EXPECT_EQ(parts.max, whole.max);
  }
  Moments none;
  none.merge(Moments{});
  EXPECT_TRUE(std::isnan(none.variance()));
  none.merge(whole);
  EXPECT_EQ(none.mean, whole.mean);
}

// 0 and 1 with equal shares: mean 1/2, variance 1/4, kurtosis 1.
TEST(Moments, OfTwoPointsAreExact) {
  const std::vector<float> x = {0, 1, 0, 1, 1, 0, 0, 1, 0, 1};
  const Moments m = moments_of(x);
  EXPECT_DOUBLE_EQ(m.mean, 0.5);
  EXPECT_DOUBLE_EQ(m.variance(), 0.25);
  EXPECT_DOUBLE_EQ(m.skewness(), 0);
  EXPECT_DOUBLE_EQ(m.excess_kurtosis(), -2);
  EXPECT_DOUBLE_EQ(m.max_over_rms(), std::sqrt(2.0));
  EXPECT_TRUE(std::isnan(moments_of(std::vector<float>{3, 3, 3}).excess_kurtosis()));
}

// All values at 0: |F - U| is 1 - u, so that KS is 1 and W1 1/2, to half a bin.
TEST(LinearHistogram, MeasuresDistances) {
  LinearHistogram point(0, 1, 1000);
  for (int i = 0; i < 10; ++i) point.add(0);
  EXPECT_NEAR(point.ks_distance(uniform_cdf), 1, 1.01e-3);
  EXPECT_NEAR(point.w1_distance(uniform_cdf), 0.5, 5.01e-4);
  // A quarter of the values lies 3 beyond the range: 3/4 more.
  LinearHistogram outside(0, 1, 1000);
  for (int i = 0; i < 3000; ++i) outside.add((i + 0.5) / 3000);
  for (int i = 0; i < 1000; ++i) outside.add(4);
  EXPECT_EQ(outside.n(), 4000);
  // F(u) = 3/4 u, so |F - u| = u / 4 in the range.
  EXPECT_NEAR(outside.w1_distance(uniform_cdf), 0.125 + 0.75, 1e-3);
  EXPECT_NEAR(outside.ks_distance(uniform_cdf), 0.25, 1e-3);
  EXPECT_TRUE(std::isnan(LinearHistogram(0, 1, 10).ks_distance(uniform_cdf)));
}

TEST(ValueStatistics, MergeToTheWholeAndDoNotDependOnThreads) {
  const auto x = normal_values(64, 96, "threads");
  const auto threads = at::get_num_threads();
  const auto whole = values_of(x, 32);
  at::set_num_threads(1);
  EXPECT_EQ(values_of(x, 32), whole);
  at::set_num_threads(threads);
  ValueStatistics parts, rest;
  parts.add(x.narrow(0, 0, 10), 32);
  rest.add(x.narrow(0, 10, 54), 32);
  parts.merge(rest);
  for (const auto& [name, value] : values_of(parts)) EXPECT_NEAR(value, whole.at(name), 1e-9) << name;
}

// The histogram's shares of a Gaussian are those of its cdf, to the sampling of 60 000 values.
TEST(ValueStatistics, HistogramHoldsSharesByStandardDeviation) {
  ValueStatistics statistics;
  statistics.add(0.003 + 0.01 * normal_values(600, 100, "histogram"), 100);
  double sum = 0;
  for (const auto& [name, share, n] : statistics.histogram()) {
    double low = 0, high = 0;
    ASSERT_EQ(std::sscanf(name.c_str(), "histogram/%lf/%lf", &low, &high), 2) << name;
    EXPECT_NEAR(share, normal_cdf(high) - normal_cdf(low), 0.02) << name;
    sum += share;
  }
  EXPECT_NEAR(sum, 1, 1e-9);
}

TEST(ValueStatistics, SayNothingOfValuesThatAreNotFinite) {
  auto x = normal_values(8, 64, "nan");
  x[3][5] = std::numeric_limits<float>::quiet_NaN();
  x[4][5] = std::numeric_limits<float>::infinity();
  for (const auto& [name, value] : values_of(x, 64))
    EXPECT_TRUE(std::isnan(value) || name == "min" || name == "max") << name;
  ValueStatistics constant;
  constant.add(torch::zeros({4, 64}), 64);
  EXPECT_TRUE(std::isnan(values_of(constant).at("ks_uniform")));
  EXPECT_EQ(values_of(constant).at("variance"), 0);
  EXPECT_TRUE(constant.histogram().empty());
}

// The ratio at which fake quantization itself errs least, all groups sharing it.
TEST(OptimalClip, IsTheBestOfAllRatiosTried) {
  for (const int n_bits : {2, 4})
    for (const char* name : {"clip a", "clip b"}) {
      const auto x = normal_values(40, 64, name) * (1 + normal_values(40, 1, "scales").abs());
      double best = 0, least = std::numeric_limits<double>::infinity();
      std::map<int, double> errors;
      for (int i = 0; i < 80; ++i) {
        UniformGrid grid{kernels::Grid::kSymmetric, n_bits, 64, 1 - i / 100.0};
        const double error = (fake_quant(x, grid) - x).square().sum(torch::kFloat64).item<double>();
        errors[i] = error;
        if (error < least) least = error, best = grid.clip;
      }
      const double found = values_of(x, 64).at(n_bits == 2 ? "optimal_clip_2bit" : "optimal_clip_4bit");
      EXPECT_NEAR(found, best, 0.03) << n_bits;
      // Flat minima may be missed by a step, but not at a price.
      EXPECT_LT(errors.at(static_cast<int>(std::lround((1 - found) * 100))), 1.002 * least) << n_bits;
    }
}

// A coordinate of w D H^T / sqrt(n) with random signs D is a sum of n independent +-w_j / sqrt(n): its
// kurtosis over signs is 3 - 2 k / n, with k = n sum w^4 / (sum w^2)^2 the row's own.
TEST(RandomizedHadamard, KurtosisOverSignsFollowsTheRowsOwn) {
  constexpr std::int64_t kSize = 64;
  auto spike = torch::zeros({kSize}), two = torch::zeros({kSize}), flat = torch::ones({kSize});
  spike[9] = 2;
  two[3] = 1;
  two[60] = -0.5;
  const auto heavy = normal_values(1, kSize, "heavy").flatten().pow(5);
  const auto gaussian = normal_values(1, kSize, "gaussian").flatten();
  RotationSpec spec;
  spec.scheme = "hadamard";
  spec.random_signs = true;
  const std::vector<torch::Tensor> rows = {spike, two, flat, heavy, gaussian};
  std::vector<Moments> moments(rows.size());
  for (std::uint64_t seed = 0; seed < 3000; ++seed) {
    const auto rotation = make_rotation(spec, kSize, derive_seed(seed, "signs"));
    const auto rotated = rotation->rotate(torch::stack(rows));
    for (std::size_t i = 0; i < rows.size(); ++i)
      moments[i].merge(moments_of(rotated[static_cast<std::int64_t>(i)]));
  }
  for (std::size_t i = 0; i < rows.size(); ++i) {
    const auto w = rows[i].to(torch::kFloat64);
    const double own = kSize * w.pow(4).sum().item<double>() / std::pow(w.square().sum().item<double>(), 2);
    EXPECT_NEAR(moments[i].excess_kurtosis() + 3, 3 - 2 * own / kSize, 0.05) << i;
  }
}

}  // namespace
}  // namespace gyre
