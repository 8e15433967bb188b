// A rotation that is learned: R1 or R2 of SpinQuant (Liu et al., 2024). This holds the matrix; the descent is
// framework/train's.
#pragma once

#include "rotation/rotation.h"

namespace gyre {

// Until set_learned() it is its init: any other scheme, made in blocks of block_size where that is a number.
// R = R_fixed R_learned, where R_learned is block-diagonal and R_fixed the identity, or the init with
// keep_init.
class LearnedRotation final : public Rotation {
 public:
  // fixed [size, size] or undefined (identity); start [n, b, b] with n * b = size; both float64, on the CPU.
  LearnedRotation(std::int64_t size, torch::Tensor fixed, torch::Tensor start);

  torch::Tensor matrix() const override { return matrix_; }
  // R_fixed, [size, size], or undefined where it is the identity.
  const torch::Tensor& fixed() const { return fixed_; }
  // The blocks of R_learned, [n, b, b], float64.
  const torch::Tensor& blocks() const { return blocks_; }
  // blocks: [n, b, b] of the same sizes, orthogonal to 1e-10; kRun otherwise.
  void set_learned(const torch::Tensor& blocks);

 private:
  torch::Tensor fixed_, blocks_, matrix_;  // not buffers, which Module::to(bfloat16) would round
};

}  // namespace gyre
