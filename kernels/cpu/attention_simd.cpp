// One query block of causal attention: scores against a tile of packed keys, online softmax, weights times
// packed values. Both products are the same micro-kernel: kRows rows by two vectors of columns, held in
// registers.
#include "kernels/cpu/attention_simd.h"

#if defined(__AVX512BF16__)
#include <immintrin.h>
#endif

#include <cstring>
#include <type_traits>

#include "kernels/cpu/exp_simd.h"
#include "kernels/cpu/half_simd.h"

namespace gyre::kernels::GYRE_ISA {
namespace {

#if defined(__AVX512F__)
constexpr std::int64_t kWidth = 16, kRows = 8;
#elif defined(__AVX2__)
constexpr std::int64_t kWidth = 8, kRows = 4;
#else
constexpr std::int64_t kWidth = 4, kRows = 4;
#endif
constexpr std::int64_t kColumns = 2 * kWidth;
using Vector = float __attribute__((vector_size(kWidth * sizeof(float))));

// How a product consumes its operands: Element of the packed operands, kPair consecutive ones a step.
struct Single {
  using Element = float;
  static constexpr std::int64_t kPair = 1;
  static Vector load(const Element* b) {
    Vector v;
    std::memcpy(&v, b, sizeof v);
    return v;
  }
  static void multiply_add(Vector& sum, const Element* a, Vector b) { sum += b * *a; }
  static void store(const float* x, Element* y, std::int64_t n) {
    std::memcpy(y, x, static_cast<std::size_t>(n) * sizeof(float));
  }
};

#if defined(__AVX512BF16__)
struct Pairs {
  using Element = BFloat;
  static constexpr std::int64_t kPair = 2;
  static Vector load(const Element* b) {
    Vector v;
    std::memcpy(&v, b, sizeof v);
    return v;
  }
  static void multiply_add(Vector& sum, const Element* a, Vector b) {
    std::int32_t pair;
    std::memcpy(&pair, a, sizeof pair);
    sum = _mm512_dpbf16_ps(sum, (__m512bh)_mm512_set1_epi32(pair), (__m512bh)b);
  }
  static void store(const float* x, Element* y, std::int64_t n) { from_float(x, y, n); }
};
#endif

std::int64_t round_up(std::int64_t n, std::int64_t step) {
  return (n + step - 1) / step * step;
}

// c[r, j] (+)= sum over i of a[r, i] b[i, j] for kRows rows and kColumns columns. b holds kPair rows
// interleaved: element (i, j) at (i / kPair * b_stride + j) * kPair + i % kPair.
template <class Math>
void multiply(const typename Math::Element* a, std::int64_t a_stride, const typename Math::Element* b,
              std::int64_t b_stride, std::int64_t n, float* c, std::int64_t c_stride, bool accumulate) {
  constexpr auto kPair = Math::kPair;
  Vector sums[kRows][2];
  for (std::int64_t r = 0; r < kRows; ++r)
    for (std::int64_t j = 0; j < 2; ++j) {
      if (accumulate)
        std::memcpy(&sums[r][j], c + r * c_stride + j * kWidth, sizeof(Vector));
      else
        sums[r][j] = Vector{};
    }
  for (std::int64_t i = 0; i < n; i += kPair) {
    const auto* row = b + i * b_stride;
    const Vector left = Math::load(row), right = Math::load(row + kWidth * kPair);
    for (std::int64_t r = 0; r < kRows; ++r) {
      Math::multiply_add(sums[r][0], a + r * a_stride + i, left);
      Math::multiply_add(sums[r][1], a + r * a_stride + i, right);
    }
  }
  for (std::int64_t r = 0; r < kRows; ++r)
    for (std::int64_t j = 0; j < 2; ++j)
      std::memcpy(c + r * c_stride + j * kWidth, &sums[r][j], sizeof(Vector));
}

// Copies a row of the model's dtype; the same type is copied, others go through float32.
template <class Math, class Io>
void convert(const Io* x, typename Math::Element* y, float* buffer, std::int64_t n) {
  if constexpr (std::is_same_v<Io, typename Math::Element>) {
    std::memcpy(y, x, static_cast<std::size_t>(n) * sizeof(Io));
  } else {
    to_float(x, buffer, n);
    Math::store(buffer, y, n);
  }
}

// Sizes and parts of the scratch memory.
template <class Math>
struct Layout {
  explicit Layout(const AttentionArgs& args)
      : dim(args.dim), columns(round_up(args.dim, kColumns)), keys(round_up(args.length, kKeyTile)) {}
  std::int64_t dim, columns,
      keys;  // columns: dim padded to whole vectors; keys: length padded to whole tiles
  using Element = typename Math::Element;
  static std::int64_t aligned(std::int64_t bytes) { return round_up(bytes, 64); }
  std::int64_t key_bytes() const { return aligned(keys * dim * std::int64_t{sizeof(Element)}); }
  std::int64_t value_bytes() const { return aligned(keys * columns * std::int64_t{sizeof(Element)}); }
  std::int64_t scores_bytes() const { return aligned(kQueryBlock * kKeyTile * std::int64_t{sizeof(float)}); }
  std::int64_t weights_bytes() const {
    return aligned(kQueryBlock * kKeyTile * std::int64_t{sizeof(Element)});
  }
  std::int64_t sums_bytes() const { return aligned(kQueryBlock * columns * std::int64_t{sizeof(float)}); }
  std::int64_t queries_bytes() const { return aligned(kQueryBlock * dim * std::int64_t{sizeof(Element)}); }
  std::int64_t row_bytes() const { return aligned(columns * std::int64_t{sizeof(float)}); }
  std::int64_t thread_bytes() const {
    return scores_bytes() + weights_bytes() + sums_bytes() + queries_bytes() + row_bytes();
  }
};

// Keys in panels of kColumns: element (d, s) of panel p at ((p * dim / kPair + d / kPair) * kColumns + s) *
// kPair + d % kPair. Values: rows of `columns`, kPair rows interleaved. Padding is zero.
template <class Math, class Io>
void pack(const AttentionArgs& args, std::int64_t kv, void* keys, void* values) {
  using Element = typename Math::Element;
  constexpr auto kPair = Math::kPair;
  const Layout<Math> layout(args);
  auto* k_out = static_cast<Element*>(keys);
  auto* v_out = static_cast<Element*>(values);
  std::memset(keys, 0, static_cast<std::size_t>(layout.key_bytes()));
  std::memset(values, 0, static_cast<std::size_t>(layout.value_bytes()));
  const std::int64_t b = kv / args.kv_heads, g = kv % args.kv_heads;
  constexpr std::int64_t kMaxPiece = 64;
  Element row[kMaxPiece];
  float buffer[kMaxPiece];
  for (std::int64_t s = 0; s < args.length; ++s) {
    const auto offset = ((b * args.length + s) * args.kv_heads + g) * args.dim;
    for (std::int64_t first = 0; first < args.dim; first += kMaxPiece) {
      const std::int64_t n = args.dim - first < kMaxPiece ? args.dim - first : kMaxPiece;
      convert<Math>(static_cast<const Io*>(args.k) + offset + first, row, buffer, n);
      auto* panel = k_out + s / kColumns * kColumns * args.dim;
      for (std::int64_t i = 0; i < n; ++i) {
        const auto d = first + i;
        panel[(d / kPair * kColumns + s % kColumns) * kPair + d % kPair] = row[i];
      }
      convert<Math>(static_cast<const Io*>(args.v) + offset + first, row, buffer, n);
      for (std::int64_t i = 0; i < n; ++i)
        v_out[(s / kPair * layout.columns + first + i) * kPair + s % kPair] = row[i];
    }
  }
}

// The first `valid` scores of a row become weights exp(scale score - max), the rest 0. Updates the row's
// maximum and sum; returns the factor that its earlier sums shrink by.
template <class Math>
float soften(float* scores, typename Math::Element* weights, std::int64_t valid, std::int64_t width,
             float scale, float& max, float& sum) {
  constexpr std::int64_t kLanes = 16;
  float lanes[kLanes];
  for (float& lane : lanes) lane = scores[0];
  std::int64_t i = 0;
  for (; i + kLanes <= valid; i += kLanes)
    for (std::int64_t j = 0; j < kLanes; ++j) lanes[j] = scores[i + j] > lanes[j] ? scores[i + j] : lanes[j];
  for (; i < valid; ++i) lanes[0] = scores[i] > lanes[0] ? scores[i] : lanes[0];
  float top = lanes[0];
  for (const float lane : lanes) top = lane > top ? lane : top;
  const float before = max;
  max = top * scale > before ? top * scale : before;
  const float now = max;

#pragma GCC ivdep
  for (i = 0; i < valid; ++i) scores[i] = exp_of(scores[i] * scale - now);
  for (i = valid; i < width; ++i) scores[i] = 0;
  for (float& lane : lanes) lane = 0;
  for (i = 0; i < width; i += kLanes)
    for (std::int64_t j = 0; j < kLanes; ++j) lanes[j] += scores[i + j];
  float total = 0;
  for (const float lane : lanes) total += lane;
  if constexpr (!std::is_same_v<typename Math::Element, float>) Math::store(scores, weights, width);
  const float shrink = exp_of(before - now);
  sum = sum * shrink + total;
  return shrink;
}

template <class Math, class Io>
void attend(const AttentionArgs& args, std::int64_t head, std::int64_t block, const void* keys,
            const void* values, void* thread) {
  using Element = typename Math::Element;
  const Layout<Math> layout(args);
  auto* bytes = static_cast<char*>(thread);
  const auto part = [&](std::int64_t size) {
    char* begin = bytes;
    bytes += size;
    return static_cast<void*>(begin);
  };
  auto* scores = static_cast<float*>(part(layout.scores_bytes()));
  void* weights_part = part(layout.weights_bytes());
  auto* sums = static_cast<float*>(part(layout.sums_bytes()));
  auto* queries = static_cast<Element*>(part(layout.queries_bytes()));
  auto* row = static_cast<float*>(part(layout.row_bytes()));
  Element* weights;
  if constexpr (std::is_same_v<Element, float>)
    weights = scores;
  else
    weights = static_cast<Element*>(weights_part);

  const std::int64_t b = head / args.heads, h = head % args.heads, first = block * kQueryBlock;
  const std::int64_t rows = args.length - first < kQueryBlock ? args.length - first : kQueryBlock;
  const auto at = [&](std::int64_t r) { return ((b * args.length + first + r) * args.heads + h) * args.dim; };
  std::memset(queries, 0, static_cast<std::size_t>(layout.queries_bytes()));
  std::memset(sums, 0, static_cast<std::size_t>(layout.sums_bytes()));
  for (std::int64_t r = 0; r < rows; ++r)
    convert<Math>(static_cast<const Io*>(args.q) + at(r), queries + r * args.dim, row, args.dim);
  float max[kQueryBlock], sum[kQueryBlock];
  for (std::int64_t r = 0; r < kQueryBlock; ++r) max[r] = -__builtin_inff(), sum[r] = 0;

  const auto* k = static_cast<const Element*>(keys);
  const auto* v = static_cast<const Element*>(values);
  for (std::int64_t tile = 0; tile <= first; tile += kKeyTile) {
    const std::int64_t seen = first + kQueryBlock - tile;  // by the block's last query
    const std::int64_t width = seen < kKeyTile ? seen : kKeyTile;
    for (std::int64_t s = 0; s < width; s += kColumns)
      for (std::int64_t r = 0; r < kQueryBlock; r += kRows)
        multiply<Math>(queries + r * args.dim, args.dim, k + (tile + s) * args.dim, kColumns, args.dim,
                       scores + r * kKeyTile + s, kKeyTile, false);
    for (std::int64_t r = 0; r < kQueryBlock; ++r) {
      const std::int64_t mine = first + r + 1 - tile;
      const float shrink = soften<Math>(scores + r * kKeyTile, weights + r * kKeyTile,
                                        mine < width ? mine : width, width, args.scale, max[r], sum[r]);
      if (shrink != 1.0f)
        for (std::int64_t d = 0; d < layout.columns; ++d) sums[r * layout.columns + d] *= shrink;
    }
    for (std::int64_t d = 0; d < layout.columns; d += kColumns)
      for (std::int64_t r = 0; r < kQueryBlock; r += kRows)
        multiply<Math>(weights + r * kKeyTile, kKeyTile, v + tile * layout.columns + d * Math::kPair,
                       layout.columns, width, sums + r * layout.columns + d, layout.columns, true);
  }
  for (std::int64_t r = 0; r < rows; ++r) {
    const float inverse = 1.0f / sum[r];
    for (std::int64_t d = 0; d < args.dim; ++d) row[d] = sums[r * layout.columns + d] * inverse;
    Io* out = static_cast<Io*>(args.out) + at(r);
    if constexpr (std::is_same_v<Io, float>)
      std::memcpy(out, row, static_cast<std::size_t>(args.dim) * sizeof(float));
    else
      from_float(row, out, args.dim);
  }
}

}  // namespace

#if defined(__AVX512BF16__)
using Math = Pairs;
#else
using Math = Single;
#endif

AttentionScratch attention_scratch(const AttentionArgs& args) {
  const Layout<Math> layout(args);
  return {layout.key_bytes(), layout.value_bytes(), layout.thread_bytes()};
}

#if defined(__AVX512BF16__)
void attention_pack(const AttentionArgs& args, std::int64_t kv, void* keys, void* values) {
  pack<Math, BFloat>(args, kv, keys, values);
}
void attention_block(const AttentionArgs& args, std::int64_t head, std::int64_t block, const void* keys,
                     const void* values, void* thread) {
  attend<Math, BFloat>(args, head, block, keys, values, thread);
}
#else
#define GYRE_BY_DTYPE(function, ...)              \
  switch (args.dtype) {                           \
    case DType::kF32:                             \
      return function<Math, float>(__VA_ARGS__);  \
    case DType::kF16:                             \
      return function<Math, Half>(__VA_ARGS__);   \
    case DType::kBF16:                            \
      return function<Math, BFloat>(__VA_ARGS__); \
    case DType::kF64:                             \
      return;                                     \
  }
void attention_pack(const AttentionArgs& args, std::int64_t kv, void* keys, void* values) {
  GYRE_BY_DTYPE(pack, args, kv, keys, values)
}
void attention_block(const AttentionArgs& args, std::int64_t head, std::int64_t block, const void* keys,
                     const void* values, void* thread) {
  GYRE_BY_DTYPE(attend, args, head, block, keys, values, thread)
}
#endif

}  // namespace gyre::kernels::GYRE_ISA
