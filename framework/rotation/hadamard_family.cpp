#include "rotation/hadamard_family.h"

#include <cmath>
#include <vector>

#include "core/error.h"
#include "core/seed.h"
#include "linalg/hadamard.h"

namespace gyre {
namespace {

// S, [block, block], float64, entries +-1.
torch::Tensor rows_in_order(std::int64_t block, HadamardOrder order) {
  auto h = linalg::hadamard(block);
  const auto s = torch::from_blob(h.data(), {block, block}, torch::kInt8).to(torch::kFloat64);
  if (order == HadamardOrder::kNatural) return s;
  return s.index_select(0, torch::tensor(linalg::sequency_order(block)));
}

torch::Tensor draw_signs(std::int64_t size, std::uint64_t seed) {
  Rng rng(seed);
  auto signs = torch::empty({size}, torch::kInt8);
  auto* values = signs.mutable_data_ptr<std::int8_t>();
  for (std::int64_t i = 0; i < size; ++i) values[i] = static_cast<std::int8_t>(rng.sign());
  return signs;
}

class HadamardBlocks final : public Rotation {
 public:
  HadamardBlocks(std::int64_t size, std::int64_t block, HadamardOrder order, torch::Tensor signs)
      : Rotation(size), order_(order), transform_(make_hadamard_transform(block, order)) {
    transform_.signs = std::move(signs);
  }

  torch::Tensor matrix() const override {
    const auto block = transform_.block;
    const auto r = rows_in_order(block, order_).t().contiguous() / std::sqrt(static_cast<double>(block));
    auto blocks = torch::kron(torch::eye(size() / block, torch::kFloat64), r);
    return transform_.signs.defined() ? transform_.signs.to(torch::kFloat64).unsqueeze(1) * blocks : blocks;
  }

  torch::Tensor rotate(const torch::Tensor& x) const override { return transform(x, /*transposed=*/false); }
  torch::Tensor unrotate(const torch::Tensor& x) const override { return transform(x, /*transposed=*/true); }
  const HadamardTransform* hadamard_transform() const override { return &transform_; }

 private:
  torch::Tensor transform(const torch::Tensor& x, bool transposed) const {
    GYRE_ASSERT(x.dim() > 0 && x.size(-1) == size());
    return hadamard(x, transform_, transposed);
  }

  HadamardOrder order_;
  HadamardTransform transform_;
};

}  // namespace

std::shared_ptr<Rotation> make_blocks(std::int64_t size, std::int64_t block, HadamardOrder order,
                                      bool random_signs, std::uint64_t seed) {
  GYRE_ASSERT(block > 0 && size % block == 0);
  return std::make_shared<HadamardBlocks>(size, block, order,
                                          random_signs ? draw_signs(size, seed) : torch::Tensor());
}

}  // namespace gyre
