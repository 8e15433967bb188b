// An orthogonal change of basis along one dimension. Activations are rows: x' = x R.
#pragma once

#include <torch/torch.h>

#include <memory>
#include <span>
#include <string>
#include <string_view>

#include "spec/rotation.h"

namespace gyre {

struct HadamardTransform;  // ops/hadamard.h

class Rotation : public torch::nn::Module {
 public:
  explicit Rotation(std::int64_t size) : size_(size) {}
  std::int64_t size() const { return size_; }
  // [size, size], float64, CPU. The definition; used by tests, small orders and schemes without a fast form.
  virtual torch::Tensor matrix() const = 0;
  // x R and x R^T on the last dimension of x (any float dtype, kept; computed in at least float32).
  // Schemes with a fast transform override both; the contract test holds them to matrix().
  virtual torch::Tensor rotate(const torch::Tensor& x) const;
  virtual torch::Tensor unrotate(const torch::Tensor& x) const;
  // The transform that rotate() is, where it is a fast Hadamard transform and nothing else; else null.
  virtual const HadamardTransform* hadamard_transform() const { return nullptr; }

 private:
  std::int64_t size_;
};

// One row per scheme; `gyre list rotations`, the config check and the contract tests walk it.
struct RotationScheme {
  std::string_view name;
  std::string_view summary;
  bool uses_block_size, uses_random_signs, uses_seed;
  std::shared_ptr<Rotation> (*make)(const RotationSpec& spec, std::int64_t size, std::uint64_t seed);
};
std::span<const RotationScheme> rotation_schemes();

// kConfig on an unknown scheme (with the nearest name) or a block that does not divide; kUnsupported on an
// order without a known Hadamard matrix. Scheme "none" gives nullptr.
std::shared_ptr<Rotation> make_rotation(const RotationSpec& spec, std::int64_t size, std::uint64_t seed);

// H_n / sqrt(n) (x) I: a plain Hadamard transform across heads, of size n_heads * head_dim. kUnsupported for
// a number of heads without a known Hadamard matrix.
std::shared_ptr<Rotation> make_across_heads(std::int64_t n_heads, std::int64_t head_dim);

}  // namespace gyre
