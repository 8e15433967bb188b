#include "analysis/statistics.h"

#include <gmock/gmock.h>

#include <cmath>
#include <limits>

namespace gyre::analysis {
namespace {

using Rows = std::vector<store::TensorStatRow>;

TEST(Layered, AveragesTensorsOfALayerAndAllTensors) {
  const auto stats = layered(Rows{{0, "q", "weight", "rotated", "kurtosis", 1, 9},
                                  {0, "k", "weight", "rotated", "kurtosis", 3, 9},
                                  {1, "q", "weight", "rotated", "kurtosis", 8, 9},
                                  {1, "k", "weight", "rotated", "kurtosis", std::nan(""), 9},
                                  {-1, "model", "weight", "rotated", "kurtosis", 100, 9},
                                  {-1, "model", "logits", "quantized", "kl", 0.5, 9},
                                  {0, "q", "weight", "rotated", "histogram/0/1", 0.5, 9}});
  ASSERT_EQ(stats.size(), 2u);
  const auto& kurtosis = stats.at({"weight", "rotated", "kurtosis"});
  EXPECT_DOUBLE_EQ(kurtosis.layers.at(0), 2);
  EXPECT_DOUBLE_EQ(kurtosis.layers.at(1), 8);
  EXPECT_DOUBLE_EQ(kurtosis.mean, 4);  // of three tensors with a layer
  EXPECT_DOUBLE_EQ(stats.at({"logits", "quantized", "kl"}).mean, 0.5);
}

TEST(Histograms, ReadEdgesFromNames) {
  const auto all = histograms(Rows{{0, "q", "weight", "original", "histogram/0/0.5", 0.2, 9},
                                   {1, "q", "weight", "original", "histogram/0/0.5", 0.4, 9},
                                   {0, "q", "weight", "original", "histogram/-0.5/0", 0.1, 9},
                                   {0, "q", "weight", "original", "histogram/1/0", 0.1, 9},
                                   {0, "q", "weight", "original", "histogram/x/0", 0.1, 9},
                                   {0, "q", "weight", "original", "histogram/0", 0.1, 9}});
  ASSERT_EQ(all.size(), 1u);
  const auto& bins = all.at({"weight", "original"});
  ASSERT_EQ(bins.size(), 2u);
  EXPECT_EQ(bins[0].low, -0.5);
  EXPECT_DOUBLE_EQ(bins[0].density, 0.2);
  EXPECT_DOUBLE_EQ(bins[1].density, 0.6);
}

TEST(Correlate, RanksStatisticsAndCorrectsTheirNumber) {
  std::vector<RunStats> runs(6);
  const std::vector<double> changes = {0.1, 0.2, 0.3, 0.4, 0.5, 0.6};
  for (std::size_t i = 0; i < runs.size(); ++i) {
    const double x = static_cast<double>(i);
    runs[i][{"weight", "rotated", "weak"}].mean = i % 2 ? x : -x;
    runs[i][{"weight", "rotated", "falling"}].mean = std::exp(-x);
    runs[i][{"weight", "original", "constant"}].mean = 4;
    if (i < 3) runs[i][{"weight", "rotated", "rare"}].mean = x;
  }
  std::vector<const RunStats*> pointers;
  for (const auto& run : runs) pointers.push_back(&run);
  const auto list = correlate(pointers, changes, std::vector<std::size_t>(6, 0));
  ASSERT_EQ(list.size(), 2u);
  EXPECT_EQ(list[0].stat.name, "falling");
  EXPECT_EQ(list[0].correlation.rho, -1);
  EXPECT_EQ(list[1].stat.name, "weak");
  EXPECT_DOUBLE_EQ(list[1].p_holm, list[1].correlation.p);
  // A run without the metric does not count.
  auto missing = changes;
  missing[0] = std::nan("");
  EXPECT_EQ(correlate(pointers, missing, std::vector<std::size_t>(6, 0))[0].correlation.n, 5);
}

}  // namespace
}  // namespace gyre::analysis
