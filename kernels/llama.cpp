// Threads over rows, the best instruction set.
#include "kernels/llama.h"

#include <omp.h>

#include <new>

#include "kernels/cpu/llama_simd.h"
#include "kernels/cpu_features.h"

namespace gyre::kernels {
namespace {

constexpr std::align_val_t kAlign{64};

// Below this much work a team of threads costs more than it saves (some 5 us).
constexpr std::int64_t kThreadedValues = 16384;

template <class Args>
using Process = void (*)(const Args&, std::int64_t, std::int64_t, float*);

// items of `width` values each; every thread takes one contiguous range.
template <class Args>
int over_items(const Args& args, std::int64_t items, std::int64_t width, std::int64_t scratch_floats,
               Process<Args> wide, Process<Args> medium, Process<Args> narrow) {
  if (args.dtype == DType::kF64) return 1;
  const auto process = cpu_has_avx512() ? wide : cpu_has_avx2() ? medium : narrow;
  int failed = 0;
#pragma omp parallel if (items * width >= kThreadedValues) reduction(| : failed)
  {
    const std::int64_t threads = omp_get_num_threads(), thread = omp_get_thread_num();
    const std::int64_t begin = items * thread / threads, end = items * (thread + 1) / threads;
    void* scratch =
        ::operator new(static_cast<std::size_t>(scratch_floats) * sizeof(float), kAlign, std::nothrow);
    if (scratch == nullptr)
      failed = 1;
    else
      process(args, begin, end, static_cast<float*>(scratch));
    ::operator delete(scratch, kAlign);
  }
  return failed;
}

}  // namespace

int rms_norm(const RmsNormArgs& args) {
  return over_items(args, args.rows, args.width, 2 * args.width, avx512::rms_norm, avx2::rms_norm,
                    scalar::rms_norm);
}

int silu_multiply(const SiluMultiplyArgs& args) {
  return over_items(args, args.count, 1, 3 * kSiluChunk, avx512::silu_multiply, avx2::silu_multiply,
                    scalar::silu_multiply);
}

int apply_rope(const RopeArgs& args) {
  return over_items(args, args.rows, 2 * args.heads * args.half, 2 * args.half, avx512::apply_rope,
                    avx2::apply_rope, scalar::apply_rope);
}

int accumulate_log_sum_exp(const LogSumExpArgs& args) {
  return over_items(args, args.rows, args.width, args.width, avx512::accumulate_log_sum_exp,
                    avx2::accumulate_log_sum_exp, scalar::accumulate_log_sum_exp);
}

}  // namespace gyre::kernels
