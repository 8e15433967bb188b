// The Hadamard transform of blocks (kernels/api.h): signs and foreign orders around the passes in registers.
#include "kernels/cpu/hadamard_simd.h"

#if defined(__AVX2__)

#include <type_traits>

#include "kernels/cpu/hadamard_base_simd.h"
#include "kernels/cpu/hadamard_order_simd.h"

namespace gyre::kernels::GYRE_ISA {
namespace {

// x times signs, as one exclusive or with the sign bit of its integer.
template <class Int>
void flip_bits(Int* x, const std::int8_t* signs, std::int64_t n) {
  constexpr auto kSign = static_cast<Int>(Int{1} << (8 * sizeof(Int) - 1));
#pragma GCC ivdep
  for (std::int64_t i = 0; i < n; ++i) x[i] = static_cast<Int>(x[i] ^ (signs[i] < 0 ? kSign : Int{0}));
}
using Int16 [[gnu::may_alias]] = std::uint16_t;
using Int32 [[gnu::may_alias]] = std::uint32_t;
using Int64 [[gnu::may_alias]] = std::uint64_t;
inline void flip(float* x, const std::int8_t* signs, std::int64_t n) {
  flip_bits(reinterpret_cast<Int32*>(x), signs, n);
}
inline void flip(double* x, const std::int8_t* signs, std::int64_t n) {
  flip_bits(reinterpret_cast<Int64*>(x), signs, n);
}
inline void flip(Half* x, const std::int8_t* signs, std::int64_t n) {
  flip_bits(reinterpret_cast<Int16*>(x), signs, n);
}
inline void flip(BFloat* x, const std::int8_t* signs, std::int64_t n) {
  flip_bits(reinterpret_cast<Int16*>(x), signs, n);
}

inline void copy(const float* x, float* y, std::int64_t n) {
  __builtin_memcpy(y, x, static_cast<std::size_t>(n) * 4);
}
inline void copy(const double* x, double* y, std::int64_t n) {
  __builtin_memcpy(y, x, static_cast<std::size_t>(n) * 8);
}
inline void copy(const Half* x, float* y, std::int64_t n) {
  to_float(x, y, n);
}
inline void copy(const BFloat* x, float* y, std::int64_t n) {
  to_float(x, y, n);
}

template <class T>
T* aligned(void* at) {
  return reinterpret_cast<T*>((reinterpret_cast<std::uintptr_t>(at) + 63) / 64 * 64);
}

template <class T, class Io>
class Transform {
 public:
  Transform(const HadamardArgs& args, const HadamardShared& shared, void* scratch)
      : args_(args),
        shared_(shared),
        n_(args.block),
        columns_(args.block / args.base),
        scatters_(args.order && args.transposed && !shared.walsh),
        gathers_(args.order && !scatters_),
        flips_(args.signs && args.transposed),
        scale_(Vec<T>::all(static_cast<T>(args.scale))),
        values_(static_cast<T*>(scratch)),
        second_(aligned<T>(values_ + n_)),
        sums_(aligned<T>(second_ + n_)) {
    constexpr std::int64_t kSquare = std::int64_t{Vec<T>::kLanes} * Vec<T>::kLanes;
    walsh_ = gathers_ && shared.walsh && n_ >= kSquare;
    // Stores of less than a cache line reach memory whole only while few lines are open.
    const bool narrow = sizeof(typename Vec<T>::V) * sizeof(Io) < 64 * sizeof(T);
    passes_ = plan_passes<T>(columns_, walsh_ ? Vec<T>::kLogLanes : 0,
                             shared.stream && narrow && args.base == 1 ? 3 : Vec<T>::kLogRegisters);
    const bool scattered = args.base > 1 || (walsh_ && passes_.count > 1);
#if defined(__AVX512F__)
    picks_ = gathers_ && !walsh_ && args.base == 1 && n_ <= 8 * Vec<T>::kLanes;
#endif
    apart_ = gathers_ && !walsh_ && !picks_;
    streams_ = shared.stream && (!narrow || !scattered || apart_);
  }

  void run(std::int64_t begin, std::int64_t end) const {
    const Io* x = static_cast<const Io*>(args_.x) + begin * n_;
    Io* out = static_cast<Io*>(args_.out) + begin * n_;
    if (!streams_) return blocks<Scaled<T, Io>>(x, out, begin, end);
    blocks<Streamed<T, Io>>(x, out, begin, end);
    _mm_sfence();
  }

 private:
  template <class Sink>
  void blocks(const Io* x, Io* out, std::int64_t begin, std::int64_t end) const {
    const bool prepares = scatters_ || (args_.signs && !args_.transposed);
    if (!prepares && args_.base == 1 && passes_.count == 1 && !apart_ && !flips_)
      return transform(x, Sink{out, scale_}, out, (end - begin) * n_);
    for (std::int64_t i = begin; i < end; ++i, x += n_, out += n_) {
      if (prepares)
        transform(prepared(x, i), Sink{out, scale_}, out, n_);
      else
        transform(x, Sink{out, scale_}, out, n_);
      if (flips_) flip(out, signs(i), n_);
    }
  }

  const std::int8_t* signs(std::int64_t block) const {
    return args_.signs + block % (args_.width / n_) * n_;
  }

  const T* prepared(const Io* x, std::int64_t block) const {
    if (!scatters_) {
      copy(x, second_, n_);
      flip(second_, signs(block), n_);
      return second_;
    }
    copy(x, values_, n_);
    for (std::int64_t j = 0; j < n_; ++j) second_[args_.order[j]] = values_[j];
    return second_;
  }

  // One block, or several where one pass does all. out: what the sink writes to.
  template <class In, class Sink>
  void transform(const In* x, const Sink& sink, Io* out, std::int64_t values) const {
    if (walsh_) {
      if (passes_.count == 1) return walsh_first_pass<T>(x, sink, values);
      const int last = passes_.count - 1;
      const std::int64_t part = last == 1 ? values : values >> passes_.bits[last];
      for (std::int64_t i = 0; i < values; i += part)
        inner_passes(passes_, last - 1, x + i, values_ + i, part);
      return walsh_last_pass<T>(values_, sink, values);
    }
#if defined(__AVX512F__)
    if (picks_) return ordered_first_pass<T>(passes_.bits[0], x, sink, values, args_.order);
#endif
    T* work = values_;
    // Where nothing is converted or moved, the block's own output serves as the intermediate.
    if constexpr (std::is_same_v<T, Io> && std::is_same_v<Sink, Scaled<T, Io>>)
      if (!apart_) work = out;
    if (args_.base == 1 && !apart_) return sylvester(passes_, x, work, sink, values);
    if (passes_.count == 1)
      sylvester(passes_, x, work, Keep<T>{work}, n_);
    else
      for (std::int64_t i = 0; i < n_; i += columns_)
        sylvester(passes_, x + i, work + i, Keep<T>{work + i}, columns_);
    if (args_.base > 1 && !apart_)
      return multiply_base(shared_.base_sums, args_.base, columns_, work, sink, sums_);
    if (args_.base > 1) multiply_base(shared_.base_sums, args_.base, columns_, work, Keep<T>{work}, sums_);
    for (std::int64_t j = 0; j < n_; ++j) second_[j] = work[args_.order[j]];
    for (std::int64_t j = 0; j < n_; j += Vec<T>::kLanes) sink.put(j, Vec<T>::load(second_ + j));
  }

  const HadamardArgs& args_;
  const HadamardShared& shared_;
  std::int64_t n_, columns_;
  bool scatters_, gathers_, flips_, walsh_ = false, picks_ = false;
  bool apart_;  // the order is applied by a pass of its own
  bool streams_;
  typename Vec<T>::V scale_;
  T* values_;
  T* second_;
  T* sums_;
  Passes passes_;
};

}  // namespace

void hadamard_blocks(const HadamardArgs& args, const HadamardShared& shared, std::int64_t begin,
                     std::int64_t end, void* scratch) {
  switch (args.dtype) {
    case DType::kF32:
      return Transform<float, float>(args, shared, scratch).run(begin, end);
    case DType::kF64:
      return Transform<double, double>(args, shared, scratch).run(begin, end);
    case DType::kF16:
      return Transform<float, Half>(args, shared, scratch).run(begin, end);
    case DType::kBF16:
      return Transform<float, BFloat>(args, shared, scratch).run(begin, end);
  }
}

}  // namespace gyre::kernels::GYRE_ISA

#endif
