// Block-diagonal Hadamard rotation: an outlier spreads over its own block only.
#include "rotation/hadamard_family.h"

namespace gyre {

std::shared_ptr<Rotation> make_local_hadamard(const RotationSpec& spec, std::int64_t size,
                                              std::uint64_t seed) {
  const auto block = resolve_size(spec.block_size, size, "block_size");
  return make_blocks(size, block, HadamardOrder::kNatural, spec.random_signs, seed);
}

}  // namespace gyre
