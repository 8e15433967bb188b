#include "kernels/cpu/hadamard_reference.h"

#include <bit>
#include <new>
#include <type_traits>

#define GYRE_ISA reference
#include "kernels/cpu/half_simd.h"

namespace gyre::kernels {
namespace {

using reference::BFloat;
using reference::Half;

template <class T, class Io>
T load(Io x) {
  if constexpr (std::is_arithmetic_v<Io>) {
    return static_cast<T>(x);
  } else if constexpr (std::is_same_v<Io, Half>) {
    return static_cast<T>(reference::to_float(x));
  } else {
    return static_cast<T>(std::bit_cast<float>(std::uint32_t{x.bits} << 16));
  }
}

template <class Io, class T>
Io store(T x) {
  if constexpr (std::is_arithmetic_v<Io>) {
    return static_cast<Io>(x);
  } else if constexpr (std::is_same_v<Io, Half>) {
    return reference::from_float(static_cast<float>(x));
  } else {
    const auto single = static_cast<float>(x);
    BFloat y;
    reference::from_float(&single, &y, 1);
    return single == single ? y : BFloat{0x7fc0};
  }
}

// x S for Sylvester's S of order n, unscaled: strides 1, 2, 4, ...
template <class T>
void sylvester(T* x, std::int64_t n) {
  for (std::int64_t h = 1; h < n; h *= 2)
    for (std::int64_t i = 0; i < n; i += 2 * h)
      for (std::int64_t j = i; j < i + h; ++j) {
        const T a = x[j], b = x[j + h];
        x[j] = a + b;
        x[j + h] = a - b;
      }
}

int entry(const HadamardArgs& args, std::int64_t in, std::int64_t out) {
  return args.base_matrix[args.transposed ? out * args.base + in : in * args.base + out];
}

// The product with the base matrix over [base, columns], by definition.
template <class T>
void multiply_base(const HadamardArgs& args, const T* x, T* y, std::int64_t columns) {
  for (std::int64_t out = 0; out < args.base; ++out)
    for (std::int64_t j = 0; j < columns; ++j) {
      T sum = 0;
      for (std::int64_t in = 0; in < args.base; ++in)
        sum += entry(args, in, out) < 0 ? -x[in * columns + j] : x[in * columns + j];
      y[out * columns + j] = sum;
    }
}

// The same in the order of the SIMD variants: four inputs at a time give one of sixteen sums.
template <class T>
void multiply_base_by_fours(const HadamardArgs& args, const T* x, T* y, std::int64_t columns) {
  for (std::int64_t out = 0; out < args.base; ++out)
    for (std::int64_t j = 0; j < columns; ++j) {
      T sum = 0;
      for (std::int64_t in = 0; in < args.base; in += 4) {
        const auto value = [&](std::int64_t i) { return x[(in + i) * columns + j]; };
        const bool negative = entry(args, in, out) < 0;
        const auto differs = [&](std::int64_t i) { return (entry(args, in + i, out) < 0) != negative; };
        const T left = differs(1) ? value(0) - value(1) : value(0) + value(1);
        const T right = differs(2) == differs(3) ? value(2) + value(3) : value(2) - value(3);
        const T four = differs(2) ? left - right : left + right;
        sum = in == 0 ? (negative ? -four : four) : (negative ? sum - four : sum + four);
      }
      y[out * columns + j] = sum;
    }
}

template <class T, class Io>
void transform_block(const HadamardArgs& args, std::int64_t index, bool by_fours, bool symmetric,
                     T* scratch) {
  const std::int64_t n = args.block, columns = n / args.base;
  const std::int64_t column = index % (args.width / n) * n;
  const Io* x = static_cast<const Io*>(args.x) + index * n;
  Io* out = static_cast<Io*>(args.out) + index * n;
  const bool scatters = args.order && args.transposed && !symmetric;
  const bool gathers = args.order && !scatters;
  const T scale = static_cast<T>(args.scale);
  T* y = scratch;
  for (std::int64_t j = 0; j < n; ++j) {
    const T value = load<T>(x[j]);
    const bool flips = args.signs && !args.transposed && args.signs[column + j] < 0;
    y[scatters ? args.order[j] : j] = flips ? -value : value;
  }
  for (std::int64_t b = 0; b < args.base; ++b) sylvester(y + b * columns, columns);
  if (args.base > 1) {
    y = scratch + n;
    if (by_fours)
      multiply_base_by_fours(args, scratch, y, columns);
    else
      multiply_base(args, scratch, y, columns);
  }
  for (std::int64_t j = 0; j < n; ++j) {
    const T value = y[gathers ? args.order[j] : j] * scale;
    const bool flips = args.signs && args.transposed && args.signs[column + j] < 0;
    out[j] = store<Io>(flips ? -value : value);
  }
}

template <class T, class Io>
void transform(const HadamardArgs& args, std::int64_t begin, std::int64_t end, bool by_fours, void* scratch) {
  const bool symmetric = args.order && args.base == 1 && is_walsh_order(args.order, args.block);
  for (std::int64_t i = begin; i < end; ++i)
    transform_block<T, Io>(args, i, by_fours, symmetric, static_cast<T*>(scratch));
}

}  // namespace

bool hadamard_well_formed(const HadamardArgs& args) {
  return args.rows >= 0 && args.base >= 1 && args.block >= args.base && args.width > 0 &&
         args.width % args.block == 0 && args.block % args.base == 0 &&
         std::has_single_bit(static_cast<std::uint64_t>(args.block / args.base)) &&
         (args.base > 1) == (args.base_matrix != nullptr);
}

// The order is linear over exclusive or: its values at powers of two decide all others.
bool is_walsh_order(const std::int32_t* order, std::int64_t block) {
  if (!std::has_single_bit(static_cast<std::uint64_t>(block)) || order[0] != 0) return false;
  const std::int64_t top = block / 2;
  for (std::int64_t h = 1; h < block; h *= 2) {
    const std::int64_t bit = top / h;
    const auto expected = static_cast<std::int32_t>(bit | (2 * bit < block ? 2 * bit : 0));
    std::int32_t difference = order[h] ^ expected;
    for (std::int64_t j = 0; j < h; ++j) difference |= order[h + j] ^ order[j] ^ expected;
    if (difference != 0) return false;
  }
  return true;
}

int hadamard_reference(const HadamardArgs& args, void*) {
  const std::int64_t blocks = args.rows * (args.width / args.block);
  auto* scratch = new (std::nothrow) double[static_cast<std::size_t>(2 * args.block)];
  if (scratch == nullptr) return 1;
  switch (args.dtype) {
    case DType::kF32:
      transform<double, float>(args, 0, blocks, false, scratch);
      break;
    case DType::kF64:
      transform<double, double>(args, 0, blocks, false, scratch);
      break;
    case DType::kF16:
      transform<double, Half>(args, 0, blocks, false, scratch);
      break;
    case DType::kBF16:
      transform<double, BFloat>(args, 0, blocks, false, scratch);
      break;
  }
  delete[] scratch;
  return 0;
}

void hadamard_scalar_blocks(const HadamardArgs& args, std::int64_t begin, std::int64_t end, void* scratch) {
  const bool by_fours = args.base % 4 == 0;
  switch (args.dtype) {
    case DType::kF32:
      return transform<float, float>(args, begin, end, by_fours, scratch);
    case DType::kF64:
      return transform<double, double>(args, begin, end, by_fours, scratch);
    case DType::kF16:
      return transform<float, Half>(args, begin, end, by_fours, scratch);
    case DType::kBF16:
      return transform<float, BFloat>(args, begin, end, by_fours, scratch);
  }
}

}  // namespace gyre::kernels
