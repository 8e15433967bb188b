// The loops of kernels/llama.h, written so that the compiler vectorizes them: sums over kLanes partial sums.
#include "kernels/cpu/llama_simd.h"

#include <type_traits>

#include "kernels/cpu/exp_simd.h"
#include "kernels/cpu/half_simd.h"

namespace gyre::kernels::GYRE_ISA {
namespace {

constexpr std::int64_t kLanes = 16;

template <class Io>
const float* load(const Io* x, float* scratch, std::int64_t n) {
  if constexpr (std::is_same_v<Io, float>) {
    return x;
  } else {
    to_float(x, scratch, n);
    return scratch;
  }
}

float sum_lanes(const float* lanes) {
  float total = 0;
  for (std::int64_t i = 0; i < kLanes; ++i) total += lanes[i];
  return total;
}

template <class Io>
void rms_norm_rows(const RmsNormArgs& args, std::int64_t begin, std::int64_t end, float* scratch) {
  const std::int64_t n = args.width;
  float* row = scratch;
  float* other = scratch + n;
  for (std::int64_t r = begin; r < end; ++r) {
    Io* x = static_cast<Io*>(args.x) + r * n;
    const float* values = load(x, row, n);
    if (args.add) {
      const float* add = load(static_cast<const Io*>(args.add) + r * n, other, n);
      if constexpr (std::is_same_v<Io, float>) {
        for (std::int64_t i = 0; i < n; ++i) x[i] += add[i];
      } else {
        for (std::int64_t i = 0; i < n; ++i) row[i] += add[i];
        from_float(row, x, n);
        to_float(x, row, n);
      }
    }
    float lanes[kLanes] = {};
    std::int64_t i = 0;
    for (; i + kLanes <= n; i += kLanes)
      for (std::int64_t j = 0; j < kLanes; ++j) lanes[j] += values[i + j] * values[i + j];
    for (; i < n; ++i) lanes[0] += values[i] * values[i];
    const float scale = 1.0f / __builtin_sqrtf(sum_lanes(lanes) / static_cast<float>(n) + args.eps);
    Io* out = static_cast<Io*>(args.out) + r * n;
    float* target;
    if constexpr (std::is_same_v<Io, float>)
      target = out;
    else
      target = row;
    if (args.weight) {
      const float* weight = load(static_cast<const Io*>(args.weight), other, n);
#pragma GCC ivdep
      for (i = 0; i < n; ++i) target[i] = values[i] * scale * weight[i];
    } else {
#pragma GCC ivdep
      for (i = 0; i < n; ++i) target[i] = values[i] * scale;
    }
    if constexpr (!std::is_same_v<Io, float>) from_float(row, out, n);
  }
}

template <class Io>
void silu_multiply_values(const SiluMultiplyArgs& args, std::int64_t begin, std::int64_t end,
                          float* scratch) {
  for (std::int64_t first = begin; first < end; first += kSiluChunk) {
    const std::int64_t n = end - first < kSiluChunk ? end - first : kSiluChunk;
    const float* gate = load(static_cast<const Io*>(args.gate) + first, scratch, n);
    const float* up = load(static_cast<const Io*>(args.up) + first, scratch + kSiluChunk, n);
    Io* out = static_cast<Io*>(args.out) + first;
    float* target;
    if constexpr (std::is_same_v<Io, float>)
      target = out;
    else
      target = scratch + 2 * kSiluChunk;
#pragma GCC ivdep
    for (std::int64_t i = 0; i < n; ++i) {
      const float negative = -gate[i];
      target[i] = gate[i] / (1.0f + exp_of(negative > 88.0f ? 88.0f : negative)) * up[i];
    }
    if constexpr (!std::is_same_v<Io, float>) from_float(target, out, n);
  }
}

template <class Io>
void rope_rows(const RopeArgs& args, std::int64_t begin, std::int64_t end, float* scratch) {
  const std::int64_t half = args.half;
  for (std::int64_t r = begin; r < end; ++r) {
    const float* cos = args.cos + (r % args.positions) * half;
    const float* sin = args.sin + (r % args.positions) * half;
    for (std::int64_t h = 0; h < args.heads; ++h) {
      Io* x = static_cast<Io*>(args.x) + (r * args.heads + h) * 2 * half;
      float* a;
      if constexpr (std::is_same_v<Io, float>) {
        a = x;
      } else {
        to_float(x, scratch, 2 * half);
        a = scratch;
      }
      float* b = a + half;
#pragma GCC ivdep
      for (std::int64_t i = 0; i < half; ++i) {
        const float even = a[i], odd = b[i];
        a[i] = even * cos[i] - odd * sin[i];
        b[i] = odd * cos[i] + even * sin[i];
      }
      if constexpr (!std::is_same_v<Io, float>) from_float(scratch, x, 2 * half);
    }
  }
}

template <class Io>
void log_sum_exp_rows(const LogSumExpArgs& args, std::int64_t begin, std::int64_t end, float* scratch) {
  const std::int64_t n = args.width;
  for (std::int64_t r = begin; r < end; ++r) {
    const float* x = load(static_cast<const Io*>(args.logits) + r * n, scratch, n);
    float lanes[kLanes];
    for (float& lane : lanes) lane = args.max[r];
    std::int64_t i = 0;
    for (; i + kLanes <= n; i += kLanes)
      for (std::int64_t j = 0; j < kLanes; ++j) lanes[j] = x[i + j] > lanes[j] ? x[i + j] : lanes[j];
    for (; i < n; ++i) lanes[0] = x[i] > lanes[0] ? x[i] : lanes[0];
    float max = lanes[0];
    for (const float lane : lanes) max = lane > max ? lane : max;

    for (float& lane : lanes) lane = 0;
    for (i = 0; i + kLanes <= n; i += kLanes)
      for (std::int64_t j = 0; j < kLanes; ++j) lanes[j] += exp_of(x[i + j] - max);
    for (; i < n; ++i) lanes[0] += exp_of(x[i] - max);
    const float before = args.sum[r] > 0 ? args.sum[r] * exp_of(args.max[r] - max) : args.sum[r];
    args.sum[r] = before + sum_lanes(lanes);
    args.max[r] = max;
    const std::int64_t column = args.targets[r] - args.first;
    if (column >= 0 && column < n) args.picked[r] = x[column];
  }
}

}  // namespace

#define GYRE_BY_DTYPE(function)                           \
  switch (args.dtype) {                                   \
    case DType::kF32:                                     \
      return function<float>(args, begin, end, scratch);  \
    case DType::kF16:                                     \
      return function<Half>(args, begin, end, scratch);   \
    case DType::kBF16:                                    \
      return function<BFloat>(args, begin, end, scratch); \
    case DType::kF64:                                     \
      return;                                             \
  }

void rms_norm(const RmsNormArgs& args, std::int64_t begin, std::int64_t end, float* scratch) {
  GYRE_BY_DTYPE(rms_norm_rows)
}
void silu_multiply(const SiluMultiplyArgs& args, std::int64_t begin, std::int64_t end, float* scratch) {
  GYRE_BY_DTYPE(silu_multiply_values)
}
void apply_rope(const RopeArgs& args, std::int64_t begin, std::int64_t end, float* scratch) {
  GYRE_BY_DTYPE(rope_rows)
}
void accumulate_log_sum_exp(const LogSumExpArgs& args, std::int64_t begin, std::int64_t end, float* scratch) {
  GYRE_BY_DTYPE(log_sum_exp_rows)
}

}  // namespace gyre::kernels::GYRE_ISA
