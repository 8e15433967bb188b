// Token windows of a packed text in an order that the seed draws: where a training loop stands in its data is
// one number.
#pragma once

#include <torch/torch.h>

#include <cstdint>
#include <string>
#include <vector>

namespace gyre {

// Neighbouring windows of one stream, the tail dropped. Every epoch visits each once, in an order of its own.
class TokenWindows {
 public:
  // name: of the text, for messages; the order of epoch e comes from derive_seed(seed, "windows/e"). kInput
  // when the stream is shorter than one window.
  TokenWindows(std::vector<std::int32_t> tokens, std::int64_t window, std::int64_t seed,
               const std::string& name);

  std::int64_t count() const { return count_; }  // windows of an epoch
  std::int64_t window() const { return window_; }
  // The n windows at positions position .. position + n - 1 of the endless order, int64 [n, window].
  torch::Tensor at(std::int64_t position, std::int64_t n) const;
  // Which window of the stream, 0..count-1, is at a position.
  std::int64_t index(std::int64_t position) const;

 private:
  void draw(std::int64_t epoch) const;
  std::vector<std::int32_t> tokens_;
  std::int64_t window_, count_, seed_;
  mutable std::int64_t epoch_ = -1;  // whose order is in order_
  mutable std::vector<std::int64_t> order_;
};

}  // namespace gyre
