// The instructions of a GPU that the tensor-core Hadamard kernels are written in. Tests put an emulator in
// its place (tests/kernels/cuda_emulator.h), so that the kernels' own code runs, lane by lane, where there is
// no GPU.
#pragma once

#include "kernels/cuda/mma_layout.h"

#ifdef GYRE_CUDA_MACHINE
#include GYRE_CUDA_MACHINE
#else

#include <cuda_runtime.h>

#define GYRE_DEVICE __device__ __forceinline__
#define GYRE_UNROLL _Pragma("unroll")
#define GYRE_NO_UNROLL _Pragma("unroll 1")

namespace gyre::kernels::cuda {

struct alignas(16) Quad {
  Word w[4];
};
struct alignas(8) Duo {
  Word w[2];
};

GYRE_DEVICE int thread_index() {
  return static_cast<int>(threadIdx.x);
}
// Read anew: what is computed from it is not kept in registers across a loop.
GYRE_DEVICE int thread_index_again() {
  int t;
  asm volatile("mov.u32 %0, %%tid.x;" : "=r"(t));
  return t;
}
GYRE_DEVICE int block_threads() {
  return static_cast<int>(blockDim.x);
}
GYRE_DEVICE std::int64_t block_index() {
  return blockIdx.x;
}
GYRE_DEVICE std::int64_t grid_blocks() {
  return gridDim.x;
}
GYRE_DEVICE void sync_block() {
  __syncthreads();
}
GYRE_DEVICE void sync_warp() {
  __syncwarp();
}
GYRE_DEVICE Word shuffle_xor(Word v, int distance) {
  return __shfl_xor_sync(0xffffffffu, v, distance);
}
GYRE_DEVICE float shuffle_xor(float v, int distance) {
  return __shfl_xor_sync(0xffffffffu, v, distance);
}
GYRE_DEVICE bool any_lane(bool v) {
  return __any_sync(0xffffffffu, v) != 0;
}
GYRE_DEVICE float as_float(Word w) {
  return __uint_as_float(w);
}
GYRE_DEVICE Word as_word(float f) {
  return __float_as_uint(f);
}

// From here on sm_80 is needed; kernels for sm_75 are empty.
GYRE_DEVICE Word largest_in_warp(Word v) {
  Word w;
  asm volatile("redux.sync.max.u32 %0, %1, 0xffffffff;" : "=r"(w) : "r"(v));
  return w;
}

// D = A B.
template <class F>
GYRE_DEVICE void multiply_tile(float (&d)[4], const Word (&a)[4], Word b0, Word b1);
template <>
GYRE_DEVICE void multiply_tile<F16>(float (&d)[4], const Word (&a)[4], Word b0, Word b1) {
  asm("mma.sync.aligned.m16n8k16.row.col.f32.f16.f16.f32 {%0,%1,%2,%3}, {%4,%5,%6,%7}, {%8,%9}, "
      "{%10,%10,%10,%10};"
      : "=f"(d[0]), "=f"(d[1]), "=f"(d[2]), "=f"(d[3])
      : "r"(a[0]), "r"(a[1]), "r"(a[2]), "r"(a[3]), "r"(b0), "r"(b1), "f"(0.0f));
}
template <>
GYRE_DEVICE void multiply_tile<BF16>(float (&d)[4], const Word (&a)[4], Word b0, Word b1) {
  asm("mma.sync.aligned.m16n8k16.row.col.f32.bf16.bf16.f32 {%0,%1,%2,%3}, {%4,%5,%6,%7}, {%8,%9}, "
      "{%10,%10,%10,%10};"
      : "=f"(d[0]), "=f"(d[1]), "=f"(d[2]), "=f"(d[3])
      : "r"(a[0]), "r"(a[1]), "r"(a[2]), "r"(a[3]), "r"(b0), "r"(b1), "f"(0.0f));
}

// D += A B.
template <class F>
GYRE_DEVICE void multiply_add(float (&d)[4], const Word (&a)[4], Word b0, Word b1);
template <>
GYRE_DEVICE void multiply_add<F16>(float (&d)[4], const Word (&a)[4], Word b0, Word b1) {
  asm("mma.sync.aligned.m16n8k16.row.col.f32.f16.f16.f32 {%0,%1,%2,%3}, {%4,%5,%6,%7}, {%8,%9}, "
      "{%0,%1,%2,%3};"
      : "+f"(d[0]), "+f"(d[1]), "+f"(d[2]), "+f"(d[3])
      : "r"(a[0]), "r"(a[1]), "r"(a[2]), "r"(a[3]), "r"(b0), "r"(b1));
}
template <>
GYRE_DEVICE void multiply_add<BF16>(float (&d)[4], const Word (&a)[4], Word b0, Word b1) {
  asm("mma.sync.aligned.m16n8k16.row.col.f32.bf16.bf16.f32 {%0,%1,%2,%3}, {%4,%5,%6,%7}, {%8,%9}, "
      "{%0,%1,%2,%3};"
      : "+f"(d[0]), "+f"(d[1]), "+f"(d[2]), "+f"(d[3])
      : "r"(a[0]), "r"(a[1]), "r"(a[2]), "r"(a[3]), "r"(b0), "r"(b1));
}

// Two float32, rounded to nearest even.
template <class F>
GYRE_DEVICE Word pack(float low, float high);
template <>
GYRE_DEVICE Word pack<F16>(float low, float high) {
  Word w;
  asm("cvt.rn.f16x2.f32 %0, %1, %2;" : "=r"(w) : "f"(high), "f"(low));
  return w;
}
template <>
GYRE_DEVICE Word pack<BF16>(float low, float high) {
  Word w;
  asm("cvt.rn.bf16x2.f32 %0, %1, %2;" : "=r"(w) : "f"(high), "f"(low));
  return w;
}

template <class F>
GYRE_DEVICE float low_of(Word w);
template <class F>
GYRE_DEVICE float high_of(Word w);
template <>
GYRE_DEVICE float low_of<F16>(Word w) {
  float f;
  asm("{.reg .f16 l, h; mov.b32 {l, h}, %1; cvt.f32.f16 %0, l;}" : "=f"(f) : "r"(w));
  return f;
}
template <>
GYRE_DEVICE float high_of<F16>(Word w) {
  float f;
  asm("{.reg .f16 l, h; mov.b32 {l, h}, %1; cvt.f32.f16 %0, h;}" : "=f"(f) : "r"(w));
  return f;
}
template <>
GYRE_DEVICE float low_of<BF16>(Word w) {
  return as_float(w << 16);
}
template <>
GYRE_DEVICE float high_of<BF16>(Word w) {
  return as_float(w & 0xffff0000u);
}

// The larger |value| of each half; NaN wins.
template <class F>
GYRE_DEVICE Word larger_magnitude(Word a, Word b);
template <>
GYRE_DEVICE Word larger_magnitude<F16>(Word a, Word b) {
  Word w;
  asm("{.reg .b32 t; abs.f16x2 t, %2; max.NaN.f16x2 %0, %1, t;}" : "=r"(w) : "r"(a), "r"(b));
  return w;
}
template <>
GYRE_DEVICE Word larger_magnitude<BF16>(Word a, Word b) {
  Word w;
  asm("{.reg .b32 t; abs.bf16x2 t, %2; max.NaN.bf16x2 %0, %1, t;}" : "=r"(w) : "r"(a), "r"(b));
  return w;
}

// Smaller and larger value of each half; NaN wins.
template <class F>
GYRE_DEVICE Word smaller(Word a, Word b);
template <class F>
GYRE_DEVICE Word larger(Word a, Word b);
template <>
GYRE_DEVICE Word smaller<F16>(Word a, Word b) {
  Word w;
  asm("min.NaN.f16x2 %0, %1, %2;" : "=r"(w) : "r"(a), "r"(b));
  return w;
}
template <>
GYRE_DEVICE Word larger<F16>(Word a, Word b) {
  Word w;
  asm("max.NaN.f16x2 %0, %1, %2;" : "=r"(w) : "r"(a), "r"(b));
  return w;
}
template <>
GYRE_DEVICE Word smaller<BF16>(Word a, Word b) {
  Word w;
  asm("min.NaN.bf16x2 %0, %1, %2;" : "=r"(w) : "r"(a), "r"(b));
  return w;
}
template <>
GYRE_DEVICE Word larger<BF16>(Word a, Word b) {
  Word w;
  asm("max.NaN.bf16x2 %0, %1, %2;" : "=r"(w) : "r"(a), "r"(b));
  return w;
}

// NaN becomes the most negative finite F16, other values stay.
GYRE_DEVICE Word without_nan(Word a) {
  Word w;
  asm("max.f16x2 %0, %1, %2;" : "=r"(w) : "r"(a), "r"(0xfbfffbffu));
  return w;
}

template <class F>
GYRE_DEVICE Word multiply(Word a, Word b);
template <>
GYRE_DEVICE Word multiply<F16>(Word a, Word b) {
  Word w;
  asm("mul.rn.f16x2 %0, %1, %2;" : "=r"(w) : "r"(a), "r"(b));
  return w;
}
template <>
GYRE_DEVICE Word multiply<BF16>(Word a, Word b) {
  Word w;  // a b + -0: bf16 has a product of its own only from sm_90 on
  asm("fma.rn.bf16x2 %0, %1, %2, %3;" : "=r"(w) : "r"(a), "r"(b), "r"(0x80008000u));
  return w;
}

}  // namespace gyre::kernels::cuda

#endif
