// Hadamard transform of blocks of any order base * 2^k in shared memory, sequency order and signs included.
//
// One thread block transforms one block of values, or several short ones. A block that does not fit into
// shared memory is split over 2^q thread blocks: S(2^k) = S(2^q) (x) S(2^(k-q)), so part p of the result is
// the shorter transform of sum_t (-1)^popcount(t & p) x_t, where x_t is the t-th part of the input along the
// Sylvester index. Each part reads the whole block, so a split transform cannot work in place.
#include <algorithm>

#include "kernels/cuda/device.cuh"
#include "kernels/cuda/device_facts.h"
#include "kernels/cuda/variants.h"

namespace gyre::kernels::cuda {
namespace {

constexpr int kMaxSplit = 5;
constexpr int kTile = 8;            // rows of the base matrix that a thread multiplies at a time
constexpr int kShortBlocks = 1024;  // so many values at least are given to a thread block

struct SharedArgs {
  HadamardArgs of;
  std::int64_t blocks, blocks_per_row;
  int log2;      // k
  int split;     // q
  int together;  // blocks per thread block; 1 when split
};

// One gap in 32, or strides of powers of two would meet in one bank.
__host__ __device__ constexpr int padded(int i) {
  return i + i / 32;
}

// 2^R-point butterflies over the index bits [bit, bit + R) of all `size` values.
template <int R, class T>
__device__ void butterfly_pass(T* values, int size, int bit) {
  constexpr int kPoints = 1 << R;
  for (int e = threadIdx.x; e < size >> R; e += blockDim.x) {
    const int start = e >> bit << (bit + R) | (e & ((1 << bit) - 1));
    T v[kPoints];
#pragma unroll
    for (int i = 0; i < kPoints; ++i) v[i] = values[padded(start + (i << bit))];
#pragma unroll
    for (int stride = 1; stride < kPoints; stride *= 2) {
#pragma unroll
      for (int i = 0; i < kPoints; ++i) {
        if (i & stride) continue;
        const T a = v[i], b = v[i + stride];
        v[i] = a + b;
        v[i + stride] = a - b;
      }
    }
#pragma unroll
    for (int i = 0; i < kPoints; ++i) values[padded(start + (i << bit))] = v[i];
  }
  __syncthreads();
}

template <class T>
__device__ void sylvester(T* values, int size, int log2) {
  int bit = 0;
  for (; bit + 4 <= log2; bit += 4) butterfly_pass<4>(values, size, bit);
  if (log2 - bit == 3) butterfly_pass<3>(values, size, bit);
  if (log2 - bit == 2) butterfly_pass<2>(values, size, bit);
  if (log2 - bit == 1) butterfly_pass<1>(values, size, bit);
}

// values[r, s] of one block becomes sum_b values[b, s] B[b, r] (B[r, b] when transposed), some columns at a
// time.
template <class T>
__device__ void multiply_base(T* values, int offset, const SharedArgs& args, int log2) {
  const int base = static_cast<int>(args.of.base), columns = 1 << log2, tiles = (base + kTile - 1) / kTile;
  const int step_b = args.of.transposed ? 1 : base, step_r = args.of.transposed ? base : 1;
  const int at_once = min(columns, static_cast<int>(blockDim.x) / tiles);
  const int tile = threadIdx.x / at_once;
  for (int first = 0; first < columns; first += at_once) {
    const int column = first + threadIdx.x % at_once;
    const bool active = tile < tiles && column < columns;
    T sum[kTile] = {};
    if (active) {
      for (int b = 0; b < base; ++b) {
        const T value = values[padded(offset + (b << log2) + column)];
#pragma unroll
        for (int i = 0; i < kTile; ++i) {
          const int r = tile * kTile + i;
          if (r < base) sum[i] += __ldg(args.of.base_matrix + b * step_b + r * step_r) < 0 ? -value : value;
        }
      }
    }
    __syncthreads();
    if (active) {
#pragma unroll
      for (int i = 0; i < kTile; ++i) {
        const int r = tile * kTile + i;
        if (r < base) values[padded(offset + (r << log2) + column)] = sum[i];
      }
    }
  }
  __syncthreads();
}

template <class Io>
__global__ void __launch_bounds__(1024) hadamard_shared_kernel(SharedArgs args) {
  using T = Compute<Io>;
  extern __shared__ __align__(16) unsigned char shared_bytes[];
  T* values = reinterpret_cast<T*>(shared_bytes);
  const HadamardArgs& of = args.of;
  const int n = static_cast<int>(of.block), log2 = args.log2 - args.split, parts = 1 << args.split;
  const int part = blockIdx.x % parts;
  const std::int64_t first = static_cast<std::int64_t>(blockIdx.x / parts) * args.together;
  const int count = static_cast<int>(min(static_cast<std::int64_t>(args.together), args.blocks - first));
  const int size = args.together * static_cast<int>(of.base) << log2;
  const Io* x = static_cast<const Io*>(of.x) + first * n;
  Io* out = static_cast<Io*>(of.out) + first * n;

  // Where value i of a block lives: its part along the Sylvester index, and its place in that part.
  const auto part_of = [&](int i) { return (i & ((1 << args.log2) - 1)) >> log2; };
  const auto place_of = [&](int i) { return (i >> args.log2 << log2) | (i & ((1 << log2) - 1)); };
  const auto sign = [&](int g, int i) {
    return of.signs && of.signs[(first + g) % args.blocks_per_row * n + i] < 0 ? T(-1) : T(1);
  };

  for (int i = threadIdx.x; i < padded(size); i += blockDim.x) values[i] = 0;
  __syncthreads();
  for (int t = 0; t < parts; ++t) {
    const T weight = __popc(t & part) & 1 ? T(-1) : T(1);
    for (int j = threadIdx.x; j < count * n; j += blockDim.x) {
      const int g = j / n, in = j - g * n;
      const int i = of.order && of.transposed ? of.order[in] : in;
      if (part_of(i) != t) continue;
      const T value = load(x[j]) * weight * (of.transposed ? T(1) : sign(g, in));
      values[padded(g * (n >> args.split) + place_of(i))] += value;
    }
    __syncthreads();
  }

  sylvester(values, size, log2);
  if (of.base > 1)
    for (int g = 0; g < count; ++g) multiply_base(values, g * (n >> args.split), args, log2);

  const T scale = static_cast<T>(of.scale);
  for (int j = threadIdx.x; j < count * n; j += blockDim.x) {
    const int g = j / n, to = j - g * n;
    const int i = of.order && !of.transposed ? of.order[to] : to;
    if (part_of(i) != part) continue;
    T value = values[padded(g * (n >> args.split) + place_of(i))] * scale;
    if (of.transposed) value *= sign(g, to);
    store(value, out[j]);
  }
}

struct Plan {
  SharedArgs args;
  int threads = 0, bytes = 0;
  std::int64_t grid = 0;  // 0: not supported
};

Plan plan_for(const HadamardArgs& given) {
  Plan plan{{given, 0, 0, 0, 0, 1}};
  if (given.rows < 0 || given.base < 1 || given.block < given.base || given.block % given.base != 0 ||
      given.width <= 0 || given.width % given.block != 0 || given.block > 1 << 24 ||
      (given.base > 1) != (given.base_matrix != nullptr))
    return plan;
  const std::int64_t sylvester = given.block / given.base;
  if ((sylvester & (sylvester - 1)) != 0) return plan;
  auto& args = plan.args;
  while (std::int64_t{1} << args.log2 < sylvester) ++args.log2;
  args.blocks_per_row = given.width / given.block;
  args.blocks = given.rows * args.blocks_per_row;

  const int limit = device_facts().shared_bytes;
  if (limit == 0) return plan;
  const int value_bytes = given.dtype == DType::kF64 ? 8 : 4;
  const auto bytes = [&](std::int64_t values) {
    return static_cast<std::int64_t>(padded(static_cast<int>(values))) * value_bytes;
  };
  while (bytes(given.block >> args.split) > limit)
    if (++args.split > kMaxSplit || args.split > args.log2) return plan;
  if (args.split > 0 && given.x == given.out) return plan;
  if (args.split == 0 && given.block < kShortBlocks)
    args.together = static_cast<int>(kShortBlocks / given.block);

  const std::int64_t size = (given.block >> args.split) * args.together;
  const std::int64_t wanted = std::max(ceil_div(size, 16), ceil_div(given.base, kTile));
  if (wanted > 1024 && ceil_div(given.base, kTile) > 1024) return plan;
  plan.threads = static_cast<int>(std::min<std::int64_t>(1024, ceil_div(wanted, kWarp) * kWarp));
  plan.bytes = static_cast<int>(bytes(size));
  const std::int64_t grid = ceil_div(args.blocks, args.together) << args.split;
  plan.grid = grid <= kMaxGrid ? std::max<std::int64_t>(grid, 1) : 0;
  return plan;
}

}  // namespace

bool hadamard_shared_supports(const HadamardArgs& args) {
  return plan_for(args).grid > 0;
}

int hadamard_shared_launch(const HadamardArgs& args, void* stream) {
  if (args.rows == 0) return cudaSuccess;
  const Plan plan = plan_for(args);
  if (plan.grid == 0) return cudaErrorInvalidValue;
  return dispatch(args.dtype, [&](auto* io) -> int {
    const auto kernel = hadamard_shared_kernel<std::remove_pointer_t<decltype(io)>>;
    const cudaError_t status =
        cudaFuncSetAttribute(kernel, cudaFuncAttributeMaxDynamicSharedMemorySize, plan.bytes);
    if (status != cudaSuccess) return status;
    kernel<<<static_cast<unsigned>(plan.grid), plan.threads, plan.bytes, static_cast<cudaStream_t>(stream)>>>(
        plan.args);
    return cudaGetLastError();
  });
}

}  // namespace gyre::kernels::cuda
