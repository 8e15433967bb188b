// Fake quantization with given levels or steps (kernels/learned_quant.h). A piece of a group stays in the
// first-level cache while a loop over the levels passes over it; every inner loop is over values, without
// branches.
#include "kernels/cpu/learned_quant_simd.h"

#include <type_traits>

#include "kernels/cpu/grid_simd.h"

namespace gyre::kernels::GYRE_ISA {
namespace {

constexpr std::int64_t kPiece = 512;

// Calls run with a float or a double, as the dtype says.
template <class Run>
void with_type(DType dtype, Run run) {
  if (dtype == DType::kF64)
    run(double{});
  else
    run(float{});
}

template <class T>
T midpoint(const T* knots, int k) {
  return (knots[k] + knots[k + 1]) * T(0.5);
}

// codes[i]: midpoints of the knots that are <= x[i].
template <class T, class Int>
void count_midpoints(const T* x, std::int64_t n, const T* knots, int n_levels, Int* codes) {
  for (std::int64_t i = 0; i < n; ++i) codes[i] = 0;
  for (int k = 0; k + 1 < n_levels; ++k) {
    const T boundary = midpoint(knots, k);
    for (std::int64_t i = 0; i < n; ++i) codes[i] += x[i] >= boundary ? Int(1) : Int(0);
  }
}

template <class T>
void pick_levels(const T* x, std::int64_t n, const T* knots, const T* levels, int n_levels, T* out) {
  T value[kPiece];  // x and out may be the same
  for (std::int64_t i = 0; i < n; ++i) value[i] = levels[0];
  for (int k = 0; k + 1 < n_levels; ++k) {
    const T boundary = midpoint(knots, k), level = levels[k + 1];
    for (std::int64_t i = 0; i < n; ++i) value[i] = x[i] >= boundary ? level : value[i];
  }
  for (std::int64_t i = 0; i < n; ++i) out[i] = value[i];
}

template <class T, class Int>
T sum_of_code(const T* g, const Int* codes, std::int64_t n, Int code) {
  T sum = 0;
#pragma omp simd reduction(+ : sum)
  for (std::int64_t i = 0; i < n; ++i) sum += codes[i] == code ? g[i] : T(0);
  return sum;
}

// The sums of g and of g (x - left) over left < x < right; with kClosed also over x == left.
template <bool kClosed, class T>
void segment_sums(const T* x, const T* g, std::int64_t n, T left, T right, T& plain, T& weighted) {
  T a = 0, b = 0;
#pragma omp simd reduction(+ : a, b)
  for (std::int64_t i = 0; i < n; ++i) {
    const bool in = (kClosed ? x[i] >= left : x[i] > left) & (x[i] < right);
    const T v = in ? g[i] : T(0);
    a += v;
    b += v * (x[i] - left);
  }
  plain = a;
  weighted = b;
}

template <class T>
void subtract_hats(const T* x, const T* g, std::int64_t n, const T* knots, int n_levels, T* grad_knots) {
  for (int k = 0; k + 1 < n_levels; ++k) {
    const T left = knots[k], right = knots[k + 1];
    if (!(right > left)) continue;
    T plain, weighted;
    if (k == 0)
      segment_sums<false>(x, g, n, left, right, plain, weighted);
    else
      segment_sums<true>(x, g, n, left, right, plain, weighted);
    const T to_right = weighted / (right - left);
    grad_knots[k] -= plain - to_right;
    grad_knots[k + 1] -= to_right;
  }
}

template <class T>
void mask_clipped(const T* x, const T* g, std::int64_t n, T lo, T hi, T* out) {
  const bool empty = lo == hi;
  for (std::int64_t i = 0; i < n; ++i) out[i] = ((x[i] > lo) & (x[i] < hi)) | empty ? g[i] : T(0);
}

// The grid of one group with a given step.
template <class T>
struct Steps {
  T step, inverse, lowest, last, low_edge, high_edge;
  Steps(const StepQuantArgs& args, std::int64_t g) {
    const T given = static_cast<const T*>(args.step)[g];
    step = given > T(0) || given != given ? given : T(0);
    // A step of 0 puts every other value than 0 beyond the outermost level.
    inverse = step > T(0) ? T(1) / step : std::numeric_limits<T>::max();
    lowest = static_cast<T>(args.lowest);
    last = static_cast<T>((1 << args.n_bits) - 1);
    low_edge = lowest - static_cast<T>(args.margin);
    high_edge = lowest + last + static_cast<T>(args.margin);
  }
  T code(T u) const {
    T t = u - lowest;
    t = t > T(0) ? t : T(0);
    t = t < last ? t : last;
    return round_even(t);
  }
};

}  // namespace

void group_range(const GroupRangeArgs& args, std::int64_t begin, std::int64_t end) {
  with_type(args.dtype, [&](auto zero) {
    using T = decltype(zero);
    for (std::int64_t g = begin; g < end; ++g) {
      // The grid that finds the plain range.
      const auto range = find_range<Grid::kReal>(static_cast<const T*>(args.x) + g * args.group, args.group);
      const T nan = std::numeric_limits<T>::quiet_NaN();
      static_cast<T*>(args.lo)[g] = range.finite ? range.lo : nan;
      static_cast<T*>(args.hi)[g] = range.finite ? range.hi : nan;
    }
  });
}

void level_quant(const LevelQuantArgs& args, std::int64_t begin, std::int64_t end) {
  with_type(args.dtype, [&](auto zero) {
    using T = decltype(zero);
    std::uint8_t codes[kPiece];
    for (std::int64_t g = begin; g < end; ++g) {
      const T* knots = static_cast<const T*>(args.knots) + g * args.n_levels;
      const T* levels = static_cast<const T*>(args.levels) + g * args.n_levels;
      for (std::int64_t first = 0; first < args.group; first += kPiece) {
        const auto n = args.group - first < kPiece ? args.group - first : kPiece;
        const auto at = g * args.group + first;
        const T* x = static_cast<const T*>(args.x) + at;
        if (args.codes) {
          count_midpoints(x, n, knots, args.n_levels, codes);
          for (std::int64_t i = 0; i < n; ++i) args.codes[at + i] = codes[i];
        }
        if (args.out) pick_levels(x, n, knots, levels, args.n_levels, static_cast<T*>(args.out) + at);
      }
    }
  });
}

void level_quant_backward(const LevelQuantBackwardArgs& args, std::int64_t begin, std::int64_t end) {
  const auto& f = args.forward;
  with_type(f.dtype, [&](auto zero) {
    using T = decltype(zero);
    using Int = typename Float<T>::Int;
    Int codes[kPiece];
    for (std::int64_t g = begin; g < end; ++g) {
      const T* knots = static_cast<const T*>(f.knots) + g * f.n_levels;
      T* grad_levels = static_cast<T*>(args.grad_levels) + g * f.n_levels;
      T* grad_knots = args.grad_knots ? static_cast<T*>(args.grad_knots) + g * f.n_levels : nullptr;
      for (int k = 0; k < f.n_levels; ++k) grad_levels[k] = T(0);
      for (int k = 0; grad_knots && k < f.n_levels; ++k) grad_knots[k] = T(0);
      for (std::int64_t first = 0; first < f.group; first += kPiece) {
        const auto n = f.group - first < kPiece ? f.group - first : kPiece;
        const auto at = g * f.group + first;
        const T* x = static_cast<const T*>(f.x) + at;
        const T* gradient = static_cast<const T*>(args.gradient) + at;
        count_midpoints(x, n, knots, f.n_levels, codes);
        for (int k = 0; k < f.n_levels; ++k)
          grad_levels[k] += sum_of_code(gradient, codes, n, static_cast<Int>(k));
        if (grad_knots) subtract_hats(x, gradient, n, knots, f.n_levels, grad_knots);
        mask_clipped(x, gradient, n, knots[0], knots[f.n_levels - 1], static_cast<T*>(args.grad_x) + at);
      }
    }
  });
}

void step_quant(const StepQuantArgs& args, std::int64_t begin, std::int64_t end) {
  with_type(args.dtype, [&](auto zero) {
    using T = decltype(zero);
    for (std::int64_t g = begin; g < end; ++g) {
      const auto at = g * args.group;
      const T* x = static_cast<const T*>(args.x) + at;
      T* out = args.out ? static_cast<T*>(args.out) + at : nullptr;
      Steps<T> s(args, g);
      const bool finite = find_range<Grid::kSymmetric>(x, args.group).finite && s.step == s.step;
      if (!finite) s.step = std::numeric_limits<T>::quiet_NaN();
      if (args.scale) static_cast<T*>(args.scale)[g] = s.step;
      if (args.codes)
        for (std::int64_t i = 0; i < args.group; ++i)
          args.codes[at + i] =
              finite ? static_cast<std::uint8_t>(static_cast<int>(s.code(x[i] * s.inverse))) : 0;
      if (out) {
#pragma GCC ivdep
        for (std::int64_t i = 0; i < args.group; ++i) out[i] = (s.code(x[i] * s.inverse) + s.lowest) * s.step;
      }
    }
  });
}

void step_quant_backward(const StepQuantBackwardArgs& args, std::int64_t begin, std::int64_t end) {
  const auto& f = args.forward;
  with_type(f.dtype, [&](auto zero) {
    using T = decltype(zero);
    for (std::int64_t g = begin; g < end; ++g) {
      const auto at = g * f.group;
      const T* x = static_cast<const T*>(f.x) + at;
      const T* gradient = static_cast<const T*>(args.gradient) + at;
      T* grad_x = static_cast<T*>(args.grad_x) + at;
      const Steps<T> s(f, g);
      T sum = 0;
#pragma omp simd reduction(+ : sum)
      for (std::int64_t i = 0; i < f.group; ++i) {
        const T u = x[i] * s.inverse;
        const bool inside = (u > s.low_edge) & (u < s.high_edge);
        sum += gradient[i] * (s.code(u) + s.lowest - (inside ? u : T(0)));
        grad_x[i] = inside ? gradient[i] : T(0);
      }
      static_cast<T*>(args.grad_step)[g] = sum;
    }
  });
}

}  // namespace gyre::kernels::GYRE_ISA
