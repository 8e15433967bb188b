// Which tensor-core kernel transforms given arguments, and how it is launched.
#pragma once

#include <cstdint>

#include "kernels/cuda/device_facts.h"
#include "kernels/cuda/hadamard_bases.cuh"
#include "kernels/cuda/hadamard_rows.cuh"
#include "kernels/cuda/hadamard_tiles.cuh"
#include "kernels/cuda/variants.h"

namespace gyre::kernels::cuda {

enum class MmaKernel { kNone, kTiles, kRow, kSplit, kBase };
struct MmaPlan {
  MmaKernel kernel = MmaKernel::kNone;
  int chunks = 0, log2_piece = 0;
  int threads = 0, shared_bytes = 0;
  std::int64_t grid = 0;
  MmaArgs args{};
};

inline bool multiple_of(const void* pointer, std::uintptr_t bytes) {
  return reinterpret_cast<std::uintptr_t>(pointer) % bytes == 0;
}

// Blocks that share their processors with too few others to hide latency are split over more warps.
inline bool few(std::int64_t blocks, const DeviceFacts& device) {
  return blocks < 4 * std::int64_t{device.processors};
}

inline void plan_power_of_two(MmaPlan& plan, const DeviceFacts& device) {
  auto& args = plan.args;
  if (args.block <= kTile) {
    plan.kernel = MmaKernel::kTiles;
    using Body = TilesBody<F16, false>;
    constexpr std::int64_t kPerBlock = Body::kThreads / 32 * Body::kTiles * kTile;
    plan.threads = Body::kThreads;
    plan.shared_bytes = args.order ? Body::kSharedBytes : 0;
    plan.grid = (args.blocks * args.block + kPerBlock - 1) / kPerBlock;
  } else if (args.block <= 4096 && (args.block == 512 || !few(args.blocks, device))) {
    plan.kernel = MmaKernel::kRow;
    plan.chunks = args.block / kTile;
    plan.threads = 128;
    plan.grid = (args.blocks + 3) / 4;
  } else if (args.block <= 32768) {
    plan.kernel = MmaKernel::kSplit;
    plan.chunks = args.block <= 8192 && few(args.blocks, device) ? 2 : 8;
    args.warps = args.block / (plan.chunks * kTile);
    plan.threads = 32 * args.warps;
    plan.shared_bytes = exchange_bytes(args.warps, plan.chunks * kTile);
    plan.grid = args.blocks;
  }
}

inline void plan_base(MmaPlan& plan, const DeviceFacts& device) {
  auto& args = plan.args;
  if (args.base % 4 != 0 || args.base < 12 || args.base > 36 || args.base % 8 == 0 || args.log2 < 6) return;
  plan.log2_piece = args.base == 12 && args.log2 > 6 ? 7 : 6;
  const int log2_warps = args.log2 - plan.log2_piece;
  if (log2_warps > (args.base > 28 ? 3 : 4)) return;
  args.warps = 1 << log2_warps;
  plan.kernel = MmaKernel::kBase;
  plan.threads = 32 * args.warps;
  plan.shared_bytes = exchange_bytes(args.warps, args.base << plan.log2_piece);
  // Thread blocks that stay and take one block after another make the dense factor's fragments once.
  const std::int64_t resident = 1 + std::int64_t{device.processors} * (args.warps >= 8 ? 2 : 16 / args.warps);
  plan.grid = args.blocks < resident ? args.blocks : resident;
}

// kNone where the tensor-core kernels do not take the arguments.
inline MmaPlan plan_mma(const HadamardArgs& given, const DeviceFacts& device) {
  MmaPlan plan;
  if (device.capability < 80 || (given.dtype != DType::kF16 && given.dtype != DType::kBF16)) return plan;
  if (given.rows < 0 || given.base < 1 || given.block < 16 || given.block % given.base != 0 ||
      given.width <= 0 || given.width % given.block != 0 || given.block > 1 << 16 ||
      (given.base > 1) != (given.base_matrix != nullptr))
    return plan;
  const std::int64_t sylvester = given.block / given.base;
  if ((sylvester & (sylvester - 1)) != 0 || (given.order && (given.base > 1 || given.block > kTile)))
    return plan;
  if (!multiple_of(given.x, 16) || !multiple_of(given.out, 16) || !multiple_of(given.signs, 8)) return plan;
  auto& args = plan.args;
  args.x = given.x;
  args.out = given.out;
  args.blocks_per_row = given.width / given.block;
  args.blocks = given.rows * args.blocks_per_row;
  args.block = static_cast<int>(given.block);
  args.base = static_cast<int>(given.base);
  while (std::int64_t{1} << args.log2 < sylvester) ++args.log2;
  args.warps = 1;
  args.base_matrix = given.base_matrix;
  args.order = given.order;
  args.signs = given.signs;
  args.scale = static_cast<float>(given.scale);
  args.transposed = given.transposed;
  if (args.base == 1)
    plan_power_of_two(plan, device);
  else
    plan_base(plan, device);
  if (plan.shared_bytes > device.shared_bytes || plan.grid > 0x7fffffff) plan.kernel = MmaKernel::kNone;
  return plan;
}

// The same for a transform and the quantization of its blocks.
inline MmaPlan plan_mma_quant(const HadamardQuantArgs& given, const DeviceFacts& device) {
  auto transform = given.transform;
  const auto& quant = given.quant;
  transform.out = const_cast<void*>(transform.x);  // not written, so not to be checked
  MmaPlan plan = plan_mma(transform, device);
  plan.args.quant = quant;
  plan.args.packed = given.packed;
  const bool same = quant.rows == transform.rows && quant.width == transform.width &&
                    quant.group == transform.block && quant.dtype == transform.dtype;
  if (!same || quant.n_bits < 2 || quant.n_bits > 4 ||
      (quant.grid != Grid::kSymmetric && quant.grid != Grid::kInteger) || !multiple_of(quant.out, 16) ||
      !multiple_of(quant.codes, 4) || !multiple_of(given.packed, 4))
    plan.kernel = MmaKernel::kNone;
  return plan;
}

// Calls visit with the plan's kernel, a type with run(args, shared).
template <class F, bool kQuantize, class Visit>
int visit_kernel(const MmaPlan& plan, Visit&& visit) {
  switch (plan.kernel) {
    case MmaKernel::kTiles:
      return visit(TilesBody<F, kQuantize>{});
    case MmaKernel::kRow:
      switch (plan.chunks) {
        case 2:
          return visit(RowBody<F, 2, kQuantize>{});
        case 4:
          return visit(RowBody<F, 4, kQuantize>{});
        case 8:
          return visit(RowBody<F, 8, kQuantize>{});
        default:
          return visit(RowBody<F, 16, kQuantize>{});
      }
    case MmaKernel::kSplit:
      return plan.chunks == 2 ? visit(SplitBody<F, 2, kQuantize>{}) : visit(SplitBody<F, 8, kQuantize>{});
    case MmaKernel::kBase:
      switch (plan.args.base) {
        case 12:
          return plan.log2_piece == 7 ? visit(BaseBody<F, 3, 7, kQuantize>{})
                                      : visit(BaseBody<F, 3, 6, kQuantize>{});
        case 20:
          return visit(BaseBody<F, 5, 6, kQuantize>{});
        case 28:
          return visit(BaseBody<F, 7, 6, kQuantize>{});
        default:
          return visit(BaseBody<F, 9, 6, kQuantize>{});
      }
    default:
      return -1;
  }
}

}  // namespace gyre::kernels::cuda
