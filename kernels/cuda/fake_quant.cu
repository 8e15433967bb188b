// Fake quantization on the GPU: the arithmetic of kernels/api.h, operation by operation (compiled with
// -fmad=false), so that it gives the bits of the CPU's variants.
//
// Groups of up to 128 packs of 16 bytes stay in the registers of a warp or a part of it: one read and one
// write. Longer ones take a thread block, which reads them twice.
#include "kernels/cuda/device.cuh"
#include "kernels/cuda/levels.cuh"
#include "kernels/cuda/variants.h"

namespace gyre::kernels::cuda {
namespace {

constexpr int kThreads = 256;
constexpr int kMaxPacks = 4;

struct GroupArgs {
  FakeQuantArgs of;
  std::int64_t groups;
  int lanes;  // of a warp, for one group
};

template <class T>
__device__ Range<T> across_lanes(Range<T> range, int lanes) {
  for (int distance = 1; distance < lanes; distance *= 2) {
    Range<T> other;
    other.lo = __shfl_xor_sync(kAllLanes, range.lo, distance);
    other.hi = __shfl_xor_sync(kAllLanes, range.hi, distance);
    other.finite = __shfl_xor_sync(kAllLanes, static_cast<int>(range.finite), distance) != 0;
    range.add(other);
  }
  return range;
}

template <class Io, int V, class T>
__device__ void quantize_pack(const FakeQuantArgs& args, const Levels<T>& levels, const T* v,
                              std::int64_t place) {
  Pack<Io, V> values;
  Pack<std::uint8_t, V> codes;
#pragma unroll
  for (int i = 0; i < V; ++i) {
    const T code = levels.code(v[i]);
    codes.value[i] = static_cast<std::uint8_t>(code);
    store(levels.value(code), values.value[i]);
  }
  if (args.out) static_cast<Pack<Io, V>*>(args.out)[place] = values;
  if (args.codes) reinterpret_cast<Pack<std::uint8_t, V>*>(args.codes)[place] = codes;
}

template <class Io, int V, int kPacks>
__global__ void __launch_bounds__(kThreads) fake_quant_warp_kernel(GroupArgs args) {
  using T = Compute<Io>;
  const int lane = threadIdx.x % args.lanes, packs = static_cast<int>(args.of.group) / V;
  const std::int64_t group = (static_cast<std::int64_t>(blockIdx.x) * kThreads + threadIdx.x) / args.lanes;
  const bool active = group < args.groups;  // all lanes take part in the shuffles
  const auto* x = static_cast<const Pack<Io, V>*>(args.of.x);
  const std::int64_t start = group * packs;

  T v[kPacks][V];
  Range<T> range;
#pragma unroll
  for (int p = 0; p < kPacks; ++p) {
    const int place = p * args.lanes + lane;
    if (!active || place >= packs) continue;
    const Pack<Io, V> pack = x[start + place];
#pragma unroll
    for (int i = 0; i < V; ++i) range.add(v[p][i] = load(pack.value[i]));
  }
  range = across_lanes(range, args.lanes);
  if (!active) return;
  const Levels<T> levels(args.of, range, group);
  if (lane == 0) levels.write(args.of, group);
#pragma unroll
  for (int p = 0; p < kPacks; ++p) {
    const int place = p * args.lanes + lane;
    if (place < packs) quantize_pack<Io, V>(args.of, levels, v[p], start + place);
  }
}

// One thread block a group.
template <class Io, int V>
__global__ void __launch_bounds__(kThreads) fake_quant_block_kernel(GroupArgs args) {
  using T = Compute<Io>;
  __shared__ T lows[kThreads / kWarp], highs[kThreads / kWarp];
  __shared__ bool finites[kThreads / kWarp];
  const auto* x = static_cast<const Pack<Io, V>*>(args.of.x);
  const std::int64_t group = blockIdx.x, packs = args.of.group / V, start = group * packs;

  Range<T> range;
  for (std::int64_t place = threadIdx.x; place < packs; place += kThreads) {
    const Pack<Io, V> pack = x[start + place];
#pragma unroll
    for (int i = 0; i < V; ++i) range.add(load(pack.value[i]));
  }
  range = across_lanes(range, kWarp);
  if (threadIdx.x % kWarp == 0) {
    lows[threadIdx.x / kWarp] = range.lo;
    highs[threadIdx.x / kWarp] = range.hi;
    finites[threadIdx.x / kWarp] = range.finite;
  }
  __syncthreads();
  for (int warp = 0; warp < kThreads / kWarp; ++warp) {
    Range<T> other;
    other.lo = lows[warp];
    other.hi = highs[warp];
    other.finite = finites[warp];
    range.add(other);
  }
  const Levels<T> levels(args.of, range, group);
  if (threadIdx.x == 0) levels.write(args.of, group);
  for (std::int64_t place = threadIdx.x; place < packs; place += kThreads) {
    const Pack<Io, V> pack = x[start + place];
    T v[V];
#pragma unroll
    for (int i = 0; i < V; ++i) v[i] = load(pack.value[i]);
    quantize_pack<Io, V>(args.of, levels, v, start + place);
  }
}

template <class Io, int V>
cudaError_t launch(GroupArgs args, cudaStream_t stream) {
  const std::int64_t packs = args.of.group / V;
  for (args.lanes = 1; args.lanes < kWarp && args.lanes < packs; args.lanes *= 2) {
  }
  const auto grid = static_cast<unsigned>(ceil_div(args.groups, kThreads / args.lanes));
  if (packs <= args.lanes)
    fake_quant_warp_kernel<Io, V, 1><<<grid, kThreads, 0, stream>>>(args);
  else if (packs <= kWarp * kMaxPacks)
    fake_quant_warp_kernel<Io, V, kMaxPacks><<<grid, kThreads, 0, stream>>>(args);
  else
    fake_quant_block_kernel<Io, V><<<static_cast<unsigned>(args.groups), kThreads, 0, stream>>>(args);
  return cudaGetLastError();
}

}  // namespace

bool fake_quant_supports(const FakeQuantArgs& args) {
  return args.rows >= 0 && args.width > 0 && args.group > 0 && args.width % args.group == 0 &&
         args.n_bits >= 2 && args.n_bits <= 8 && args.rows * (args.width / args.group) <= kMaxGrid;
}

int fake_quant_launch(const FakeQuantArgs& args, void* stream) {
  if (args.rows == 0) return cudaSuccess;
  const GroupArgs groups{args, args.rows * (args.width / args.group), 0};
  const auto on = static_cast<cudaStream_t>(stream);
  return dispatch(args.dtype, [&](auto* io) -> int {
    using Io = std::remove_pointer_t<decltype(io)>;
    constexpr int kWide = kPackWidth<Io>;
    const bool wide =
        args.group % kWide == 0 && aligned(args.x, 16) && aligned(args.out, 16) && aligned(args.codes, kWide);
    return wide ? launch<Io, kWide>(groups, on) : launch<Io, 1>(groups, on);
  });
}

}  // namespace gyre::kernels::cuda
