// The tensor-core Hadamard kernels in the emulator, and what their results are compared with: float64
// butterflies.
#pragma once

#include <gtest/gtest.h>

#include <cmath>
#include <random>
#include <string>
#include <vector>

#define GYRE_CUDA_MACHINE "kernels/cuda_emulator.h"
#include "kernels/cuda/hadamard_dispatch.cuh"

namespace gyre::kernels::cuda {

using Bits = std::vector<std::uint16_t>;

inline float value_of(std::uint16_t bits, DType dtype) {
  return dtype == DType::kF16 ? emulator::half_to_float(bits) : emulator::bfloat_to_float(bits);
}
inline std::uint16_t bits_of(double v, DType dtype) {
  const auto f = static_cast<float>(v);
  return static_cast<std::uint16_t>(dtype == DType::kF16 ? emulator::half_from_float(f)
                                                         : emulator::bfloat_from_float(f));
}
inline Bits to_bits(const std::vector<double>& values, DType dtype) {
  Bits bits;
  for (const double v : values) bits.push_back(bits_of(v, dtype));
  return bits;
}

struct MmaCase {
  std::int64_t rows, blocks_per_row, base, sylvester;
  DType dtype;
  bool transposed = false, with_signs = false, with_order = false;
  double scale = 1;

  std::int64_t block() const { return base * sylvester; }
  std::int64_t width() const { return block() * blocks_per_row; }
  std::size_t size() const { return static_cast<std::size_t>(rows * width()); }
  std::string text() const {
    return "[" + std::to_string(rows) + ", " + std::to_string(blocks_per_row) + " x " + std::to_string(base) +
           " * " + std::to_string(sylvester) + "] " + (dtype == DType::kF16 ? "f16" : "bf16") +
           (transposed ? " transposed" : "") + (with_signs ? " signs" : "") + (with_order ? " order" : "");
  }
};

// What a case reads beside x; any matrix of +-1 will do as the dense factor, the definition does not need
// more.
struct MmaInputs {
  std::vector<std::int8_t> base, signs;
  std::vector<std::int32_t> order;
};
inline MmaInputs inputs_for(const MmaCase& c, unsigned seed) {
  std::mt19937 random(seed);
  const auto fill = [&](std::vector<std::int8_t>& v, std::int64_t n) {
    v.resize(static_cast<std::size_t>(n));
    for (auto& s : v) s = random() & 1 ? 1 : -1;
  };
  MmaInputs in;
  if (c.base > 1) fill(in.base, c.base * c.base);
  if (c.with_signs) fill(in.signs, c.width());
  if (c.with_order) {
    for (std::int32_t i = 0; i < c.block(); ++i) in.order.push_back(i);
    std::shuffle(in.order.begin(), in.order.end(), random);
  }
  return in;
}

inline HadamardArgs args_for(const MmaCase& c, const MmaInputs& in, const void* x, void* out) {
  return {x,
          out,
          c.rows,
          c.width(),
          c.block(),
          c.base,
          in.base.empty() ? nullptr : in.base.data(),
          in.order.empty() ? nullptr : in.order.data(),
          in.signs.empty() ? nullptr : in.signs.data(),
          c.scale,
          c.transposed,
          c.dtype};
}

// By kernels/api.h, in float64.
inline std::vector<double> by_definition(const MmaCase& c, const MmaInputs& in, const Bits& x) {
  const auto n = static_cast<std::size_t>(c.block()), s = static_cast<std::size_t>(c.sylvester),
             m = static_cast<std::size_t>(c.base), width = static_cast<std::size_t>(c.width());
  std::vector<double> out(x.size());
  for (std::size_t start = 0; start < x.size(); start += n) {
    std::vector<double> v(n), w(n);
    for (std::size_t i = 0; i < n; ++i) {
      const std::size_t to = c.transposed && !in.order.empty() ? static_cast<std::size_t>(in.order[i]) : i;
      const bool minus = !c.transposed && !in.signs.empty() && in.signs[(start + i) % width] < 0;
      v[to] = value_of(x[start + i], c.dtype) * (minus ? -1.0 : 1.0);
    }
    for (std::size_t stride = 1; stride < s; stride *= 2)
      for (std::size_t i = 0; i < n; ++i)
        if (!(i & stride) || s == 1) {
          const double a = v[i], b = v[i + stride];
          v[i] = a + b;
          v[i + stride] = a - b;
        }
    if (m == 1) w = v;
    for (std::size_t r = 0; m > 1 && r < m; ++r)
      for (std::size_t b = 0; b < m; ++b) {
        const bool minus = in.base[c.transposed ? r * m + b : b * m + r] < 0;
        for (std::size_t i = 0; i < s; ++i) w[r * s + i] += minus ? -v[b * s + i] : v[b * s + i];
      }
    for (std::size_t i = 0; i < n; ++i) {
      const std::size_t from = !c.transposed && !in.order.empty() ? static_cast<std::size_t>(in.order[i]) : i;
      const bool minus = c.transposed && !in.signs.empty() && in.signs[(start + i) % width] < 0;
      out[start + i] = w[from] * c.scale * (minus ? -1.0 : 1.0);
    }
  }
  return out;
}

constexpr DeviceFacts kHopper{90, 227 * 1024, 132};

// Runs the kernel that the plan names. plan.args may have been changed.
template <bool kQuantize>
void emulate(DType dtype, const MmaPlan& plan) {
  const auto visit = [&](auto body) {
    emulator::machine.launch(plan.grid, plan.threads, plan.shared_bytes,
                             [&](unsigned char* shared) { decltype(body)::run(plan.args, shared); });
    return 0;
  };
  if (dtype == DType::kF16)
    visit_kernel<F16, kQuantize>(plan, visit);
  else
    visit_kernel<BF16, kQuantize>(plan, visit);
}

// 16-byte aligned room for n values between guard zones that must stay as they are.
class Guarded {
 public:
  explicit Guarded(std::size_t n) : n_(n), room_(n + 2 * kGuard + 8, 0xabcd) {
    const auto address = reinterpret_cast<std::uintptr_t>(room_.data());
    first_ = kGuard + (16 - address % 16) % 16 / 2;
  }
  std::uint16_t* data() { return room_.data() + first_; }
  Bits values() const {
    return {room_.begin() + static_cast<std::ptrdiff_t>(first_),
            room_.begin() + static_cast<std::ptrdiff_t>(first_ + n_)};
  }
  bool untouched_outside() const {
    for (std::size_t i = 0; i < room_.size(); ++i)
      if ((i < first_ || i >= first_ + n_) && room_[i] != 0xabcd) return false;
    return true;
  }

 private:
  static constexpr std::size_t kGuard = 512;
  std::size_t n_, first_;
  Bits room_;
};

inline Bits transform(const MmaCase& c, const MmaInputs& in, const Bits& x,
                      const DeviceFacts& device = kHopper, bool in_place = false) {
  Guarded source(x.size()), out(x.size());
  std::copy(x.begin(), x.end(), source.data());
  void* to = in_place ? source.data() : out.data();
  const auto plan = plan_mma(args_for(c, in, source.data(), to), device);
  EXPECT_NE(plan.kernel, MmaKernel::kNone) << c.text();
  emulate<false>(c.dtype, plan);
  EXPECT_TRUE(out.untouched_outside() && source.untouched_outside()) << c.text();
  EXPECT_TRUE(in_place || source.values() == x) << c.text();
  return in_place ? source.values() : out.values();
}

inline std::vector<double> normal_values(std::size_t n, unsigned seed, double deviation = 1) {
  std::mt19937 random(seed);
  std::normal_distribution<double> normal(0, deviation);
  std::vector<double> values(n);
  for (auto& v : values) v = normal(random);
  return values;
}

// Every shape of kernel: order of the block as base and power of two.
inline std::vector<std::pair<std::int64_t, std::int64_t>> mma_orders() {
  std::vector<std::pair<std::int64_t, std::int64_t>> orders;
  for (std::int64_t n = 16; n <= 32768; n *= 2) orders.emplace_back(1, n);
  for (const std::int64_t base : {12, 20, 28, 36})
    for (const std::int64_t s : {64, 128, 256, 512}) orders.emplace_back(base, s);
  orders.emplace_back(28, 1024);
  orders.emplace_back(12, 2048);
  return orders;
}

}  // namespace gyre::kernels::cuda
