// What the CUDA kernels share: value types, 16-byte packs, dispatch on the dtype.
#pragma once

#include <cuda_bf16.h>
#include <cuda_fp16.h>
#include <cuda_runtime.h>

#include <cstdint>

#include "kernels/api.h"

namespace gyre::kernels::cuda {

constexpr int kWarp = 32;
constexpr unsigned kAllLanes = 0xffffffffu;

// Arithmetic is in float32 for everything but float64, as kernels/api.h says.
template <class Io>
struct Arithmetic {
  using Type = float;
};
template <>
struct Arithmetic<double> {
  using Type = double;
};
template <class Io>
using Compute = typename Arithmetic<Io>::Type;

__device__ inline float load(float x) {
  return x;
}
__device__ inline double load(double x) {
  return x;
}
__device__ inline float load(__half x) {
  return __half2float(x);
}
__device__ inline float load(__nv_bfloat16 x) {
  return __bfloat162float(x);
}
__device__ inline void store(float x, float& y) {
  y = x;
}
__device__ inline void store(double x, double& y) {
  y = x;
}
__device__ inline void store(float x, __half& y) {
  y = __float2half_rn(x);
}
__device__ inline void store(float x, __nv_bfloat16& y) {
  y = __float2bfloat16_rn(x);
}

// V neighbours that travel in one access.
template <class Io, int V>
struct alignas(sizeof(Io) * V) Pack {
  Io value[V];
};
template <class Io>
constexpr int kPackWidth = 16 / static_cast<int>(sizeof(Io));

inline bool aligned(const void* pointer, std::int64_t bytes) {
  return reinterpret_cast<std::uintptr_t>(pointer) % static_cast<std::uintptr_t>(bytes) == 0;
}

// Calls f with a null pointer of the dtype's type.
template <class F>
auto dispatch(DType dtype, F&& f) {
  switch (dtype) {
    case DType::kF64:
      return f(static_cast<double*>(nullptr));
    case DType::kF16:
      return f(static_cast<__half*>(nullptr));
    case DType::kBF16:
      return f(static_cast<__nv_bfloat16*>(nullptr));
    default:
      return f(static_cast<float*>(nullptr));
  }
}

constexpr std::int64_t ceil_div(std::int64_t a, std::int64_t b) {
  return (a + b - 1) / b;
}
constexpr std::int64_t kMaxGrid = 0x7fffffff;

}  // namespace gyre::kernels::cuda
