// The entry points that llama_simd.cpp compiles to, one set per instruction set: a range of rows (of values
// for silu_multiply) each.
#pragma once

#include "kernels/llama.h"

namespace gyre::kernels {

// Values that silu_multiply works on at once: 8 KiB of float32.
inline constexpr std::int64_t kSiluChunk = 2048;

// scratch: at least 2 * row width floats (3 * kSiluChunk for silu_multiply), aligned to 64 bytes.
#define GYRE_DECLARE_LLAMA                                                                                \
  void rms_norm(const RmsNormArgs& args, std::int64_t begin, std::int64_t end, float* scratch);           \
  void silu_multiply(const SiluMultiplyArgs& args, std::int64_t begin, std::int64_t end, float* scratch); \
  void apply_rope(const RopeArgs& args, std::int64_t begin, std::int64_t end, float* scratch);            \
  void accumulate_log_sum_exp(const LogSumExpArgs& args, std::int64_t begin, std::int64_t end,            \
                              float* scratch);
namespace avx512 {
GYRE_DECLARE_LLAMA
}
namespace avx2 {
GYRE_DECLARE_LLAMA
}
namespace scalar {
GYRE_DECLARE_LLAMA
}
#undef GYRE_DECLARE_LLAMA

}  // namespace gyre::kernels
