// The variants of the Hadamard transform: threads over blocks, the best instruction set.
#include <array>

#include "kernels/api.h"
#include "kernels/cpu/buffer.h"
#include "kernels/cpu/hadamard_reference.h"
#include "kernels/cpu/hadamard_simd.h"
#include "kernels/cpu/ranges.h"
#include "kernels/cpu_features.h"

namespace gyre::kernels {
namespace {

// Below this much work a team of threads costs more than it saves (some 5 us).
constexpr std::int64_t kThreadedValues = 32768;

// Above this an output is gone from the caches before anyone reads it.
constexpr std::int64_t kStreamBytes = std::int64_t{32} << 20;

// process(begin, end, scratch) over all blocks; 1 when out of memory.
template <class Process>
int over_blocks(const HadamardArgs& args, std::int64_t scratch_bytes, Process process) {
  const std::int64_t blocks = args.rows * (args.width / args.block);
  return over_ranges(blocks, blocks * args.block >= kThreadedValues,
                     [&](std::int64_t begin, std::int64_t end) {
                       const Buffer scratch(scratch_bytes);
                       if (scratch.data() == nullptr) return 1;
                       process(begin, end, scratch.data());
                       return 0;
                     });
}

bool supports_avx512(const HadamardArgs& args) {
  return cpu_has_avx512() && hadamard_fits_vectors(args, 64);
}
bool supports_avx2(const HadamardArgs& args) {
  return cpu_has_avx2() && hadamard_fits_vectors(args, 32);
}

bool streams(const HadamardArgs& args) {
  const std::int64_t value = args.dtype == DType::kF64 ? 8 : args.dtype == DType::kF32 ? 4 : 2;
  return args.x != args.out && !(args.signs && args.transposed) &&
         args.rows * args.width * value >= kStreamBytes && args.block * value % 64 == 0 &&
         reinterpret_cast<std::uintptr_t>(args.out) % 64 == 0;
}

using Blocks = void (*)(const HadamardArgs&, const HadamardShared&, std::int64_t, std::int64_t, void*);

int launch_simd(const HadamardArgs& args, Blocks blocks) {
  const Buffer sums(hadamard_base_sums_bytes(args));
  if (sums.data() == nullptr) return 1;
  const auto shared = hadamard_shared(args, streams(args), sums.data());
  return over_blocks(args, hadamard_scratch(args), [&](std::int64_t begin, std::int64_t end, void* scratch) {
    blocks(args, shared, begin, end, scratch);
  });
}
int launch_avx512(const HadamardArgs& args, void*) {
  return launch_simd(args, avx512::hadamard_blocks);
}
int launch_avx2(const HadamardArgs& args, void*) {
  return launch_simd(args, avx2::hadamard_blocks);
}
int launch_scalar(const HadamardArgs& args, void*) {
  return over_blocks(args, 2 * args.block * 8, [&](std::int64_t begin, std::int64_t end, void* scratch) {
    hadamard_scalar_blocks(args, begin, end, scratch);
  });
}

constexpr std::array kVariants{
    HadamardVariant{"avx512", Device::kCpu, supports_avx512, launch_avx512},
    HadamardVariant{"avx2", Device::kCpu, supports_avx2, launch_avx2},
    HadamardVariant{"scalar", Device::kCpu, hadamard_well_formed, launch_scalar},
    HadamardVariant{"reference", Device::kCpu, hadamard_well_formed, hadamard_reference},
};

}  // namespace

bool hadamard_fits_vectors(const HadamardArgs& args, std::int64_t vector_bytes) {
  const std::int64_t value = args.dtype == DType::kF64 ? 8 : 4;
  return hadamard_well_formed(args) && args.block / args.base >= vector_bytes / value &&
         (args.base == 1 || (args.base % 4 == 0 && args.base <= kMaxVectorBase));
}

HadamardShared hadamard_shared(const HadamardArgs& args, bool stream, void* memory) {
  const bool walsh = args.order && args.base == 1 && is_walsh_order(args.order, args.block);
  if (args.base == 1) return {nullptr, walsh, stream};
  auto* sums = static_cast<std::uint16_t*>(memory);
  const std::int64_t base = args.base;
  for (std::int64_t r = 0; r < base; ++r)
    for (std::int64_t g = 0; g < base / 4; ++g) {
      const auto negative = [&](std::int64_t i) {
        const std::int64_t in = 4 * g + i;
        return args.base_matrix[args.transposed ? r * base + in : in * base + r] < 0;
      };
      const unsigned n = negative(0), a = negative(1) != negative(0), b = negative(2) != negative(0),
                     c = negative(3) != negative(2);
      sums[r * (base / 4) + g] = static_cast<std::uint16_t>(8 * n + 4 * a + 2 * b + c);
    }
  return {sums, walsh, stream};
}

std::span<const HadamardVariant> hadamard_variants() {
  return kVariants;
}

const HadamardVariant* choose(const HadamardArgs& args, Device device) {
  for (const auto& variant : kVariants)
    if (variant.device == device && variant.supports(args)) return &variant;
  return nullptr;
}

}  // namespace gyre::kernels
