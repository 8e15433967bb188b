// Blocks of 16 to 256 values: a warp transforms tiles of 256, each a few blocks; any order of the results.
#pragma once

#include "kernels/cuda/hadamard_codes.cuh"

namespace gyre::kernels::cuda {

// Of a lane's 8 values in plain float32 butterflies. Matrices of short blocks have zeros, and 0 * infinity
// would carry NaN into the neighbours; so this takes a tile that holds an infinity or NaN.
template <class F>
GYRE_DEVICE void transform_by_shuffles(const Quad& x, int block, int lane, float (&y)[kLaneValues]) {
  GYRE_UNROLL
  for (int j = 0; j < 4; ++j) {
    y[2 * j] = low_of<F>(x.w[j]);
    y[2 * j + 1] = high_of<F>(x.w[j]);
  }
  GYRE_UNROLL
  for (int stride = 1; stride < kLaneValues; stride *= 2) {
    GYRE_UNROLL
    for (int i = 0; i < kLaneValues; ++i) {
      if (i & stride) continue;
      const float a = y[i], b = y[i + stride];
      y[i] = a + b;
      y[i + stride] = a - b;
    }
  }
  for (int distance = 1; distance < block / kLaneValues; distance *= 2) {
    GYRE_UNROLL
    for (int i = 0; i < kLaneValues; ++i) {
      const float other = shuffle_xor(y[i], distance);
      y[i] = lane & distance ? other - y[i] : y[i] + other;
    }
  }
}

template <class F, bool kQuantize>
struct TilesBody {
  static constexpr int kThreads = 128, kTiles = 4;  // tiles of one warp
  static constexpr int kSharedBytes = kThreads / 32 * kTile * 2;

  // Reorders a tile through `mine`: at[i] is the place of this lane's i-th value on the other side.
  GYRE_DEVICE static void gather(Quad& w, std::uint16_t* mine, const int (&at)[kLaneValues], int lane) {
    reinterpret_cast<Quad*>(mine)[lane] = w;
    sync_warp();
    GYRE_UNROLL
    for (int j = 0; j < 4; ++j) w.w[j] = mine[at[2 * j]] | static_cast<Word>(mine[at[2 * j + 1]]) << 16;
    sync_warp();
  }
  GYRE_DEVICE static void scatter(Quad& w, std::uint16_t* mine, const int (&at)[kLaneValues], int lane) {
    GYRE_UNROLL
    for (int j = 0; j < 4; ++j) {
      mine[at[2 * j]] = static_cast<std::uint16_t>(w.w[j]);
      mine[at[2 * j + 1]] = static_cast<std::uint16_t>(w.w[j] >> 16);
    }
    sync_warp();
    w = reinterpret_cast<const Quad*>(mine)[lane];
    sync_warp();
  }

  GYRE_DEVICE static void run(const MmaArgs& args, unsigned char* shared) {
    const int lane = thread_index() % 32, warp = thread_index() / 32;
    const std::int64_t total = args.blocks * args.block, width = args.blocks_per_row * args.block;
    const std::int64_t start =
        (block_index() * (kThreads / 32) + warp) * (kTiles * kTile) + lane * kLaneValues;
    if (start - lane * kLaneValues >= total) return;
    auto* mine = reinterpret_cast<std::uint16_t*>(shared) + warp * kTile;

    Quad x[kTiles];
    GYRE_UNROLL
    for (int t = 0; t < kTiles; ++t) {
      const std::int64_t at = start + t * kTile;
      x[t] = at < total ? static_cast<const Quad*>(args.x)[at / kLaneValues] : Quad{};
    }

    int places[kLaneValues] = {};
    if (args.order) {
      const int first = lane * kLaneValues, within = args.block - 1;
      GYRE_UNROLL
      for (int i = 0; i < kLaneValues; ++i)
        places[i] = ((first + i) & ~within) | (args.order[(first + i) & within] & within);
    }
    Word first[4], second[4];
    hadamard_fragment(first, lane, covered_first(args.log2), power_of_two<F>(-4));
    hadamard_fragment(second, lane, covered_second(args.log2), power_of_two<F16>(0));
    const int lanes = args.block / kLaneValues;  // of a block

    GYRE_UNROLL
    for (int t = 0; t < kTiles; ++t) {
      const std::int64_t at = start + t * kTile;
      const bool active = at < total;
      const std::int8_t* signs = args.signs && active ? args.signs + at % width : nullptr;
      if (args.order && args.transposed) scatter(x[t], mine, places, lane);
      if (signs && !args.transposed) flip(x[t], signs);

      Word most = larger_half(largest_magnitude<F>(x[t], 0));
      for (int distance = 1; distance < lanes; distance *= 2) {
        const Word other = shuffle_xor(most, distance);
        most = other > most ? other : most;
      }
      float y[kLaneValues];
      Quad w;
      if (any_lane(most >= F::kInfinity)) {
        transform_by_shuffles<F>(x[t], args.block, lane, y);
        w = pack_values<F>(y, args.scale);
      } else {
        const int power = scale_power<F>(exponent_above<F>(most), 0);
        const Word by = power_of_two<F>(power) * 0x10001u;
        Quad scaled;
        GYRE_UNROLL
        for (int j = 0; j < 4; ++j) scaled.w[j] = multiply<F>(x[t].w[j], by);
        transform_tile<F>(scaled, first, second, y);
        w = pack_values<F>(y, args.scale * as_float(power_of_two_f32(4 - power)));
      }
      if (args.order && !args.transposed) gather(w, mine, places, lane);
      if (signs && args.transposed) flip(w, signs);

      if constexpr (kQuantize) {
        Word lo = w.w[0], hi = w.w[0];
        GYRE_UNROLL
        for (int j = 1; j < 4; ++j) lo = smaller<F>(lo, w.w[j]), hi = larger<F>(hi, w.w[j]);
        Ends ends;
        ends.add<F>(lo, hi);
        ends.across_lanes(lanes);
        if (active) {
          const std::int64_t group = at >> args.log2;
          const Levels<float> levels(args.quant, ends.range(), group);
          if ((lane & (lanes - 1)) == 0) levels.write(args.quant, group);
          const CodeGrid grid(levels, args.quant);
          write_codes<F, 4>(args, grid, w.w, at);
        }
      } else if (active) {
        static_cast<Quad*>(args.out)[at / kLaneValues] = w;
      }
    }
  }
};

}  // namespace gyre::kernels::cuda
