// The clip search of GPTQ's and QuaRot's w_clip: 80 ratios, error power 2.4 (or 2), both ends scaled. Errors
// are measured in units of the group's min-max scale, so that neither tiny nor huge groups leave float32's
// range.
#include <cstdint>
#include <cstring>

#include "kernels/cpu/fake_quant_simd.h"
#include "kernels/cpu/grid_simd.h"

namespace gyre::kernels::GYRE_ISA {
namespace {

// 16 lanes in vectors as wide as the instruction set has; sums add lane by lane in one order everywhere.
#if defined(__AVX512F__)
constexpr int kBytes = 64;
#elif defined(__AVX2__)
constexpr int kBytes = 32;
#else
constexpr int kBytes = 16;
#endif
constexpr int kLanes = 16, kPerVector = kBytes / 4, kVectors = kLanes / kPerVector;
constexpr std::int64_t kBlock = 256;  // errors between two looks at whether the best is still in reach
typedef float Floats __attribute__((vector_size(kBytes)));
typedef std::int32_t Ints __attribute__((vector_size(kBytes)));

struct Square {
  static inline __attribute__((always_inline)) Floats of(const Floats& d) { return d * d; }
};

// d^2.4 = d^2 * 2^(0.4 e) * m^0.4 for d = 2^e m, m in [1, 2). 0.4 e = n + f has f in {0, +-0.2, +-0.4}, where
// a quartic through those five points gives 2^f; m^0.4 is a polynomial with relative error 1.7e-7. d = 0
// gives 0.
struct Power24 {
  static inline __attribute__((always_inline)) Floats of(const Floats& d) {
    const Ints bits = (Ints)d;
    const Ints mantissa = (bits & 0x7fffff) | 0x3f800000;
    const Floats m = (Floats)mantissa;
    const Floats y = __builtin_convertvector((bits >> 23) - 127, Floats) * 0.4f;
    const Floats shifted = y + Float<float>::kRound;
    const Floats f = y - (shifted - Float<float>::kRound);
    Floats root = m * -0.0028717853128910065f + 0.031097332015633583f;
    root = root * m + -0.14586687088012695f;
    root = root * m + 0.391579806804657f;
    root = root * m + -0.687096357345581f;
    root = root * m + 1.0446463823318481f;
    root = root * m + 0.36851173639297485f;
    Floats two = f * 0.00964898057281971f + 0.05577129125595093f;
    two = two * f + 0.24022552371025085f;
    two = two * f + 0.693138599395752f;
    two = two * f + 1.0f;
    const Ints scaled = (Ints)two + ((Ints)shifted << 23);  // the low bits of shifted are n
    return d * d * root * (Floats)scaled;
  }
};

float sum_lanes(const Floats (&sums)[kVectors]) {
  float lanes[kLanes];
  std::memcpy(lanes, sums, sizeof lanes);
  for (int step = kLanes / 2; step > 0; step /= 2)
    for (int i = 0; i < step; ++i) lanes[i] += lanes[i + step];
  return lanes[0];
}

// Sum of term(d) over n errors, n a multiple of 16. Terms are not negative, so a partial sum at limit or
// above may stop.
template <class Term>
float sum_errors(const float* d, std::int64_t n, float limit) {
  Floats sums[kVectors] = {};
  for (std::int64_t i = 0; i < n;) {
    const std::int64_t stop = i + kBlock < n ? i + kBlock : n;
    for (; i < stop; i += kLanes)
      for (int k = 0; k < kVectors; ++k) {
        Floats v;
        std::memcpy(&v, d + i + k * kPerVector, sizeof v);
        sums[k] += Term::of(v);
      }
    if (stop < n && sum_lanes(sums) >= limit) break;
  }
  return sum_lanes(sums);
}

template <Grid G, class T, class Term>
float search_group(const T* x, std::int64_t n, int n_bits, float* errors) {
  const Range<T> range = find_range<G>(x, n);
  const T unit = make_grid<G>(range, T(1), n_bits).inverse;
  if (!range.finite || unit == T(0)) return 1.0f;
  const std::int64_t padded = (n + kLanes - 1) / kLanes * kLanes;
  for (std::int64_t i = n; i < padded; ++i) errors[i] = 0;
  float best = std::numeric_limits<float>::infinity(), best_ratio = 1.0f;
  for (int step = 0; step < 80; ++step) {
    const auto ratio = static_cast<float>(1 - step / 100.0);
    const GroupGrid<T> grid = make_grid<G>(range, static_cast<T>(ratio), n_bits);
#pragma GCC ivdep
    for (std::int64_t i = 0; i < n; ++i) {
      const T d = (level_value<G>(level<G>(x[i], grid), grid) - x[i]) * unit;
      errors[i] = static_cast<float>(d < T(0) ? -d : d);
    }
    const float sum = sum_errors<Term>(errors, padded, best);
    if (sum < best) {
      best = sum;
      best_ratio = ratio;
    }
  }
  return best_ratio;
}

template <Grid G, class T>
void search_groups(const ClipSearchArgs& args, std::int64_t begin, std::int64_t end, float* errors) {
  const std::int64_t n = args.group;
  for (std::int64_t g = begin; g < end; ++g) {
    const T* x = static_cast<const T*>(args.x) + g * n;
    args.ratio[g] = args.power == 2.0 ? search_group<G, T, Square>(x, n, args.n_bits, errors)
                                      : search_group<G, T, Power24>(x, n, args.n_bits, errors);
  }
}

template <Grid G>
void with_dtype(const ClipSearchArgs& args, std::int64_t begin, std::int64_t end, float* errors) {
  if (args.dtype == DType::kF64)
    search_groups<G, double>(args, begin, end, errors);
  else
    search_groups<G, float>(args, begin, end, errors);
}

}  // namespace

void clip_search_groups(const ClipSearchArgs& args, std::int64_t begin, std::int64_t end, void* scratch) {
  float* errors = static_cast<float*>(scratch);
  switch (args.grid) {
    case Grid::kSymmetric:
      return with_dtype<Grid::kSymmetric>(args, begin, end, errors);
    case Grid::kInteger:
      return with_dtype<Grid::kInteger>(args, begin, end, errors);
    case Grid::kReal:
      return with_dtype<Grid::kReal>(args, begin, end, errors);
    case Grid::kNoZero:
      return with_dtype<Grid::kNoZero>(args, begin, end, errors);
  }
}

}  // namespace gyre::kernels::GYRE_ISA
