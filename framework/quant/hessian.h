// What GPTQ knows of a linear's inputs: the Hessian H = 2/n sum x x^T of the squared output error, and the
// triangular factor of its inverse.
#pragma once

#include <torch/torch.h>

#include <algorithm>
#include <limits>

namespace gyre {

class Hessian {
 public:
  // Sums in dtype (float32 or float64), on device. max_distinct: how many of the inputs can differ at all,
  // where some are known to be taken again.
  Hessian(std::int64_t size, torch::ScalarType dtype, torch::Device device,
          std::int64_t max_distinct = std::numeric_limits<std::int64_t>::max());
  // x: [..., size], inputs as the linear multiplies them: rotated, and quantized where they are.
  void add(const torch::Tensor& x);
  // [size, size], symmetric, in dtype. Zero while nothing was added.
  torch::Tensor matrix() const;
  Hessian to(torch::Device device) const;
  std::int64_t size() const { return sum_.size(0); }
  std::int64_t n_inputs() const { return n_inputs_; }
  std::int64_t n_distinct() const { return std::min(n_inputs_, max_distinct_); }

 private:
  torch::Tensor sum_;  // of add_gram()
  std::int64_t n_inputs_ = 0, max_distinct_;
};

// U, float64, upper triangular, with (H + damping mean(diag H) I)^-1 = U^T U. Channels without input (diag 0)
// are dead: their diagonal counts as 1.
struct InverseFactor {
  torch::Tensor factor;  // undefined when H holds a NaN or an infinity
  torch::Tensor dead;    // bool [size]
  double added = 0;      // damping mean(diag H)
  double damping = 0;    // the share that was used
  int n_raises = 0;      // how often it had to be raised tenfold (from 0 to 0.01)
};
// Damping is raised once when n_distinct is less than the size (H has not full rank), and until Cholesky's
// pivots stand clear of rounding. order: int64 [size], columns as they will be visited, or undefined.
InverseFactor factor_inverse(const torch::Tensor& h, std::int64_t n_distinct, double damping,
                             const torch::Tensor& order = {});

}  // namespace gyre
