// A Haar-distributed orthogonal matrix: the baseline that QuaRot (Ashkboos et al., 2024) and SpinQuant (Liu
// et al., 2024) compare the Hadamard rotation with.
#include "linalg/hadamard.h"
#include "rotation/rotation.h"

namespace gyre {
namespace {

class Random final : public Rotation {
 public:
  Random(std::int64_t size, std::uint64_t seed) : Rotation(size) {
    auto q = linalg::haar(size, seed);
    matrix_ = torch::from_blob(q.data(), {size, size}, torch::kFloat64).clone();
  }
  torch::Tensor matrix() const override { return matrix_; }

 private:
  torch::Tensor matrix_;  // not a buffer, which Module::to(bfloat16) would round
};

}  // namespace

std::shared_ptr<Rotation> make_random(const RotationSpec&, std::int64_t size, std::uint64_t seed) {
  return std::make_shared<Random>(size, seed);
}

}  // namespace gyre
