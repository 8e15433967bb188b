// Blocks of 2^k values in natural order, 512 to 4096 in one warp, up to 16 warps of 2048 with one exchange.
#pragma once

#include "kernels/cuda/hadamard_codes.cuh"
#include "kernels/cuda/hadamard_exchange.cuh"

namespace gyre::kernels::cuda {

// kChunks tiles of neighbours, from x on: loaded, transformed over all their index bits, and to be multiplied
// by the returned factor to undo the scaling.
template <class F, int kChunks>
GYRE_DEVICE float transform_chunks(const Quad* x, const std::int8_t* signs, int lane,
                                   float (&y)[kChunks][kLaneValues]) {
  Quad in[kChunks];
  GYRE_UNROLL
  for (int c = 0; c < kChunks; ++c) in[c] = (x + lane)[c * 32];
  if (signs) {
    GYRE_UNROLL
    for (int c = 0; c < kChunks; ++c) flip(in[c], signs + (c * 32 + lane) * kLaneValues);
  }
  Word most = 0;
  GYRE_UNROLL
  for (int c = 0; c < kChunks; ++c) most = largest_magnitude<F>(in[c], most);
  // The scaling goes into A: its entries are powers of two, so products stay exact.
  const int power = scale_power<F>(exponent_above<F>(largest_in_warp(larger_half(most))), 4);
  Word first[4], second[4];
  full_fragment(first, lane, power_of_two<F>(power));
  full_fragment(second, lane, power_of_two<F16>(0));
  GYRE_UNROLL
  for (int c = 0; c < kChunks; ++c) transform_tile<F>(in[c], first, second, y[c]);
  GYRE_UNROLL
  for (int stride = 1; stride < kChunks; stride *= 2) butterflies(y, stride);
  return as_float(power_of_two_f32(-power));
}

// One warp a block.
template <class F, int kChunks, bool kQuantize>
struct RowBody {
  static constexpr int kThreads = 128, kSharedBytes = 0;

  GYRE_DEVICE static void run(const MmaArgs& args, unsigned char*) {
    const int lane = thread_index() % 32;
    const std::int64_t block = block_index() * (kThreads / 32) + thread_index() / 32;
    if (block >= args.blocks) return;
    constexpr int kQuads = kChunks * 32;
    const std::int8_t* signs =
        args.signs ? args.signs + block % args.blocks_per_row * (kChunks * kTile) : nullptr;
    float y[kChunks][kLaneValues];
    const float factor = args.scale * transform_chunks<F>(static_cast<const Quad*>(args.x) + block * kQuads,
                                                          args.transposed ? nullptr : signs, lane, y);
    Quad w[kChunks];
    GYRE_UNROLL
    for (int c = 0; c < kChunks; ++c) {
      w[c] = pack_values<F>(y[c], factor);
      if (signs && args.transposed) flip(w[c], signs + (c * 32 + lane) * kLaneValues);
    }
    if constexpr (kQuantize) {
      Word lo = w[0].w[0], hi = w[0].w[0];
      GYRE_UNROLL
      for (int c = 0; c < kChunks; ++c) {
        GYRE_UNROLL
        for (int j = 0; j < 4; ++j) lo = smaller<F>(lo, w[c].w[j]), hi = larger<F>(hi, w[c].w[j]);
      }
      Ends ends;
      ends.add<F>(lo, hi);
      ends.across_lanes(32);
      const Levels<float> levels(args.quant, ends.range(), block);
      if (lane == 0) levels.write(args.quant, block);
      const CodeGrid grid(levels, args.quant);
      GYRE_UNROLL
      for (int c = 0; c < kChunks; ++c)
        write_codes<F, 4>(args, grid, w[c].w, (block * kQuads + c * 32 + lane) * kLaneValues);
    } else {
      GYRE_UNROLL
      for (int c = 0; c < kChunks; ++c) (static_cast<Quad*>(args.out) + block * kQuads + lane)[c * 32] = w[c];
    }
  }
};

// args.warps warps a block; each transforms its part, and the index bits above are done after the exchange.
template <class F, int kChunks, bool kQuantize>
struct SplitBody {
  static constexpr int kThreads = 512, kPart = kChunks * kTile;
  static constexpr int kSwizzle = 3;  // lanes write every second unit of 16 bytes

  GYRE_DEVICE static void run(const MmaArgs& args, unsigned char* shared) {
    const int lane = thread_index() % 32, warp = thread_index() / 32;
    const std::int64_t block = block_index();
    const std::int8_t* signs = args.signs && !args.transposed
                                   ? args.signs + block % args.blocks_per_row * args.block + warp * kPart
                                   : nullptr;
    const auto* x = static_cast<const Quad*>(args.x) + (block * args.block + warp * kPart) / kLaneValues;
    float y[kChunks][kLaneValues];
    const float factor = args.scale * transform_chunks<F>(x, signs, lane, y);
    // swizzled((c * 32 + lane) * 2 + half, kSwizzle), written so that the lane's part is one for all c.
    auto* part = reinterpret_cast<Floats*>(shared) + warp * (kPart / 4);
    GYRE_UNROLL
    for (int c = 0; c < kChunks; ++c) {
      GYRE_UNROLL
      for (int half = 0; half < 2; ++half) {
        Floats four;
        GYRE_UNROLL
        for (int i = 0; i < 4; ++i) four.v[i] = y[c][4 * half + i] * factor;
        part[c * 64 + lane * 2 + (half ^ (lane >> 2 & 1))] = four;
      }
    }
    sync_block();
    finish_block<F, Parts<kPart / 4, kPart, kSwizzle>, kQuantize>(args, shared, block);
  }
};

}  // namespace gyre::kernels::cuda
