// Hadamard transform of short blocks (2^k in natural order) in the registers of one warp or a part of it: no
// shared memory, one read and one write of the data. Each lane holds kPacks packs of V neighbours; with V =
// 1, 32 or fewer lanes take a block. Value i of a block sits in pack (i / V) / lanes of lane (i / V) % lanes.
#include "kernels/cuda/device.cuh"
#include "kernels/cuda/variants.h"

namespace gyre::kernels::cuda {
namespace {

constexpr int kThreads = 256;
constexpr int kMaxPacks = 4;

struct WarpArgs {
  const void* x;
  void* out;
  std::int64_t blocks;          // in all rows
  std::int64_t blocks_per_row;  // for the signs
  int block, lanes;
  const std::int8_t* signs;
  double scale;
  bool transposed;
};

// Butterflies over one bit of a local array's index.
template <int kSize, class T>
__device__ void butterflies(T (&v)[kSize], int stride) {
#pragma unroll
  for (int i = 0; i < kSize; ++i) {
    if (i & stride) continue;
    const T a = v[i], b = v[i + stride];
    v[i] = a + b;
    v[i + stride] = a - b;
  }
}

template <class Io, int V, int kPacks>
__global__ void __launch_bounds__(kThreads) hadamard_warp_kernel(WarpArgs args) {
  using T = Compute<Io>;
  using Packed = Pack<Io, V>;
  const int lane = threadIdx.x % args.lanes;
  const std::int64_t index = (static_cast<std::int64_t>(blockIdx.x) * kThreads + threadIdx.x) / args.lanes;
  const bool active = index < args.blocks;  // all lanes take part in the shuffles
  const Packed* x = reinterpret_cast<const Packed*>(args.x) + index * (args.block / V);
  Packed* out = reinterpret_cast<Packed*>(args.out) + index * (args.block / V);
  const std::int8_t* signs = args.signs ? args.signs + index % args.blocks_per_row * args.block : nullptr;

  T v[kPacks * V];
#pragma unroll
  for (int p = 0; p < kPacks; ++p) {
    const int place = p * args.lanes + lane;
    Packed pack{};
    if (active) pack = x[place];
#pragma unroll
    for (int i = 0; i < V; ++i) {
      T value = load(pack.value[i]);
      if (active && signs && !args.transposed && signs[place * V + i] < 0) value = -value;
      v[p * V + i] = value;
    }
  }
#pragma unroll
  for (int stride = 1; stride < V; stride *= 2) butterflies(v, stride);
  for (int distance = 1; distance < args.lanes; distance *= 2) {
    const bool upper = lane & distance;
#pragma unroll
    for (int i = 0; i < kPacks * V; ++i) {
      const T other = __shfl_xor_sync(kAllLanes, v[i], distance);
      v[i] = upper ? other - v[i] : v[i] + other;
    }
  }
#pragma unroll
  for (int stride = V; stride < kPacks * V; stride *= 2) butterflies(v, stride);

  if (!active) return;
  const T scale = static_cast<T>(args.scale);
#pragma unroll
  for (int p = 0; p < kPacks; ++p) {
    const int place = p * args.lanes + lane;
    Packed pack;
#pragma unroll
    for (int i = 0; i < V; ++i) {
      T value = v[p * V + i] * scale;
      if (signs && args.transposed && signs[place * V + i] < 0) value = -value;
      store(value, pack.value[i]);
    }
    out[place] = pack;
  }
}

struct Shape {
  int width;  // V
  int lanes, packs;
};

template <class Io>
Shape shape_of(const HadamardArgs& args) {
  Shape shape{1, 0, 0};
  if (args.block >= kPackWidth<Io> && aligned(args.x, 16) && aligned(args.out, 16))
    shape.width = kPackWidth<Io>;
  const std::int64_t packs = args.block / shape.width;
  shape.lanes = static_cast<int>(packs < kWarp ? packs : kWarp);
  shape.packs = packs / shape.lanes <= kMaxPacks ? static_cast<int>(packs / shape.lanes) : 0;
  return shape;
}

template <class Io, int V>
cudaError_t launch(const WarpArgs& args, int packs, cudaStream_t stream) {
  const auto grid = static_cast<unsigned>(ceil_div(args.blocks, kThreads / args.lanes));
  switch (packs) {
    case 1:
      hadamard_warp_kernel<Io, V, 1><<<grid, kThreads, 0, stream>>>(args);
      break;
    case 2:
      hadamard_warp_kernel<Io, V, 2><<<grid, kThreads, 0, stream>>>(args);
      break;
    case 4:
      hadamard_warp_kernel<Io, V, 4><<<grid, kThreads, 0, stream>>>(args);
      break;
    default:
      return cudaErrorInvalidValue;
  }
  return cudaGetLastError();
}

}  // namespace

bool hadamard_warp_supports(const HadamardArgs& args) {
  const bool sizes = args.rows >= 0 && args.block > 0 && args.base == 1 &&
                     (args.block & (args.block - 1)) == 0 && args.width > 0 && args.width % args.block == 0 &&
                     args.order == nullptr;
  if (!sizes || args.block > kWarp * kMaxPacks * 8) return false;
  const Shape shape =
      dispatch(args.dtype, [&](auto* io) { return shape_of<std::remove_pointer_t<decltype(io)>>(args); });
  return shape.packs > 0 &&
         ceil_div(args.rows * (args.width / args.block), kThreads / shape.lanes) <= kMaxGrid;
}

int hadamard_warp_launch(const HadamardArgs& args, void* stream) {
  if (args.rows == 0) return cudaSuccess;
  return dispatch(args.dtype, [&](auto* io) -> int {
    using Io = std::remove_pointer_t<decltype(io)>;
    const Shape shape = shape_of<Io>(args);
    const std::int64_t per_row = args.width / args.block;
    const WarpArgs warp{
        args.x,      args.out,   args.rows * per_row, per_row,        static_cast<int>(args.block),
        shape.lanes, args.signs, args.scale,          args.transposed};
    const auto on = static_cast<cudaStream_t>(stream);
    return shape.width == 1 ? launch<Io, 1>(warp, shape.packs, on)
                            : launch<Io, kPackWidth<Io>>(warp, shape.packs, on);
  });
}

}  // namespace gyre::kernels::cuda
