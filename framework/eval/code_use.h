// Which levels of its grid a quantized tensor uses, and how far it is from what it stands for.
#pragma once

#include <torch/torch.h>

#include <array>
#include <cstdint>

namespace gyre {

class CodeUse {
 public:
  // codes: uint8 [..., n], groups of group_size along the last dimension. n_levels: of the grid, at most 256.
  void add(const torch::Tensor& codes, std::int64_t group_size, std::int64_t n_levels);
  void merge(const CodeUse& other);
  // Shannon entropy of the codes, pooled over groups, in bits. nan without codes.
  double entropy() const;
  // Share of a group's levels that none of its values takes, mean over groups. nan without codes.
  double unused_levels() const;
  std::int64_t n() const { return n_; }

 private:
  std::array<std::int64_t, 256> counts_{};
  std::int64_t n_ = 0, n_levels_ = 0, used_ = 0;  // levels of all groups, and those used
};

// Squared errors beside the squares of what they are errors of.
struct SquaredError {
  double signal = 0, error = 0;  // sum x^2, sum (q - x)^2
  std::int64_t n = 0;
  void add(const torch::Tensor& x, const torch::Tensor& q);
  double relative() const;  // error / signal; nan without signal
  double sqnr_db() const;   // 10 log10(signal / error); infinite where nothing is lost
};

}  // namespace gyre
