// R = I: what folding the norms does by itself.
#include "rotation/rotation.h"

namespace gyre {
namespace {

class Identity final : public Rotation {
 public:
  using Rotation::Rotation;
  torch::Tensor matrix() const override { return torch::eye(size(), torch::kFloat64); }
  torch::Tensor rotate(const torch::Tensor& x) const override { return x; }
  torch::Tensor unrotate(const torch::Tensor& x) const override { return x; }
};

}  // namespace

std::shared_ptr<Rotation> make_identity(const RotationSpec&, std::int64_t size, std::uint64_t) {
  return std::make_shared<Identity>(size);
}

}  // namespace gyre
