// Sylvester's part of a Hadamard transform in registers. The bits of an index are done in passes over the
// data, from the lowest: those of the lane and up to four more in the first pass, up to four (three with 16
// registers) in each later one, depth first, so that a pass finds its data in the nearest cache that holds
// it. Sums are thus made in the same order everywhere, and all instruction sets give the same bits.
#pragma once

#include <bit>

#include "kernels/cpu/hadamard_vec.h"

namespace gyre::kernels::GYRE_ISA {

// Bits of a vector's index in each pass over 2^k values.
struct Passes {
  int count;
  int bits[8];
};

// As even as possible, which gives every pass about the same work per byte. last: bits of the last pass, or 0
// for at most most_last.
template <class T>
Passes plan_passes(std::int64_t values, int last, int most_last) {
  const int log2 = std::countr_zero(static_cast<std::uint64_t>(values)) - Vec<T>::kLogLanes;
  const int rest = log2 - last;
  Passes passes{};
  passes.count = (rest + Vec<T>::kLogRegisters - 1) / Vec<T>::kLogRegisters;
  if (passes.count == 0 && last == 0) passes.count = 1;
  if (passes.count > 1 && last == 0 && rest / passes.count > most_last) ++passes.count;
  int left = rest;
  for (int i = 0; i < passes.count; ++i) {
    passes.bits[i] = (left + passes.count - i - 1) / (passes.count - i);
    left -= passes.bits[i];
  }
  if (last > 0) passes.bits[passes.count++] = last;
  return passes;
}

// Where a pass puts its results.
template <class T>
struct Keep {
  T* out;
  void put(std::int64_t i, typename Vec<T>::V v) const { Vec<T>::store(out + i, v); }
  Keep at(std::int64_t i) const { return {out + i}; }
};
template <class T, class Out>
struct Scaled {
  Out* out;
  typename Vec<T>::V scale;
  void put(std::int64_t i, typename Vec<T>::V v) const { Vec<T>::store(out + i, Vec<T>::mul(v, scale)); }
  Scaled at(std::int64_t i) const { return {out + i, scale}; }
};
// Past the caches, which would first fetch what is overwritten.
template <class T, class Out>
struct Streamed {
  Out* out;  // aligned to 64 bytes
  typename Vec<T>::V scale;
  void put(std::int64_t i, typename Vec<T>::V v) const { Vec<T>::stream(out + i, Vec<T>::mul(v, scale)); }
  Streamed at(std::int64_t i) const { return {out + i, scale}; }
};

template <class T>
struct LaneSigns {
  typename Vec<T>::V at[Vec<T>::kLogLanes];
  LaneSigns() {
    for (int bit = 0; bit < Vec<T>::kLogLanes; ++bit) at[bit] = opaque(Vec<T>::lane_signs(1 << bit));
  }
};

template <class T, int kBit = 0>
inline __attribute__((always_inline)) typename Vec<T>::V within(typename Vec<T>::V v,
                                                                const LaneSigns<T>& signs) {
  v = Vec<T>::muladd(v, signs.at[kBit], Vec<T>::template swap<1 << kBit>(v));
  if constexpr (kBit + 1 < Vec<T>::kLogLanes) return within<T, kBit + 1>(v, signs);
  return v;
}

// Differences by fused multiply-add (exact, so the same bits) where nothing else uses its ports.
template <class T, int kBits, bool kFused>
inline __attribute__((always_inline)) void across(typename Vec<T>::V* v, typename Vec<T>::V minus_one) {
#pragma GCC unroll 4
  for (int bit = 0; bit < kBits; ++bit) {
    const int h = 1 << bit;
#pragma GCC unroll 16
    for (int i = 0; i < (1 << kBits); ++i) {
      if (i & h) continue;
      const auto a = v[i], b = v[i + h];
      v[i] = Vec<T>::add(a, b);
      v[i + h] = kFused ? Vec<T>::muladd(b, minus_one, a) : Vec<T>::sub(a, b);
    }
  }
}

template <int kBits, class T, class In>
inline __attribute__((always_inline)) void first_vectors(const In* x, typename Vec<T>::V* v,
                                                         const LaneSigns<T>& signs) {
#pragma GCC unroll 16
  for (int k = 0; k < (1 << kBits); ++k) v[k] = within<T>(Vec<T>::load(x + k * Vec<T>::kLanes), signs);
  across<T, kBits, false>(v, signs.at[0]);
}

// The first pass over `values` consecutive values.
template <int kBits, class T, class In, class Sink>
void first_pass(const In* x, const Sink sink, std::int64_t values) {
  constexpr std::int64_t kLanes = Vec<T>::kLanes, kCount = 1 << kBits;
  const LaneSigns<T> signs;
  for (std::int64_t i = 0; i < values; i += kCount * kLanes) {
    typename Vec<T>::V v[kCount];
    first_vectors<kBits, T>(x + i, v, signs);
#pragma GCC unroll 16
    for (int k = 0; k < kCount; ++k) sink.put(i + k * kLanes, v[k]);
  }
}

template <int kBits, class T>
inline __attribute__((always_inline)) void later_vectors(const T* x, std::int64_t stride,
                                                         typename Vec<T>::V* v,
                                                         typename Vec<T>::V minus_one) {
#pragma GCC unroll 16
  for (int k = 0; k < (1 << kBits); ++k) v[k] = Vec<T>::load(x + k * stride);
  across<T, kBits, true>(v, minus_one);
}

// A later pass over 2^kBits * stride values.
template <int kBits, class T, class Sink>
void later_pass(const T* x, const Sink sink, std::int64_t stride) {
  constexpr int kCount = 1 << kBits;
  const auto minus_one = opaque(Vec<T>::all(-1));
  for (std::int64_t i = 0; i < stride; i += Vec<T>::kLanes) {
    typename Vec<T>::V v[kCount];
    later_vectors<kBits, T>(x + i, stride, v, minus_one);
#pragma GCC unroll 16
    for (int k = 0; k < kCount; ++k) sink.put(k * stride + i, v[k]);
  }
}

template <class T, class In, class Sink>
void first_pass(int bits, const In* x, const Sink& sink, std::int64_t values) {
  switch (bits) {
    case 0:
      return first_pass<0, T>(x, sink, values);
    case 1:
      return first_pass<1, T>(x, sink, values);
    case 2:
      return first_pass<2, T>(x, sink, values);
    case 3:
      return first_pass<3, T>(x, sink, values);
    case 4:
      if constexpr (Vec<T>::kLogRegisters == 4) first_pass<4, T>(x, sink, values);
  }
}

template <class T, class Sink>
void later_pass(int bits, const T* x, const Sink& sink, std::int64_t stride) {
  switch (bits) {
    case 1:
      return later_pass<1, T>(x, sink, stride);
    case 2:
      return later_pass<2, T>(x, sink, stride);
    case 3:
      return later_pass<3, T>(x, sink, stride);
    case 4:
      if constexpr (Vec<T>::kLogRegisters == 4) later_pass<4, T>(x, sink, stride);
  }
}

// Passes 0 to last over what they join, `values` long, x to work.
template <class T, class In>
void inner_passes(const Passes& passes, int last, const In* x, T* work, std::int64_t values) {
  const int bits = passes.bits[last];
  if (last == 0) return first_pass<T>(bits, x, Keep<T>{work}, values);
  const std::int64_t stride = values >> bits;
  // The first pass loops over its parts itself.
  const std::int64_t part = last == 1 ? values : stride;
  for (std::int64_t i = 0; i < values; i += part) inner_passes(passes, last - 1, x + i, work + i, part);
  later_pass<T>(bits, work, Keep<T>{work}, stride);
}

// x to the sink by way of work, which may be what the sink writes to.
template <class T, class In, class Sink>
void sylvester(const Passes& passes, const In* x, T* work, const Sink& sink, std::int64_t values) {
  const int last = passes.count - 1, bits = passes.bits[last];
  if (last == 0) return first_pass<T>(bits, x, sink, values);
  const std::int64_t stride = values >> bits;
  const std::int64_t part = last == 1 ? values : stride;
  for (std::int64_t i = 0; i < values; i += part) inner_passes(passes, last - 1, x + i, work + i, part);
  later_pass<T>(bits, work, sink, stride);
}

}  // namespace gyre::kernels::GYRE_ISA
