// The entry points that fake_quant_simd.cpp and clip_search_simd.cpp compile to, one set per instruction set.
// Groups are numbered over the whole array: rows are contiguous and a group divides them.
#pragma once

#include "kernels/api.h"

namespace gyre::kernels {

// Values that are worked on at once while they lie in the first-level cache: 8 KiB of float32.
inline constexpr std::int64_t kFakeQuantChunk = 2048;

// Bytes of scratch that a thread needs: a chunk or a group, whichever is larger, in float64, padded to 16
// values.
inline std::int64_t fake_quant_scratch(std::int64_t group) {
  const std::int64_t values = group > kFakeQuantChunk ? group : kFakeQuantChunk;
  return (values + 16) * 8;
}

// scratch: fake_quant_scratch(group) bytes, aligned to 64.
#define GYRE_DECLARE_FAKE_QUANT                                                                           \
  void fake_quant_groups(const FakeQuantArgs& args, std::int64_t begin, std::int64_t end, void* scratch); \
  void clip_search_groups(const ClipSearchArgs& args, std::int64_t begin, std::int64_t end, void* scratch);
namespace avx512 {
GYRE_DECLARE_FAKE_QUANT
}
namespace avx2 {
GYRE_DECLARE_FAKE_QUANT
}
namespace scalar {
GYRE_DECLARE_FAKE_QUANT
}
#undef GYRE_DECLARE_FAKE_QUANT

}  // namespace gyre::kernels
