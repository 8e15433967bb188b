#include "model/online.h"

#include "core/error.h"
#include "ops/hadamard_quant.h"

namespace gyre {

torch::Tensor rotate_and_quantize(const std::shared_ptr<Rotation>& rotation,
                                  const std::shared_ptr<Quantizer>& quantizer, const torch::Tensor& x) {
  if (rotation && quantizer) {
    const auto* transform = rotation->hadamard_transform();
    const auto* grid = quantizer->plain_grid();
    if (transform && grid) {
      GYRE_ASSERT(x.dim() > 0 && x.size(-1) == rotation->size());
      return hadamard_fake_quant(x, *transform, *grid);
    }
  }
  const auto rotated = rotation ? rotation->rotate(x) : x;
  return quantizer ? quantizer->forward(rotated) : rotated;
}

}  // namespace gyre
