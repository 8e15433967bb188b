#include "eval/code_use.h"

#include <ATen/Parallel.h>

#include <algorithm>
#include <bit>
#include <cmath>
#include <limits>
#include <utility>
#include <vector>

#include "core/error.h"

namespace gyre {
namespace {

// Values that one thread sums at once.
constexpr std::int64_t kPartValues = 4096;

}  // namespace

void CodeUse::add(const torch::Tensor& codes, std::int64_t group_size, std::int64_t n_levels) {
  GYRE_ASSERT(codes.scalar_type() == torch::kUInt8 && codes.size(-1) % group_size == 0 && n_levels <= 256);
  const auto here = codes.to(torch::kCPU).contiguous();
  const auto* data = here.const_data_ptr<std::uint8_t>();
  for (std::int64_t first = 0; first < here.numel(); first += group_size) {
    std::array<std::uint64_t, 4> seen{};
    for (auto i = first; i < first + group_size; ++i) {
      const auto code = data[i];
      ++counts_[code];
      seen[code >> 6] |= std::uint64_t{1} << (code & 63);
    }
    for (const auto word : seen) used_ += std::popcount(word);
    n_levels_ += n_levels;
  }
  n_ += here.numel();
}

void CodeUse::merge(const CodeUse& other) {
  for (std::size_t i = 0; i < counts_.size(); ++i) counts_[i] += other.counts_[i];
  n_ += other.n_;
  n_levels_ += other.n_levels_;
  used_ += other.used_;
}

double CodeUse::entropy() const {
  if (n_ == 0) return std::numeric_limits<double>::quiet_NaN();
  double bits = 0;
  for (const auto count : counts_) {
    const double share = static_cast<double>(count) / static_cast<double>(n_);
    if (count > 0) bits -= share * std::log2(share);
  }
  return bits;
}

double CodeUse::unused_levels() const {
  if (n_ == 0) return std::numeric_limits<double>::quiet_NaN();
  return 1 - static_cast<double>(used_) / static_cast<double>(n_levels_);
}

void SquaredError::add(const torch::Tensor& x, const torch::Tensor& q) {
  const torch::NoGradGuard no_grad;
  GYRE_ASSERT(x.sizes() == q.sizes());
  const auto given = x.to(torch::kCPU, torch::kFloat32).contiguous();
  const auto found = q.to(torch::kCPU, torch::kFloat32).contiguous();
  const float *a = given.const_data_ptr<float>(), *b = found.const_data_ptr<float>();
  const auto count = given.numel(), n_parts = (count + kPartValues - 1) / kPartValues;
  std::vector<std::pair<double, double>> parts(static_cast<std::size_t>(n_parts));
  at::parallel_for(0, n_parts, 4, [&](std::int64_t begin, std::int64_t end) {
    for (auto part = begin; part < end; ++part) {
      auto& [squares, errors] = parts[static_cast<std::size_t>(part)];
      const auto last = std::min(count, (part + 1) * kPartValues);
      for (auto i = part * kPartValues; i < last; ++i) {
        const auto value = static_cast<double>(a[i]), difference = static_cast<double>(b[i]) - value;
        squares += value * value;
        errors += difference * difference;
      }
    }
  });
  for (const auto& [squares, errors] : parts) signal += squares, error += errors;
  n += count;
}

double SquaredError::relative() const {
  return signal > 0 ? error / signal : std::numeric_limits<double>::quiet_NaN();
}

double SquaredError::sqnr_db() const {
  return 10 * std::log10(signal / error);
}

}  // namespace gyre
