// Row orders in registers, so that sequency costs no pass of its own: the Walsh order as a transposition of
// the last pass's vectors, and any order of a short block by picking from its vectors.
//
// Walsh: out[s] = y[i] with i = bit-reversed Gray code of s, so s = G(reversed i), where bit b of the inverse
// Gray code G(r) is the parity of r's bits from b up. Write i = (t, m, l): t the top bits, as many as the
// lane has, l those of the lane. Then s = (G(rev l), G(rev m) ^ p(l), G(rev t) ^ p(l) ^ p(m)), p the parity
// spread over all bits of its part: the vectors for all t, transposed, are whole vectors of the output, those
// with odd p(l) ^ p(m) reversed.
#pragma once

#include "kernels/cpu/hadamard_passes_simd.h"

namespace gyre::kernels::GYRE_ISA {

// For the numbers of 2^kBits lanes: the bit-reversed Gray code, and its inverse G(rev).
template <int kBits>
struct LaneOrder {
  int inverse[1 << kBits] = {}, gray[1 << kBits] = {};
  constexpr LaneOrder() {
    for (int i = 0; i < 1 << kBits; ++i) {
      int reversed = 0;
      for (int b = 0; b < kBits; ++b) reversed |= ((i ^ i >> 1) >> b & 1) << (kBits - 1 - b);
      gray[i] = reversed;
      inverse[reversed] = i;
    }
  }
};

// v[i][l] and v[l][i] trade places, one bit of i and l at a time.
template <class T, int kBit = 0>
inline __attribute__((always_inline)) void transpose(typename Vec<T>::V* v) {
  constexpr int h = 1 << kBit;
  constexpr auto kUpper = Vec<T>::upper(h);
  constexpr auto kLower = static_cast<typename Vec<T>::Mask>(((1 << Vec<T>::kLanes) - 1) ^ kUpper);
#pragma GCC unroll 16
  for (int i = 0; i < Vec<T>::kLanes; ++i) {
    if (i & h) continue;
    const auto a = v[i], b = v[i + h];
    v[i] = Vec<T>::template mix<h>(a, kUpper, b);
    v[i + h] = Vec<T>::template mix<h>(b, kLower, a);
  }
  if constexpr (kBit + 1 < Vec<T>::kLogLanes) transpose<T, kBit + 1>(v);
}

// Where the middle part m of the index goes, for m = 0, 1, 2, ...
class WalshMiddle {
 public:
  explicit WalshMiddle(int bits) : mask_((std::int64_t{1} << bits) - 1) {
    std::int64_t sum = 0;
    for (int b = 0; b < bits; ++b) steps_[b] = sum ^= (std::int64_t{2} << (bits - 1 - b)) - 1;  // G(rev 2^b)
  }
  std::int64_t place(int parity_of_lane) const { return parity_of_lane ? place_ ^ mask_ : place_; }
  bool odd() const { return std::popcount(static_cast<std::uint64_t>(m_)) % 2 != 0; }
  void next() {
    ++m_;
    if (m_ <= mask_) place_ ^= steps_[std::countr_zero(static_cast<std::uint64_t>(m_))];
  }

 private:
  std::int64_t mask_, m_ = 0, place_ = 0;
  std::int64_t steps_[48];
};

// One set of vectors v[t] for the middle part at hand, of a block of n values.
template <class T, class Sink>
inline __attribute__((always_inline)) void put_walsh(const typename Vec<T>::V* v, const WalshMiddle& middle,
                                                     std::int64_t n, const Sink& sink) {
  constexpr int kLanes = Vec<T>::kLanes;
  constexpr LaneOrder<Vec<T>::kLogLanes> kOrder;
  typename Vec<T>::V w[kLanes];
#pragma GCC unroll 16
  for (int u = 0; u < kLanes; ++u) w[u] = v[kOrder.gray[u]];
  transpose<T>(w);
  const auto straight = Vec<T>::straight(), reversed = Vec<T>::reversed();
  const auto even = middle.odd() ? reversed : straight, odd = middle.odd() ? straight : reversed;
  const std::int64_t place[2] = {middle.place(0) * kLanes, middle.place(1) * kLanes};
#pragma GCC unroll 16
  for (int l = 0; l < kLanes; ++l) {
    const int parity = std::popcount(static_cast<unsigned>(l)) % 2;
    sink.put(kOrder.inverse[l] * (n / kLanes) + place[parity], Vec<T>::pick(w[l], parity ? odd : even));
  }
}

// Blocks of lanes^2 values, `values` in all, in Walsh order.
template <class T, class In, class Sink>
void walsh_first_pass(const In* x, const Sink sink, std::int64_t values) {
  constexpr int kLanes = Vec<T>::kLanes, kBlock = kLanes * kLanes;
  const LaneSigns<T> signs;
  const WalshMiddle middle(0);
  for (std::int64_t i = 0; i < values; i += kBlock) {
    typename Vec<T>::V v[kLanes];
    first_vectors<Vec<T>::kLogLanes, T>(x + i, v, signs);
    put_walsh<T>(v, middle, kBlock, sink.at(i));
  }
}

// The last pass over a longer block. x and what the sink writes to are apart.
template <class T, class Sink>
void walsh_last_pass(const T* x, const Sink sink, std::int64_t n) {
  constexpr int kLanes = Vec<T>::kLanes;
  const std::int64_t stride = n / kLanes;
  const auto minus_one = opaque(Vec<T>::all(-1));
  WalshMiddle middle(std::countr_zero(static_cast<std::uint64_t>(stride)) - Vec<T>::kLogLanes);
  for (std::int64_t i = 0; i < stride; i += kLanes) {
    typename Vec<T>::V v[kLanes];
    later_vectors<Vec<T>::kLogLanes, T>(x + i, stride, v, minus_one);
    put_walsh<T>(v, middle, n, sink);
    middle.next();
  }
}

#if defined(__AVX512F__)

// Blocks of 2^kBits vectors, at most eight, in any order. in_pair: see pair_masks.
template <int kBits, class T, class In, class Sink>
void ordered_first_pass(const In* x, const Sink sink, std::int64_t values, const std::int32_t* order,
                        const typename Vec<T>::Mask* in_pair) {
  using V = typename Vec<T>::V;
  constexpr int kCount = 1 << kBits, kLanes = Vec<T>::kLanes, kPairs = kCount / 2;
  const LaneSigns<T> signs;
  for (std::int64_t i = 0; i < values; i += kCount * kLanes) {
    V v[kCount];
    first_vectors<kBits, T>(x + i, v, signs);
#pragma GCC unroll 8
    for (int k = 0; k < kCount; ++k) {
      const auto index = Vec<T>::load_index(order + k * kLanes);
      V picked;
      if constexpr (kCount == 1) {
        picked = Vec<T>::pick(v[0], index);
      } else {
        picked = Vec<T>::pick(v[0], v[1], index);
#pragma GCC unroll 4
        for (int p = 1; p < kPairs; ++p)
          picked =
              Vec<T>::blend(picked, in_pair[k * kPairs + p], Vec<T>::pick(v[2 * p], v[2 * p + 1], index));
      }
      sink.put(i + k * kLanes, picked);
    }
  }
}

// For output vector k and pair p of vectors: the lanes whose value lies in that pair, [2^bits, 2^bits / 2].
template <class T>
void pair_masks(const std::int32_t* order, int bits, typename Vec<T>::Mask* in_pair) {
  constexpr int kLanes = Vec<T>::kLanes;
  const int count = 1 << bits, pairs = count / 2;
  for (int k = 0; k < count; ++k)
    for (int p = 0; p < pairs; ++p) {
      unsigned mask = 0;
      for (int l = 0; l < kLanes; ++l) mask |= unsigned{order[k * kLanes + l] / (2 * kLanes) == p} << l;
      in_pair[k * pairs + p] = static_cast<typename Vec<T>::Mask>(mask);
    }
}

template <class T, class In, class Sink>
void ordered_first_pass(int bits, const In* x, const Sink& sink, std::int64_t values,
                        const std::int32_t* order) {
  typename Vec<T>::Mask in_pair[32];
  pair_masks<T>(order, bits, in_pair);
  switch (bits) {
    case 0:
      return ordered_first_pass<0, T>(x, sink, values, order, in_pair);
    case 1:
      return ordered_first_pass<1, T>(x, sink, values, order, in_pair);
    case 2:
      return ordered_first_pass<2, T>(x, sink, values, order, in_pair);
    case 3:
      return ordered_first_pass<3, T>(x, sink, values, order, in_pair);
  }
}

#endif

}  // namespace gyre::kernels::GYRE_ISA
