#include "eval/value_statistics.h"

#include <ATen/Parallel.h>
#include <fmt/format.h>

#include <algorithm>
#include <array>
#include <cmath>

#include "core/error.h"

namespace gyre {
namespace {

constexpr double kNaN = std::numeric_limits<double>::quiet_NaN();

// Parts of an addition, each gathered by one thread and merged in order.
constexpr std::int64_t kParts = 4;

// Values whose moments are taken at once; they stay in the cache between the two passes over them.
constexpr std::int64_t kPartValues = 2048;

// Sorting costs more than all else; so many values a part are enough for a mean over groups.
constexpr std::int64_t kSortedValues = 4096;

// Edges of the histogram in standard deviations: fine where most values lie.
constexpr std::array kEdges = {0.0, 0.25, 0.5, 0.75, 1.0, 1.25, 1.5,  1.75, 2.0, 2.5,
                               3.0, 3.5,  4.0, 5.0,  6.0, 8.0,  10.0, 12.0, 16.0};

// sup |F - U[0, 1]| of the sorted values, min-max normalized.
double ks_of_sorted(const std::vector<float>& x) {
  const auto low = static_cast<double>(x.front()), range = static_cast<double>(x.back()) - low;
  const auto n = static_cast<double>(x.size());
  double largest = 0;
  for (std::size_t i = 0; i < x.size(); ++i) {
    const double u = (static_cast<double>(x[i]) - low) / range, below = static_cast<double>(i) / n;
    largest = std::max({largest, u - below, below + 1 / n - u});
  }
  return largest;
}

}  // namespace

std::vector<NamedValue> named_values(const Moments& m) {
  const bool any = m.n > 0;
  return {{"mean", any ? m.mean : kNaN, m.n},     {"variance", m.variance(), m.n},
          {"skewness", m.skewness(), m.n},        {"excess_kurtosis", m.excess_kurtosis(), m.n},
          {"min", any ? m.min : kNaN, m.n},       {"max", any ? m.max : kNaN, m.n},
          {"max_over_rms", m.max_over_rms(), m.n}};
}

Moments moments_of(const torch::Tensor& x) {
  const auto values = x.to(torch::kCPU, torch::kFloat32).contiguous();
  const auto n = values.numel(), n_parts = (n + kPartValues - 1) / kPartValues;
  const float* data = values.const_data_ptr<float>();
  std::vector<Moments> parts(static_cast<std::size_t>(n_parts));
  at::parallel_for(0, n_parts, 4, [&](std::int64_t begin, std::int64_t end) {
    for (auto part = begin; part < end; ++part) {
      const auto first = part * kPartValues, last = std::min(n, first + kPartValues);
      parts[static_cast<std::size_t>(part)] = moments_of({data + first, data + last});
    }
  });
  Moments all;
  for (const auto& part : parts) all.merge(part);
  return all;
}

void ValueStatistics::add_group(const float* x, std::int64_t n, bool sorted) {
  const Moments group = moments_of({x, static_cast<std::size_t>(n)});
  moments_.merge(group);
  const double rms = std::sqrt(group.mean_square());
  if (!std::isfinite(rms) || !std::isfinite(group.m4)) return;  // the moments say so
  group_rms_.merge({.n = 1, .mean = rms, .min = rms, .max = rms});
  for (std::int64_t i = 0; i < n; ++i) floats_.add(x[i]);
  const double range = group.max - group.min, deviation = std::sqrt(group.variance());
  if (!(range > 0 && deviation > 0)) return;  // no shape to speak of
  usage_ += 12 * group.variance() / (range * range);
  ++n_usage_;

  const auto low = static_cast<float>(group.min), mean = static_cast<float>(group.mean);
  const auto to_unit = static_cast<float>(unit_.bins_per_unit() / range);
  const auto to_standard = static_cast<float>(standard_.bins_per_unit() / deviation);
  const auto middle = static_cast<float>(-standard_.low() * standard_.bins_per_unit());
  const double largest = std::max(std::abs(group.min), std::abs(group.max)), weight = largest * largest;
  const auto to_clip = static_cast<float>(ClipCurve::kBins / 2 / largest);
  const auto end =
      static_cast<float>(unit_.bins_per_unit());  // rounding must not carry the largest beyond it
  for (std::int64_t i = 0; i < n; ++i) unit_.add_scaled(std::min((x[i] - low) * to_unit, end));
  for (std::int64_t i = 0; i < n; ++i) standard_.add_scaled((x[i] - mean) * to_standard + middle);
  for (std::int64_t i = 0; i < n; ++i)
    clip_.add_scaled(x[i] * to_clip + static_cast<float>(ClipCurve::kBins / 2), weight);
  if (!sorted) return;
  std::vector<float> copy(x, x + n);
  std::sort(copy.begin(), copy.end());
  group_ks_ += ks_of_sorted(copy);
  ++n_group_ks_;
}

void ValueStatistics::add(const torch::Tensor& x, std::int64_t group_size) {
  const torch::NoGradGuard no_grad;
  GYRE_ASSERT(group_size > 0 && x.size(-1) % group_size == 0);
  const auto values = x.to(torch::kCPU, torch::kFloat32).contiguous();
  const auto n_groups = values.numel() / group_size;
  const float* data = values.const_data_ptr<float>();
  std::vector<ValueStatistics> parts(static_cast<std::size_t>(std::min(kParts, n_groups)));
  const auto n_parts = std::ssize(parts);
  at::parallel_for(0, n_parts, 1, [&](std::int64_t begin, std::int64_t end) {
    for (auto part = begin; part < end; ++part) {
      const auto first = part * n_groups / n_parts, last = (part + 1) * n_groups / n_parts;
      const auto n_sorted = std::clamp<std::int64_t>(kSortedValues / group_size, 1, last - first);
      const auto step = (last - first) / n_sorted;
      for (auto g = first; g < last; ++g)
        parts[static_cast<std::size_t>(part)].add_group(data + g * group_size, group_size,
                                                        (g - first) % step == 0);
    }
  });
  for (const auto& part : parts) merge(part);
}

void ValueStatistics::merge(const ValueStatistics& other) {
  moments_.merge(other.moments_);
  group_rms_.merge(other.group_rms_);
  unit_.merge(other.unit_);
  standard_.merge(other.standard_);
  floats_.merge(other.floats_);
  clip_.merge(other.clip_);
  usage_ += other.usage_;
  n_usage_ += other.n_usage_;
  group_ks_ += other.group_ks_;
  n_group_ks_ += other.n_group_ks_;
}

std::vector<NamedValue> ValueStatistics::values() const {
  auto out = named_values(moments_);
  const bool finite = std::isfinite(moments_.m4);
  const auto add = [&](const char* name, double value, std::int64_t n) {
    out.push_back({name, finite && n > 0 ? value : kNaN, n});
  };
  const auto pooled = unit_.n();
  add("minmax_usage", std::sqrt(usage_ / static_cast<double>(n_usage_)), n_usage_);
  add("ks_uniform", unit_.ks_distance(uniform_cdf), pooled);
  add("w1_uniform", unit_.w1_distance(uniform_cdf), pooled);
  add("ks_gaussian", standard_.ks_distance(normal_cdf), pooled);
  add("w1_gaussian", standard_.w1_distance(normal_cdf), pooled);
  add("group_nonuniformity", group_ks_ / static_cast<double>(n_group_ks_), n_group_ks_);
  add("group_spread", group_rms_.mean > 0 ? std::sqrt(group_rms_.variance()) / group_rms_.mean : kNaN,
      group_rms_.n);
  add("optimal_clip_2bit", clip_.best_ratio(2), pooled);
  add("optimal_clip_4bit", clip_.best_ratio(4), pooled);
  return out;
}

std::vector<NamedValue> ValueStatistics::histogram() const {
  const double deviation = std::sqrt(moments_.variance());
  std::vector<NamedValue> out;
  if (!(deviation > 0) || !std::isfinite(moments_.m4)) return out;
  const auto bin = [&](double low, double high) {
    const double found = floats_.count(moments_.mean + low * deviation, moments_.mean + high * deviation);
    out.push_back(
        {fmt::format("histogram/{}/{}", low, high), found / static_cast<double>(moments_.n), moments_.n});
  };
  for (auto i = kEdges.size() - 1; i > 0; --i) bin(-kEdges[i], -kEdges[i - 1]);
  for (std::size_t i = 0; i + 1 < kEdges.size(); ++i) bin(kEdges[i], kEdges[i + 1]);
  return out;
}

}  // namespace gyre
