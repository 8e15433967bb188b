// The variants of fake quantization and the driver of the clip search: threads over groups, the best
// instruction set.
#include <array>

#include "kernels/api.h"
#include "kernels/cpu/buffer.h"
#include "kernels/cpu/fake_quant_reference.h"
#include "kernels/cpu/fake_quant_simd.h"
#include "kernels/cpu/ranges.h"
#include "kernels/cpu_features.h"

namespace gyre::kernels {
namespace {

template <class Args>
bool well_formed(const Args& args) {
  return args.rows >= 0 && args.width > 0 && args.group > 0 && args.width % args.group == 0 &&
         args.n_bits >= 2 && args.n_bits <= 8;
}
bool supports_any(const FakeQuantArgs& args) {
  return well_formed(args);
}
bool supports_avx2(const FakeQuantArgs& args) {
  return cpu_has_avx2() && well_formed(args);
}
bool supports_avx512(const FakeQuantArgs& args) {
  return cpu_has_avx512() && well_formed(args);
}

// Below this much work a team of threads costs more than it saves (some 5 us).
constexpr std::int64_t kThreadedValues = 16384;

template <class Args>
int over_groups(const Args& args, std::int64_t work_per_value,
                void (*process)(const Args&, std::int64_t, std::int64_t, void*)) {
  const std::int64_t groups = args.rows * (args.width / args.group);
  return over_ranges(groups, groups * args.group * work_per_value >= kThreadedValues,
                     [&](std::int64_t begin, std::int64_t end) {
                       const Buffer scratch(fake_quant_scratch(args.group));
                       if (scratch.data() == nullptr) return 1;
                       process(args, begin, end, scratch.data());
                       return 0;
                     });
}

int launch_avx512(const FakeQuantArgs& args, void*) {
  return over_groups(args, 1, avx512::fake_quant_groups);
}
int launch_avx2(const FakeQuantArgs& args, void*) {
  return over_groups(args, 1, avx2::fake_quant_groups);
}
int launch_scalar(const FakeQuantArgs& args, void*) {
  return over_groups(args, 1, scalar::fake_quant_groups);
}

constexpr std::array kVariants{
    FakeQuantVariant{"avx512", Device::kCpu, supports_avx512, launch_avx512},
    FakeQuantVariant{"avx2", Device::kCpu, supports_avx2, launch_avx2},
    FakeQuantVariant{"scalar", Device::kCpu, supports_any, launch_scalar},
    FakeQuantVariant{"reference", Device::kCpu, supports_any, fake_quant_reference},
};

bool searches_any(const ClipSearchArgs& args) {
  return well_formed(args) && (args.dtype == DType::kF32 || args.dtype == DType::kF64) &&
         (args.power == 2.0 || args.power == 2.4);
}
bool searches_avx2(const ClipSearchArgs& args) {
  return cpu_has_avx2() && searches_any(args);
}
bool searches_avx512(const ClipSearchArgs& args) {
  return cpu_has_avx512() && searches_any(args);
}
int search_avx512(const ClipSearchArgs& args) {
  return over_groups(args, 80, avx512::clip_search_groups);
}
int search_avx2(const ClipSearchArgs& args) {
  return over_groups(args, 80, avx2::clip_search_groups);
}
int search_scalar(const ClipSearchArgs& args) {
  return over_groups(args, 80, scalar::clip_search_groups);
}

constexpr std::array kSearches{
    ClipSearchVariant{"avx512", searches_avx512, search_avx512},
    ClipSearchVariant{"avx2", searches_avx2, search_avx2},
    ClipSearchVariant{"scalar", searches_any, search_scalar},
};

}  // namespace

std::span<const FakeQuantVariant> fake_quant_variants() {
  return kVariants;
}

const FakeQuantVariant* choose(const FakeQuantArgs& args, Device device) {
  for (const auto& variant : kVariants)
    if (variant.device == device && variant.supports(args)) return &variant;
  return nullptr;
}

std::span<const ClipSearchVariant> clip_search_variants() {
  return kSearches;
}

int clip_search(const ClipSearchArgs& args) {
  for (const auto& variant : clip_search_variants())
    if (variant.supports(args)) return variant.launch(args);
  return 1;
}

}  // namespace gyre::kernels
