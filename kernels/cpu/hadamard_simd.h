// The entry points that hadamard_simd.cpp compiles to, for the instruction sets that have one.
#pragma once

#include "kernels/api.h"

namespace gyre::kernels {

// What all threads of a launch share.
struct HadamardShared {
  // For output r of the base matrix and inputs 4g..4g+3 the number of their signed sum, [base, base / 4].
  const std::uint16_t* base_sums;
  bool walsh;   // order is the Walsh order
  bool stream;  // the output goes past the caches
};

// Bases above this go to the plain variants.
inline constexpr std::int64_t kMaxVectorBase = 4096;

// Whether vectors of so many bytes serve: 2^k at least a vector of the arithmetic's type, base 1 or a
// multiple of 4.
bool hadamard_fits_vectors(const HadamardArgs& args, std::int64_t vector_bytes);

// Fills in what is shared. memory: hadamard_base_sums_bytes, kept as long as the result. The sixteen signed
// sums of four inputs: number 8 n + 4 a + 2 b + c is (-1)^n (x0 + (-1)^a x1 + (-1)^b (x2 + (-1)^c x3)).
inline std::int64_t hadamard_base_sums_bytes(const HadamardArgs& args) {
  return args.base * (args.base / 4) * 2;
}
HadamardShared hadamard_shared(const HadamardArgs& args, bool stream, void* memory);

// A range of blocks, numbered over the whole array. scratch: hadamard_scratch bytes, aligned to 64. For
// stream, out and the bytes of a block are multiples of 64.
#define GYRE_DECLARE_HADAMARD                                                                      \
  void hadamard_blocks(const HadamardArgs& args, const HadamardShared& shared, std::int64_t begin, \
                       std::int64_t end, void* scratch);
namespace avx512 {
GYRE_DECLARE_HADAMARD
}
namespace avx2 {
GYRE_DECLARE_HADAMARD
}
#undef GYRE_DECLARE_HADAMARD

// Bytes: two blocks in the arithmetic's type and the sums of one column of vectors.
inline std::int64_t hadamard_scratch(const HadamardArgs& args) {
  return 2 * args.block * (args.dtype == DType::kF64 ? 8 : 4) + args.base / 4 * 16 * 64 + 256;
}

}  // namespace gyre::kernels
