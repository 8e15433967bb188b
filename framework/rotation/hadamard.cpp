// One Hadamard matrix over all channels, R = D H^T / sqrt(n). With random signs it is the randomized Hadamard
// rotation of QuaRot: Ashkboos et al., "QuaRot: Outlier-free 4-bit inference in rotated LLMs", NeurIPS 2024,
// section 4.
#include "rotation/hadamard_family.h"

namespace gyre {

std::shared_ptr<Rotation> make_hadamard(const RotationSpec& spec, std::int64_t size, std::uint64_t seed) {
  return make_blocks(size, size, HadamardOrder::kNatural, spec.random_signs, seed);
}

}  // namespace gyre
