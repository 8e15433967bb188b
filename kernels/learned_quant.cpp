// Threads over groups, the best instruction set.
#include "kernels/learned_quant.h"

#include "kernels/cpu/learned_quant_simd.h"
#include "kernels/cpu/ranges.h"
#include "kernels/cpu_features.h"

namespace gyre::kernels {
namespace {

// Below this much work a team of threads costs more than it saves (some 5 us).
constexpr std::int64_t kThreadedValues = 16384;

template <class Args>
using Process = void (*)(const Args&, std::int64_t, std::int64_t);

template <class Args>
int over_groups(const Args& args, std::int64_t groups, std::int64_t group, DType dtype, Process<Args> avx512,
                Process<Args> avx2, Process<Args> scalar) {
  if (dtype != DType::kF32 && dtype != DType::kF64) return 1;
  const auto process = cpu_has_avx512() ? avx512 : cpu_has_avx2() ? avx2 : scalar;
  return over_ranges(groups, groups * group >= kThreadedValues, [&](std::int64_t begin, std::int64_t end) {
    process(args, begin, end);
    return 0;
  });
}

template <class Args>
int over_groups(const Args& args, Process<Args> avx512, Process<Args> avx2, Process<Args> scalar) {
  if constexpr (requires { args.forward; })
    return over_groups(args, args.forward.groups, args.forward.group, args.forward.dtype, avx512, avx2,
                       scalar);
  else
    return over_groups(args, args.groups, args.group, args.dtype, avx512, avx2, scalar);
}

}  // namespace

int group_range(const GroupRangeArgs& args) {
  return over_groups(args, avx512::group_range, avx2::group_range, scalar::group_range);
}
int level_quant(const LevelQuantArgs& args) {
  return over_groups(args, avx512::level_quant, avx2::level_quant, scalar::level_quant);
}
int level_quant_backward(const LevelQuantBackwardArgs& args) {
  return over_groups(args, avx512::level_quant_backward, avx2::level_quant_backward,
                     scalar::level_quant_backward);
}
int step_quant(const StepQuantArgs& args) {
  return over_groups(args, avx512::step_quant, avx2::step_quant, scalar::step_quant);
}
int step_quant_backward(const StepQuantBackwardArgs& args) {
  return over_groups(args, avx512::step_quant_backward, avx2::step_quant_backward,
                     scalar::step_quant_backward);
}

}  // namespace gyre::kernels
