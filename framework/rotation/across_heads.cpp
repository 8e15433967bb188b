// A rotation that mixes heads with one another, channel by channel: R (x) I_head_dim. QuaRot's online
// Hadamard before o_proj (Ashkboos et al., 2024, section 4, stage 1b): with the per-head R2 fused, o_proj's
// input is then rotated as a whole.
#include "core/error.h"
#include "rotation/rotation.h"

namespace gyre {
namespace {

class AcrossHeads final : public Rotation {
 public:
  AcrossHeads(std::shared_ptr<Rotation> heads, std::int64_t head_dim)
      : Rotation(heads->size() * head_dim), heads_(std::move(heads)), head_dim_(head_dim) {}

  torch::Tensor matrix() const override {
    return at::kron(heads_->matrix(), torch::eye(head_dim_, torch::kFloat64));
  }
  torch::Tensor rotate(const torch::Tensor& x) const override {
    return over_heads(x, [&](const torch::Tensor& y) { return heads_->rotate(y); });
  }
  torch::Tensor unrotate(const torch::Tensor& x) const override {
    return over_heads(x, [&](const torch::Tensor& y) { return heads_->unrotate(y); });
  }

 private:
  template <class Turn>
  torch::Tensor over_heads(const torch::Tensor& x, Turn turn) const {
    const auto channels_first = x.unflatten(-1, {heads_->size(), head_dim_}).transpose(-1, -2).contiguous();
    return turn(channels_first).transpose(-1, -2).flatten(-2);
  }

  std::shared_ptr<Rotation> heads_;
  std::int64_t head_dim_;
};

}  // namespace

std::shared_ptr<Rotation> make_across_heads(std::int64_t n_heads, std::int64_t head_dim) {
  RotationSpec hadamard;
  hadamard.scheme = "hadamard";
  return std::make_shared<AcrossHeads>(make_rotation(hadamard, n_heads, 0), head_dim);
}

}  // namespace gyre
