// Fake quantization of groups (kernels/api.h). A chunk of groups at a time stays in the first-level cache:
// ranges first, then grids, then values, so that the divisions of neighbouring groups overlap.
#include <type_traits>

#include "kernels/cpu/fake_quant_simd.h"
#include "kernels/cpu/grid_simd.h"
#include "kernels/cpu/half_simd.h"

namespace gyre::kernels::GYRE_ISA {
namespace {

constexpr std::int64_t kMaxGroups = 128;

template <Grid G, class T>
inline __attribute__((always_inline)) void quantize_group(const T* x, T* out, std::uint8_t* codes,
                                                          std::int64_t n, const GroupGrid<T>& group) {
  const GroupGrid<T> grid = group;
  if (grid.scale != grid.scale) {
    if (out)
      for (std::int64_t i = 0; i < n; ++i) out[i] = grid.scale;
    if (codes)
      for (std::int64_t i = 0; i < n; ++i) codes[i] = 0;
    return;
  }
  if (codes) {
#pragma GCC ivdep
    for (std::int64_t i = 0; i < n; ++i)
      codes[i] = static_cast<std::uint8_t>(static_cast<int>(level<G>(x[i], grid) + grid.code_base));
  }
  if (out) {
    // In place or apart: either way no value depends on another.
#pragma GCC ivdep
    for (std::int64_t i = 0; i < n; ++i) out[i] = level_value<G>(level<G>(x[i], grid), grid);
  }
}

// kGroup: the group size where it is a common one, so that loops over a group have no tails; 0 for any.
template <Grid G, class T, class Io, std::int64_t kGroup>
void quantize_groups(const FakeQuantArgs& args, std::int64_t begin, std::int64_t end, T* scratch) {
  constexpr bool kConverts = !std::is_same_v<T, Io>;
  const std::int64_t n = kGroup > 0 ? kGroup : args.group;
  std::int64_t step = kFakeQuantChunk / n;
  step = step < 1 ? 1 : (step > kMaxGroups ? kMaxGroups : step);
  GroupGrid<T> grids[kMaxGroups];
  for (std::int64_t first = begin; first < end; first += step) {
    const std::int64_t count = end - first < step ? end - first : step;
    const Io* source = static_cast<const Io*>(args.x) + first * n;
    Io* target = args.out ? static_cast<Io*>(args.out) + first * n : nullptr;
    const T* x;
    T* out;
    if constexpr (kConverts) {
      to_float(source, scratch, count * n);
      x = scratch;
      out = target ? scratch : nullptr;
    } else {
      x = source;
      out = target;
    }
    for (std::int64_t g = 0; g < count; ++g) {
      const T p = args.ratio ? static_cast<T>(args.ratio[first + g]) : static_cast<T>(args.clip);
      grids[g] = make_grid<G, T>(find_range<G>(x + g * n, n), p, args.n_bits);
    }
    for (std::int64_t g = 0; g < count; ++g) {
      const bool broken = grids[g].scale != grids[g].scale;
      if (args.scale) static_cast<T*>(args.scale)[first + g] = grids[g].scale;
      if (args.zero) static_cast<T*>(args.zero)[first + g] = broken ? T(0) : grids[g].zero;
      quantize_group<G>(x + g * n, out ? out + g * n : nullptr,
                        args.codes ? args.codes + (first + g) * n : nullptr, n, grids[g]);
    }
    if constexpr (kConverts)
      if (target) from_float(scratch, target, count * n);
  }
}

template <Grid G, class T, class Io>
void with_group(const FakeQuantArgs& args, std::int64_t begin, std::int64_t end, void* scratch) {
  T* values = static_cast<T*>(scratch);
  if (args.group == 64 && sizeof(T) == 4) return quantize_groups<G, T, Io, 64>(args, begin, end, values);
  if (args.group == 128 && sizeof(T) == 4) return quantize_groups<G, T, Io, 128>(args, begin, end, values);
  quantize_groups<G, T, Io, 0>(args, begin, end, values);
}

template <Grid G>
void with_dtype(const FakeQuantArgs& args, std::int64_t begin, std::int64_t end, void* scratch) {
  switch (args.dtype) {
    case DType::kF32:
      return with_group<G, float, float>(args, begin, end, scratch);
    case DType::kF64:
      return with_group<G, double, double>(args, begin, end, scratch);
    case DType::kF16:
      return with_group<G, float, Half>(args, begin, end, scratch);
    case DType::kBF16:
      return with_group<G, float, BFloat>(args, begin, end, scratch);
  }
}

}  // namespace

void fake_quant_groups(const FakeQuantArgs& args, std::int64_t begin, std::int64_t end, void* scratch) {
  switch (args.grid) {
    case Grid::kSymmetric:
      return with_dtype<Grid::kSymmetric>(args, begin, end, scratch);
    case Grid::kInteger:
      return with_dtype<Grid::kInteger>(args, begin, end, scratch);
    case Grid::kReal:
      return with_dtype<Grid::kReal>(args, begin, end, scratch);
    case Grid::kNoZero:
      return with_dtype<Grid::kNoZero>(args, begin, end, scratch);
  }
}

}  // namespace gyre::kernels::GYRE_ISA
