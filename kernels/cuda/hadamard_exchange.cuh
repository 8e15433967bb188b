// The end of a block that several warps share: its parts lie in shared memory as float32, one a warp,
// transformed over all index bits but those that number the parts. These are done here, and the results
// written.
#pragma once

#include "kernels/cuda/hadamard_codes.cuh"

namespace gyre::kernels::cuda {

struct alignas(16) Floats {
  float v[4];
};

// Where a part's values belong. A part is kUnits times 4 values; value i of part w of p has the index
// i / kPiece * p * kPiece + w * kPiece + i % kPiece in the block. kPiece is a power of two.
template <int kUnits_, int kPiece_, int kSwizzle_>
struct Parts {
  static constexpr int kUnits = kUnits_, kSwizzle = kSwizzle_;
  GYRE_DEVICE static int index_in_block(int i, int part, int parts) {
    const int within = i & (kPiece_ - 1);
    return (i - within) * parts + part * kPiece_ + within;
  }
};

// Packed results of all parts, kWords pairs of neighbours from the pair `pair` on (of 2 kUnits a part).
template <class F, class P, int kParts, int kWords>
GYRE_DEVICE void combine(const Floats* shared, int pair, const std::int8_t* signs,
                         Word (&w)[kParts][kWords]) {
  float v[kParts][2 * kWords];
  const int at = swizzled(pair / 2, P::kSwizzle);
  GYRE_UNROLL
  for (int part = 0; part < kParts; ++part) {
    const Floats* four = shared + part * P::kUnits + at;
    if constexpr (kWords == 2) {
      const Floats all = *four;
      GYRE_UNROLL
      for (int i = 0; i < 4; ++i) v[part][i] = all.v[i];
    } else {
      const Duo two = reinterpret_cast<const Duo*>(four)[pair % 2];
      v[part][0] = as_float(two.w[0]);
      v[part][1] = as_float(two.w[1]);
    }
  }
  GYRE_UNROLL
  for (int stride = 1; stride < kParts; stride *= 2) butterflies(v, stride);
  GYRE_UNROLL
  for (int part = 0; part < kParts; ++part) {
    GYRE_UNROLL
    for (int j = 0; j < kWords; ++j) {
      w[part][j] = pack<F>(v[part][2 * j], v[part][2 * j + 1]);
      if (signs)
        w[part][j] ^= sign_bits(
            reinterpret_cast<const std::uint16_t*>(signs + P::index_in_block(2 * pair, part, kParts))[j]);
    }
  }
}

// Writes the results; or, to be quantized, puts them in place of what was read, a word where its two values
// began.
template <class F, class P, bool kQuantize, int kParts>
GYRE_DEVICE Ends finish_parts(const MmaArgs& args, unsigned char* shared, std::int64_t block) {
  constexpr int kWords = kParts == 16 ? 1 : 2;  // so that the values of all parts fit into registers
  auto* values = reinterpret_cast<Floats*>(shared);
  const std::int8_t* signs =
      args.signs && args.transposed ? args.signs + block % args.blocks_per_row * args.block : nullptr;
  Ends ends;
  GYRE_NO_UNROLL
  for (int pair = thread_index_again() * kWords; pair < 2 * P::kUnits; pair += block_threads() * kWords) {
    Word w[kParts][kWords];
    combine<F, P>(values, pair, signs, w);
    if constexpr (kQuantize) {
      Word lo = w[0][0], hi = w[0][0];
      GYRE_UNROLL
      for (int part = 0; part < kParts; ++part) {
        Floats* four = values + part * P::kUnits + swizzled(pair / 2, P::kSwizzle);
        GYRE_UNROLL
        for (int j = 0; j < kWords; ++j) {
          lo = smaller<F>(lo, w[part][j]), hi = larger<F>(hi, w[part][j]);
          four->v[2 * (pair % 2 + j)] = as_float(w[part][j]);
        }
      }
      ends.add<F>(lo, hi);
    } else {
      auto* out = static_cast<Word*>(args.out) + block * (args.block / 2);
      GYRE_UNROLL
      for (int part = 0; part < kParts; ++part) {
        Word* to = out + P::index_in_block(2 * pair, part, kParts) / 2;
        if constexpr (kWords == 2)
          *reinterpret_cast<Duo*>(to) = {w[part][0], w[part][1]};
        else
          *to = w[part][0];
      }
    }
  }
  return ends;
}

// The second pass over packed results that lie in shared memory: levels from everyone's ends, then codes.
template <class F, class P>
GYRE_DEVICE void quantize_parts(const MmaArgs& args, unsigned char* shared, std::int64_t block, Ends ends) {
  const auto* values = reinterpret_cast<const Floats*>(shared);
  auto* ends_of = reinterpret_cast<float*>(shared) + args.warps * P::kUnits * 4;
  ends.across_lanes(32);
  if (thread_index() % 32 == 0) {
    ends_of[thread_index() / 32 * 2] = ends.lo;
    ends_of[thread_index() / 32 * 2 + 1] = ends.hi;
  }
  sync_block();
  for (int warp = 0; warp < args.warps; ++warp) ends.add(ends_of[warp * 2], ends_of[warp * 2 + 1]);
  const Levels<float> levels(args.quant, ends.range(), block);
  if (thread_index() == 0) levels.write(args.quant, block);
  const CodeGrid grid(levels, args.quant);
  for (int part = 0; part < args.warps; ++part) {
    GYRE_NO_UNROLL
    for (int unit = thread_index_again(); unit < P::kUnits; unit += block_threads()) {
      const int at = part * P::kUnits + swizzled(unit, P::kSwizzle);
      const Word w[2] = {as_word(values[at].v[0]), as_word(values[at].v[2])};
      write_codes<F, 2>(args, grid, w, block * args.block + P::index_in_block(4 * unit, part, args.warps));
    }
  }
}

template <class F, class P, bool kQuantize>
GYRE_DEVICE void finish_block(const MmaArgs& args, unsigned char* shared, std::int64_t block) {
  Ends ends;
  switch (args.warps) {
    case 1:
      ends = finish_parts<F, P, kQuantize, 1>(args, shared, block);
      break;
    case 2:
      ends = finish_parts<F, P, kQuantize, 2>(args, shared, block);
      break;
    case 4:
      ends = finish_parts<F, P, kQuantize, 4>(args, shared, block);
      break;
    case 8:
      ends = finish_parts<F, P, kQuantize, 8>(args, shared, block);
      break;
    default:
      ends = finish_parts<F, P, kQuantize, 16>(args, shared, block);
  }
  if constexpr (kQuantize) quantize_parts<F, P>(args, shared, block, ends);
}

// Shared memory of one block's exchange.
constexpr int exchange_bytes(int warps, int part) {
  return warps * part * 4 + warps * 8;
}

}  // namespace gyre::kernels::cuda
