// The Hadamard transform in plain loops, for every argument that is well formed.
#pragma once

#include "kernels/api.h"

namespace gyre::kernels {

// block = base * 2^k, base_matrix given exactly when base is above 1, width a multiple of block.
bool hadamard_well_formed(const HadamardArgs& args);

// Whether order is the Walsh order of 2^k rows, order[s] = bit-reversed Gray code of s. The matrix is
// symmetric then, so that transposed and forward are one computation.
bool is_walsh_order(const std::int32_t* order, std::int64_t block);

// Arithmetic in float64, rounded to the dtype (by way of float32 for 16 bits): the oracle.
int hadamard_reference(const HadamardArgs& args, void* stream);

// A range of blocks, numbered over the whole array, in the arithmetic and the order of operations that the
// SIMD variants have, so that it gives their bits. scratch: 2 * block values of the arithmetic's type.
void hadamard_scalar_blocks(const HadamardArgs& args, std::int64_t begin, std::int64_t end, void* scratch);

}  // namespace gyre::kernels
