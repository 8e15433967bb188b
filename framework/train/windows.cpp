#include "train/windows.h"

#include <algorithm>
#include <numeric>

#include "core/error.h"
#include "core/seed.h"

namespace gyre {

TokenWindows::TokenWindows(std::vector<std::int32_t> tokens, std::int64_t window, std::int64_t seed,
                           const std::string& name)
    : tokens_(std::move(tokens)), window_(window), count_(std::ssize(tokens_) / window), seed_(seed) {
  GYRE_CHECK(count_ >= 1, ErrorCode::kInput,
             "the training text '{}' has {} tokens, fewer than one window of {}; take a shorter window or a "
             "longer text",
             name, tokens_.size(), window);
}

void TokenWindows::draw(std::int64_t epoch) const {
  if (epoch == epoch_) return;
  order_.resize(static_cast<std::size_t>(count_));
  std::iota(order_.begin(), order_.end(), std::int64_t{0});
  Rng rng(derive_seed(static_cast<std::uint64_t>(seed_), "windows/" + std::to_string(epoch)));
  for (auto i = order_.size(); i > 1; --i) std::swap(order_[i - 1], order_[rng.below(i)]);
  epoch_ = epoch;
}

std::int64_t TokenWindows::index(std::int64_t position) const {
  GYRE_ASSERT(position >= 0);
  draw(position / count_);
  return order_[static_cast<std::size_t>(position % count_)];
}

torch::Tensor TokenWindows::at(std::int64_t position, std::int64_t n) const {
  auto windows = torch::empty({n, window_}, torch::kInt64);
  auto* out = windows.mutable_data_ptr<std::int64_t>();
  for (std::int64_t i = 0; i < n; ++i)
    out = std::copy_n(tokens_.begin() + index(position + i) * window_, window_, out);
  return windows;
}

}  // namespace gyre
