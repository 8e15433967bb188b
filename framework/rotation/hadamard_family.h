// What the Hadamard schemes share: R = D (I (x) S^T) / sqrt(block) by a fast transform.
#pragma once

#include "ops/hadamard.h"
#include "rotation/rotation.h"

namespace gyre {

// A rotation of `size` channels in blocks of `block`, rows of each block's Hadamard matrix in the given
// order. With random_signs, D is drawn from the seed; else D = I and the seed is not used. kUnsupported on a
// block without a known Hadamard matrix. block divides size.
std::shared_ptr<Rotation> make_blocks(std::int64_t size, std::int64_t block, HadamardOrder order,
                                      bool random_signs, std::uint64_t seed);

}  // namespace gyre
