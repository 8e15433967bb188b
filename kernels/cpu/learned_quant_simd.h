// The entry points that learned_quant_simd.cpp compiles to, one set per instruction set: a range of groups.
#pragma once

#include "kernels/learned_quant.h"

namespace gyre::kernels {

#define GYRE_DECLARE_LEARNED_QUANT                                                                     \
  void group_range(const GroupRangeArgs& args, std::int64_t begin, std::int64_t end);                  \
  void level_quant(const LevelQuantArgs& args, std::int64_t begin, std::int64_t end);                  \
  void level_quant_backward(const LevelQuantBackwardArgs& args, std::int64_t begin, std::int64_t end); \
  void step_quant(const StepQuantArgs& args, std::int64_t begin, std::int64_t end);                    \
  void step_quant_backward(const StepQuantBackwardArgs& args, std::int64_t begin, std::int64_t end);
namespace avx512 {
GYRE_DECLARE_LEARNED_QUANT
}
namespace avx2 {
GYRE_DECLARE_LEARNED_QUANT
}
namespace scalar {
GYRE_DECLARE_LEARNED_QUANT
}
#undef GYRE_DECLARE_LEARNED_QUANT

}  // namespace gyre::kernels
