// The global Walsh rotation, R = D S^T / sqrt(n): channels come out in the order of their row's sign changes.
#include "rotation/hadamard_family.h"

namespace gyre {

std::shared_ptr<Rotation> make_sequency(const RotationSpec& spec, std::int64_t size, std::uint64_t seed) {
  return make_blocks(size, size, HadamardOrder::kSequency, spec.random_signs, seed);
}

}  // namespace gyre
