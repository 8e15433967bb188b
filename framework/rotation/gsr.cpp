// Grouped sequency-arranged rotation (GSR), arXiv:2505.03810: block-diagonal, each block a Walsh matrix, so
// that an outlier stays in its block and neighbouring channels of a quantization group have similar
// frequencies.
#include "rotation/hadamard_family.h"

namespace gyre {

std::shared_ptr<Rotation> make_gsr(const RotationSpec& spec, std::int64_t size, std::uint64_t seed) {
  const auto block = resolve_size(spec.block_size, size, "block_size");
  return make_blocks(size, block, HadamardOrder::kSequency, spec.random_signs, seed);
}

}  // namespace gyre
