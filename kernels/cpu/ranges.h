// Work divided into one contiguous range per thread.
#pragma once

#include <omp.h>

#include <cstdint>

namespace gyre::kernels {

// range(begin, end) over 0..items, nonzero where it fails; by this thread alone where there is too little
// work for a team. Returns nonzero when a range failed.
template <class Range>
int over_ranges(std::int64_t items, bool by_team, const Range& range) {
  if (!by_team || items <= 1) return range(std::int64_t{0}, items);
  int failed = 0;
#pragma omp parallel reduction(| : failed)
  {
    const std::int64_t threads = omp_get_num_threads(), thread = omp_get_thread_num();
    failed = range(items * thread / threads, items * (thread + 1) / threads);
  }
  return failed;
}

}  // namespace gyre::kernels
