// Blocks of base * 2^k values, base = 4 kQuarters: the dense factor runs on tensor cores too, in the same
// launch. A warp takes 2^kLog2Piece neighbours of every Sylvester block; k > kLog2Piece needs 2^(k -
// kLog2Piece) warps.
//
// A lane loads values of which index bits 0..2 are in registers, 3 and 4 in its lower two bits, bit 5 and the
// lower two bits of b, the row of the dense factor, in its upper three. The first MMA does bits 0, 3, 4, 1
// and leaves b's lower bits in the lower two lane bits, where b is k of the next one. In between, bits 2, 5
// (and 6) are butterflies.
#pragma once

#include "kernels/cuda/hadamard_exchange.cuh"

namespace gyre::kernels::cuda {

template <class F, int kQuarters, int kLog2Piece, bool kQuantize>
struct BaseBody {
  static constexpr int kMaxWarps = kQuarters > 7 ? 8 : 16, kThreads = 32 * kMaxWarps;
  static constexpr int kSteps = (kQuarters + 3) / 4;  // MMAs over b; and of 16 results of the dense factor
  static constexpr int kPiece = 1 << kLog2Piece, kHalves = kPiece / 64, kPart = 4 * kQuarters * kPiece;

  // A of the dense factor: entries of it, zero beyond its order.
  GYRE_DEVICE static void base_fragments(const MmaArgs& args, int lane, Word (&a)[kSteps][kSteps][4]) {
    GYRE_UNROLL
    for (int tile = 0; tile < kSteps; ++tile) {
      GYRE_UNROLL
      for (int step = 0; step < kSteps; ++step) {
        GYRE_UNROLL
        for (int reg = 0; reg < 4; ++reg) {
          const int r = 16 * tile + a_row(lane, reg);
          a[tile][step][reg] = 0;
          GYRE_UNROLL
          for (int e = 0; e < 2; ++e) {
            const int b = base_index(step, a_column(lane, reg, e));
            if (r >= 4 * kQuarters || b >= 4 * kQuarters) continue;
            const int at = args.transposed ? r * 4 * kQuarters + b : b * 4 * kQuarters + r;
            const Word one = power_of_two<F16>(0);
            a[tile][step][reg] |= (args.base_matrix[at] < 0 ? one | 0x8000u : one) << 16 * e;
          }
        }
      }
    }
  }

  // Loads this warp's part and transforms it over the piece's index bits. v[b / 4 * kHalves + bit 6][bit 2 *
  // 4 + reg] with reg = {bit 5, bit 1}. Returns the factor that undoes the scaling.
  GYRE_DEVICE static float transform_piece(const MmaArgs& args, std::int64_t block, int lane, int warp,
                                           float (&v)[kQuarters * kHalves][8]) {
    const int offset = (lane >> 3 << args.log2) + (warp << kLog2Piece) + (lane >> 2 & 1) * 32 + lane % 4 * 8;
    const auto* x = static_cast<const Quad*>(args.x) + (block * args.block + offset) / kLaneValues;
    const int four_rows = 4 << args.log2;
    Quad in[kQuarters * kHalves];
    GYRE_UNROLL
    for (int i = 0; i < kQuarters * kHalves; ++i) {
      in[i] = x[i % kHalves * (64 / kLaneValues)];
      if (i % kHalves == kHalves - 1) x += four_rows / kLaneValues;
    }
    if (args.signs && !args.transposed) {
      const std::int8_t* signs = args.signs + block % args.blocks_per_row * args.block + offset;
      GYRE_UNROLL
      for (int i = 0; i < kQuarters * kHalves; ++i) {
        flip(in[i], signs + i % kHalves * 64);
        if (i % kHalves == kHalves - 1) signs += four_rows;
      }
    }
    Word most = 0;
    GYRE_UNROLL
    for (int i = 0; i < kQuarters * kHalves; ++i) most = largest_magnitude<F>(in[i], most);
    const int power = scale_power<F>(exponent_above<F>(largest_in_warp(larger_half(most))), kLog2Piece);
    Word first[4];
    full_fragment(first, lane, power_of_two<F>(power));
    GYRE_UNROLL
    for (int i = 0; i < kQuarters * kHalves; ++i) {
      float c[2][4];
      GYRE_UNROLL
      for (int bit2 = 0; bit2 < 2; ++bit2)
        multiply_tile<F>(c[bit2], first, in[i].w[2 * bit2], in[i].w[2 * bit2 + 1]);
      butterflies(c, 1);
      GYRE_UNROLL
      for (int j = 0; j < 4; ++j) {
        const float a = c[j >> 1][(j & 1) * 2], b = c[j >> 1][(j & 1) * 2 + 1];
        v[i][2 * j] = a + b;
        v[i][2 * j + 1] = a - b;
      }
    }
    if constexpr (kHalves == 2) {
      GYRE_UNROLL
      for (int i = 0; i < kQuarters * kHalves; i += 2) {
        GYRE_UNROLL
        for (int j = 0; j < 8; ++j) {
          const float a = v[i][j], b = v[i + 1][j];
          v[i][j] = a + b;
          v[i + 1][j] = a - b;
        }
      }
    }
    return as_float(power_of_two_f32(-power));
  }

  // The dense factor over column j of v's rows with the same bit 6.
  GYRE_DEVICE static void multiply_base(const Word (&a)[kSteps][kSteps][4],
                                        const float (&v)[kQuarters * kHalves][8], int bit6, int j,
                                        float (&d)[kSteps][4]) {
    GYRE_UNROLL
    for (int step = 0; step < kSteps; ++step) {
      Word hi[2], lo[2];
      GYRE_UNROLL
      for (int half = 0; half < 2; ++half) {
        const int q = step * 4 + half * 2;
        const float low = q < kQuarters ? v[(q < kQuarters ? q : 0) * kHalves + bit6][j] : 0.0f;
        const float high = q + 1 < kQuarters ? v[(q + 1 < kQuarters ? q + 1 : 0) * kHalves + bit6][j] : 0.0f;
        split(low, high, hi[half], lo[half]);
      }
      GYRE_UNROLL
      for (int tile = 0; tile < kSteps; ++tile) {
        if (step == 0)
          multiply_tile<F16>(d[tile], a[tile][step], lo[0], lo[1]);
        else
          multiply_add<F16>(d[tile], a[tile][step], lo[0], lo[1]);
        multiply_add<F16>(d[tile], a[tile][step], hi[0], hi[1]);
      }
    }
  }

  GYRE_DEVICE static void run(const MmaArgs& args, unsigned char* shared) {
    Word a[kSteps][kSteps][4];
    base_fragments(args, thread_index() % 32, a);
    for (std::int64_t block = block_index(); block < args.blocks; block += grid_blocks()) {
      const int lane = thread_index_again() % 32, warp = thread_index_again() / 32;
      // Of unit ((row * 8 + lane / 4) * kPiece + ... + lane % 4 * 8 + bit2 * 4) / 4, swizzled() changes bit 0
      // only, by the lane: written so, all places are this one and a constant.
      auto* mine =
          reinterpret_cast<Floats*>(shared) + warp * (kPart / 4) + lane / 4 * (kPiece / 4) + lane % 4 * 2;
      float v[kQuarters * kHalves][8];
      const float factor = args.scale * transform_piece(args, block, lane, warp, v);
      GYRE_UNROLL
      for (int k = 0; k < kHalves * 4; ++k) {
        const int bit6 = k >> 2, bit5 = k >> 1 & 1, bit2 = k & 1;
        float d[2][kSteps][4];  // by bit 1; then rows of 16 results; then {bit 0, row + 8}
        GYRE_UNROLL
        for (int bit1 = 0; bit1 < 2; ++bit1) multiply_base(a, v, bit6, bit2 * 4 + bit1 * 2 + bit5, d[bit1]);
        GYRE_UNROLL
        for (int row = 0; row < 2 * kSteps; ++row) {
          const int reg = (row & 1) * 2;
          if (row * 8 + lane / 4 >= 4 * kQuarters) continue;
          Floats four;
          GYRE_UNROLL
          for (int i = 0; i < 4; ++i) four.v[i] = d[i >> 1][row >> 1][reg + (i & 1)] * factor;
          mine[(row * 8 * kPiece + bit6 * 64 + bit5 * 32) / 4 + (bit2 ^ (lane >> 2 & 1))] = four;
        }
      }
      sync_block();
      finish_block<F, Parts<kPart / 4, kPiece, kLog2Piece - 2>, kQuantize>(args, shared, block);
      sync_block();
    }
  }
};

}  // namespace gyre::kernels::cuda
