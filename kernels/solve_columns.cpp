// Threads over tiles of rows, the best instruction set.
#include "kernels/solve_columns.h"

#include <omp.h>

#include <algorithm>
#include <new>

#include "kernels/cpu/solve_columns_simd.h"
#include "kernels/cpu_features.h"

namespace gyre::kernels {

int solve_columns(const SolveColumnsArgs& args) {
  if (args.dtype != DType::kF32 && args.dtype != DType::kF64) return 1;
  const auto process = cpu_has_avx512() ? avx512::solve_columns
                       : cpu_has_avx2() ? avx2::solve_columns
                                        : scalar::solve_columns;
  constexpr std::align_val_t kAlign{64};
  const std::int64_t tiles = (args.rows + kSolveTile - 1) / kSolveTile;
  int failed = 0;
#pragma omp parallel if (tiles > 1) reduction(| : failed)
  {
    const std::int64_t threads = omp_get_num_threads(), thread = omp_get_thread_num();
    const std::int64_t begin = tiles * thread / threads * kSolveTile;
    const std::int64_t end = std::min(tiles * (thread + 1) / threads * kSolveTile, args.rows);
    const auto bytes = static_cast<std::size_t>(args.columns * kSolveTile) * sizeof(double);
    void* scratch = begin < end ? ::operator new(bytes, kAlign, std::nothrow) : nullptr;
    if (scratch != nullptr)
      process(args, begin, end, static_cast<double*>(scratch));
    else if (begin < end)
      failed = 1;
    ::operator delete(scratch, kAlign);
  }
  return failed;
}

}  // namespace gyre::kernels
