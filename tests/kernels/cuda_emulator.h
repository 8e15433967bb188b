// A GPU for tests: the instructions of kernels/cuda/machine.cuh in plain C++, so that the tensor-core
// kernels' own code runs lane by lane. Every thread of a block is a fiber; a collective waits until the warp
// or the block has arrived. Include it through GYRE_CUDA_MACHINE, before anything of kernels/cuda.
#pragma once

#include <ucontext.h>

#include <cmath>
#include <cstdint>
#include <cstring>
#include <functional>
#include <memory>
#include <vector>

#include "kernels/cuda/mma_layout.h"

#define GYRE_DEVICE inline
#define GYRE_UNROLL
#define GYRE_NO_UNROLL

namespace gyre::kernels::cuda {

using std::isfinite;
using std::rint;

struct alignas(16) Quad {
  Word w[4];
};
struct alignas(8) Duo {
  Word w[2];
};

namespace emulator {

// How a tensor core adds up: exactly with one rounding, or (as measured on real ones) with every term cut off
// below the largest one's 24th bit, which is the worst that a test has to expect.
enum class Sums { kExact, kTruncated };
inline Sums sums = Sums::kExact;

class Machine {
 public:
  // Runs body(shared) in every thread of every block, one block after another.
  void launch(std::int64_t grid, int threads, int shared_bytes,
              const std::function<void(unsigned char*)>& body) {
    grid_ = grid;
    threads_ = threads;
    body_ = &body;
    fibers_.resize(static_cast<std::size_t>(threads));
    for (auto& fiber : fibers_)
      if (!fiber.stack) fiber.stack = std::make_unique<unsigned char[]>(kStack);
    std::vector<std::uint64_t> shared(static_cast<std::size_t>(shared_bytes / 8 + 2));
    auto address = reinterpret_cast<std::uintptr_t>(shared.data());
    shared_ = reinterpret_cast<unsigned char*>((address + 15) / 16 * 16);
    for (block_ = 0; block_ < grid; ++block_) {
      std::memset(shared_, 0xff, static_cast<std::size_t>(shared_bytes));  // poison: NaN
      run_block();
    }
  }

  int thread() const { return current_; }
  int threads() const { return threads_; }
  std::int64_t block() const { return block_; }
  std::int64_t grid() const { return grid_; }

  void sync_block() { wait(block_barrier_, live_); }
  void sync_warp() { wait(warps_[warp()].barrier, warps_[warp()].live); }

  // Leaves words with the warp and returns those of all lanes; valid until the lane's next collective.
  template <int kWords>
  const Word (&exchange(const Word (&mine)[kWords]))[32][16] {
    static_assert(kWords <= 16);
    auto& state = warps_[warp()];
    auto& slot = state.slots[state.turn[static_cast<std::size_t>(current_ % 32)]++ % 2];
    std::memcpy(slot[current_ % 32], mine, sizeof mine);
    sync_warp();
    return slot;
  }

 private:
  static constexpr std::size_t kStack = 256 * 1024;
  struct Fiber {
    ucontext_t context;
    std::unique_ptr<unsigned char[]> stack;
    bool done = false;
  };
  struct Barrier {
    int arrived = 0;
    std::uint64_t generation = 0;
  };
  struct Warp {
    Barrier barrier;
    int live = 0;
    Word slots[2][32][16];
    std::size_t turn[32] = {};
  };

  std::size_t warp() const { return static_cast<std::size_t>(current_ / 32); }

  void wait(Barrier& barrier, const int& expected) {
    const auto generation = barrier.generation;
    ++barrier.arrived;
    while (barrier.generation == generation) {
      if (barrier.arrived >= expected) {
        barrier.arrived = 0;
        ++barrier.generation;
      } else {
        yield();
      }
    }
  }
  void yield() { swapcontext(&fibers_[static_cast<std::size_t>(current_)].context, &scheduler_); }

  static void enter();
  void run_block() {
    warps_.assign(static_cast<std::size_t>((threads_ + 31) / 32), Warp{});
    block_barrier_ = {};
    live_ = threads_;
    for (int t = 0; t < threads_; ++t) {
      auto& fiber = fibers_[static_cast<std::size_t>(t)];
      fiber.done = false;
      getcontext(&fiber.context);
      fiber.context.uc_stack.ss_sp = fiber.stack.get();
      fiber.context.uc_stack.ss_size = kStack;
      fiber.context.uc_link = &scheduler_;
      makecontext(&fiber.context, enter, 0);
      ++warps_[static_cast<std::size_t>(t / 32)].live;
    }
    while (live_ > 0)
      for (current_ = 0; current_ < threads_; ++current_)
        if (auto& fiber = fibers_[static_cast<std::size_t>(current_)]; !fiber.done)
          swapcontext(&scheduler_, &fiber.context);
  }

  std::int64_t grid_ = 0, block_ = 0;
  int threads_ = 0, current_ = 0, live_ = 0;
  const std::function<void(unsigned char*)>* body_ = nullptr;
  unsigned char* shared_ = nullptr;
  std::vector<Fiber> fibers_;
  std::vector<Warp> warps_;
  Barrier block_barrier_;
  ucontext_t scheduler_;
};

inline Machine machine;

inline void Machine::enter() {
  (*machine.body_)(machine.shared_);
  machine.fibers_[static_cast<std::size_t>(machine.current_)].done = true;
  --machine.live_;
  --machine.warps_[machine.warp()].live;
}

// All 65536 values of a 16-bit format: conversion by libgcc is slow.
inline const std::vector<float>& half_values() {
  static const std::vector<float> values = [] {
    std::vector<float> all(65536);
    for (std::size_t i = 0; i < all.size(); ++i) {
      const auto bits = static_cast<std::uint16_t>(i);
      _Float16 h;
      std::memcpy(&h, &bits, 2);
      all[i] = static_cast<float>(h);
    }
    return all;
  }();
  return values;
}
inline float half_to_float(Word bits) {
  return half_values()[bits];
}
inline Word half_from_float(float f) {
  const auto h = static_cast<_Float16>(f);
  std::uint16_t bits;
  std::memcpy(&bits, &h, 2);
  return bits;
}
inline float bfloat_to_float(Word bits) {
  const Word word = bits << 16;
  float f;
  std::memcpy(&f, &word, 4);
  return f;
}
inline Word bfloat_from_float(float f) {
  Word word;
  std::memcpy(&word, &f, 4);
  if (std::isnan(f)) return 0x7fff;
  return (word + 0x7fff + (word >> 16 & 1)) >> 16;
}

template <class F>
float to_float(Word bits);
template <>
inline float to_float<F16>(Word bits) {
  return half_to_float(bits & 0xffff);
}
template <>
inline float to_float<BF16>(Word bits) {
  return bfloat_to_float(bits & 0xffff);
}
template <class F>
Word from_float(float f);
template <>
inline Word from_float<F16>(float f) {
  return half_from_float(f);
}
template <>
inline Word from_float<BF16>(float f) {
  return bfloat_from_float(f);
}

// One element of D = A B + D.
inline float accumulate(const double (&terms)[17]) {
  double sum = 0, largest = 0;
  for (const double term : terms) largest = std::max(largest, std::abs(term));
  const bool truncate = sums == Sums::kTruncated && std::isfinite(largest) && largest > 0;
  const double unit = truncate ? std::ldexp(1.0, std::ilogb(largest) - 23) : 0;
  for (const double term : terms) sum += truncate ? std::trunc(term / unit) * unit : term;
  if (!truncate) return static_cast<float>(sum);
  const auto rounded = static_cast<float>(sum);
  return std::abs(rounded) > std::abs(sum) ? std::nextafter(rounded, 0.0f) : rounded;
}

}  // namespace emulator

GYRE_DEVICE int thread_index() {
  return emulator::machine.thread();
}
GYRE_DEVICE int thread_index_again() {
  return emulator::machine.thread();
}
GYRE_DEVICE int block_threads() {
  return emulator::machine.threads();
}
GYRE_DEVICE std::int64_t block_index() {
  return emulator::machine.block();
}
GYRE_DEVICE std::int64_t grid_blocks() {
  return emulator::machine.grid();
}
GYRE_DEVICE void sync_block() {
  emulator::machine.sync_block();
}
GYRE_DEVICE void sync_warp() {
  emulator::machine.sync_warp();
}
GYRE_DEVICE float as_float(Word w) {
  float f;
  std::memcpy(&f, &w, 4);
  return f;
}
GYRE_DEVICE Word as_word(float f) {
  Word w;
  std::memcpy(&w, &f, 4);
  return w;
}
GYRE_DEVICE Word shuffle_xor(Word v, int distance) {
  const auto& all = emulator::machine.exchange<1>({v});
  return all[(thread_index() ^ distance) % 32][0];
}
GYRE_DEVICE float shuffle_xor(float v, int distance) {
  return as_float(shuffle_xor(as_word(v), distance));
}
GYRE_DEVICE Word largest_in_warp(Word v) {
  const auto& all = emulator::machine.exchange<1>({v});
  Word most = 0;
  for (const auto& lane : all) most = std::max(most, lane[0]);
  return most;
}
GYRE_DEVICE bool any_lane(bool v) {
  return largest_in_warp(v ? 1 : 0) != 0;
}

// The fragments as PTX defines them, in words of its own: groupID = lane >> 2, threadID_in_group = lane % 4.
template <class F>
GYRE_DEVICE void multiply_add(float (&d)[4], const Word (&a)[4], Word b0, Word b1) {
  const auto& all = emulator::machine.exchange<6>({a[0], a[1], a[2], a[3], b0, b1});
  const int lane = thread_index() % 32;
  for (int i = 0; i < 4; ++i) {
    const int row = i < 2 ? lane >> 2 : (lane >> 2) + 8, column = (lane % 4) * 2 + (i & 1);
    double terms[17];
    for (int k = 0; k < 16; ++k) {
      // a0,a1: (group, k < 8); a2,a3: (group + 8, k < 8); a4,a5: (group, k >= 8); a6,a7: (group + 8, k >= 8).
      const int a_element = (k >= 8 ? 4 : 0) + (row >= 8 ? 2 : 0) + k % 2;
      const int b_element = (k >= 8 ? 2 : 0) + k % 2;
      const Word a_word = all[row % 8 * 4 + k % 8 / 2][a_element / 2];
      const Word b_word = all[column * 4 + k % 8 / 2][4 + b_element / 2];
      terms[k] = static_cast<double>(emulator::to_float<F>(a_word >> 16 * (k % 2))) *
                 static_cast<double>(emulator::to_float<F>(b_word >> 16 * (k % 2)));
    }
    terms[16] = d[i];
    d[i] = emulator::accumulate(terms);
  }
}

template <class F>
GYRE_DEVICE void multiply_tile(float (&d)[4], const Word (&a)[4], Word b0, Word b1) {
  d[0] = d[1] = d[2] = d[3] = 0;
  multiply_add<F>(d, a, b0, b1);
}

template <class F>
GYRE_DEVICE Word pack(float low, float high) {
  return emulator::from_float<F>(low) | emulator::from_float<F>(high) << 16;
}
template <class F>
GYRE_DEVICE float low_of(Word w) {
  return emulator::to_float<F>(w);
}
template <class F>
GYRE_DEVICE float high_of(Word w) {
  return emulator::to_float<F>(w >> 16);
}

namespace emulator {

template <class F, class Choose>
Word per_half(Word a, Word b, Choose choose) {
  return pack<F>(choose(low_of<F>(a), low_of<F>(b)), choose(high_of<F>(a), high_of<F>(b)));
}
inline float or_nan(float a, float b, float c) {
  return std::isnan(a) || std::isnan(b) ? std::nanf("") : c;
}

}  // namespace emulator

template <class F>
GYRE_DEVICE Word larger_magnitude(Word a, Word b) {
  return emulator::per_half<F>(
      a, b, [](float x, float y) { return emulator::or_nan(x, y, std::max(x, std::abs(y))); });
}
template <class F>
GYRE_DEVICE Word smaller(Word a, Word b) {
  return emulator::per_half<F>(a, b, [](float x, float y) { return emulator::or_nan(x, y, std::min(x, y)); });
}
template <class F>
GYRE_DEVICE Word larger(Word a, Word b) {
  return emulator::per_half<F>(a, b, [](float x, float y) { return emulator::or_nan(x, y, std::max(x, y)); });
}
GYRE_DEVICE Word without_nan(Word a) {
  const auto replace = [](float x) { return std::isnan(x) ? -65504.0f : x; };
  return pack<F16>(replace(low_of<F16>(a)), replace(high_of<F16>(a)));
}
template <class F>
GYRE_DEVICE Word multiply(Word a, Word b) {
  return emulator::per_half<F>(a, b, [](float x, float y) { return x * y; });
}

}  // namespace gyre::kernels::cuda
