// The Hadamard transform with fake quantization behind it (kernels/api.h): some rows at a time go through
// both while they lie in the cache, so that memory is read and written once.
#include <array>

#include "kernels/api.h"
#include "kernels/cpu/buffer.h"
#include "kernels/cpu/fake_quant_simd.h"
#include "kernels/cpu/hadamard_reference.h"
#include "kernels/cpu/hadamard_simd.h"
#include "kernels/cpu/ranges.h"
#include "kernels/cpu_features.h"

namespace gyre::kernels {
namespace {

// Below this much work a team of threads costs more than it saves (some 5 us).
constexpr std::int64_t kThreadedValues = 16384;

// Values of whole rows that are worked on at once: 16 KiB of float32.
constexpr std::int64_t kChunk = 4096;

std::int64_t bytes_of(DType dtype) {
  return dtype == DType::kF64 ? 8 : dtype == DType::kF32 ? 4 : 2;
}

bool well_formed(const HadamardQuantArgs& args) {
  const auto& [transform, quant, packed] = args;
  return hadamard_well_formed(transform) && transform.rows == quant.rows && transform.width == quant.width &&
         transform.dtype == quant.dtype && quant.group > 0 && quant.width % quant.group == 0 &&
         quant.n_bits >= 2 && quant.n_bits <= 8 &&
         (packed == nullptr || (quant.width % 2 == 0 && quant.n_bits <= 4));
}

template <class T>
T* shifted(T* x, std::int64_t count) {
  return x ? x + count : nullptr;
}
const void* shifted_bytes(const void* x, std::int64_t bytes) {
  return static_cast<const char*>(x) + bytes;
}
void* shifted_bytes(void* x, std::int64_t bytes) {
  return x ? static_cast<char*>(x) + bytes : nullptr;
}

void pack(const std::uint8_t* codes, std::uint8_t* packed, std::int64_t count) {
  for (std::int64_t i = 0; i < count / 2; ++i)
    packed[i] = static_cast<std::uint8_t>(codes[2 * i] | codes[2 * i + 1] << 4);
}

struct Functions {
  void (*transform)(const HadamardArgs&, const HadamardShared&, std::int64_t, std::int64_t, void*);
  void (*quantize)(const FakeQuantArgs&, std::int64_t, std::int64_t, void*);
};

// What one thread works in, one part after the other.
struct Scratch {
  explicit Scratch(const HadamardQuantArgs& args, std::int64_t rows) {
    const std::int64_t values = rows * args.quant.width;
    const auto take = [this](std::int64_t count) {
      const std::int64_t start = bytes;
      bytes += (count + 63) / 64 * 64;
      return start;
    };
    transform = take(hadamard_scratch(args.transform));
    quantize = take(fake_quant_scratch(args.quant.group));
    rotated = take(args.quant.out ? 0 : values * bytes_of(args.quant.dtype));
    codes = take(args.packed && !args.quant.codes ? values : 0);
  }
  std::int64_t transform, quantize, rotated, codes, bytes = 0;
};

void process_rows(const HadamardQuantArgs& args, const Functions& run, const HadamardShared& shared,
                  const Scratch& scratch, char* memory, std::int64_t first, std::int64_t rows) {
  const std::int64_t width = args.quant.width, value = bytes_of(args.quant.dtype);
  const std::int64_t groups = width / args.quant.group, scale = args.quant.dtype == DType::kF64 ? 8 : 4;
  void* out = shifted_bytes(args.quant.out, first * width * value);
  HadamardArgs transform = args.transform;
  transform.x = shifted_bytes(transform.x, first * width * value);
  transform.out = out ? out : memory + scratch.rotated;
  transform.rows = rows;
  FakeQuantArgs quant = args.quant;
  quant.x = transform.out;
  quant.out = out;
  quant.rows = rows;
  quant.codes = shifted(quant.codes, first * width);
  quant.scale = shifted_bytes(quant.scale, first * groups * scale);
  quant.zero = shifted_bytes(quant.zero, first * groups * scale);
  quant.ratio = shifted(quant.ratio, first * groups);
  if (args.packed && !quant.codes) quant.codes = reinterpret_cast<std::uint8_t*>(memory + scratch.codes);
  run.transform(transform, shared, 0, rows * (width / transform.block), memory + scratch.transform);
  run.quantize(quant, 0, rows * groups, memory + scratch.quantize);
  if (args.packed) pack(quant.codes, args.packed + first * width / 2, rows * width);
}

int over_rows(const HadamardQuantArgs& args, const Functions& run) {
  const std::int64_t rows = args.quant.rows, width = args.quant.width;
  const std::int64_t chunk = width < kChunk ? kChunk / width : 1;
  const Buffer sums(hadamard_base_sums_bytes(args.transform));
  if (sums.data() == nullptr) return 1;
  const HadamardShared shared = hadamard_shared(args.transform, /*stream=*/false, sums.data());
  const Scratch scratch(args, chunk);
  return over_ranges(rows, rows * width >= kThreadedValues, [&](std::int64_t begin, std::int64_t end) {
    const Buffer memory(scratch.bytes);
    if (memory.data() == nullptr) return 1;
    for (std::int64_t r = begin; r < end; r += chunk)
      process_rows(args, run, shared, scratch, static_cast<char*>(memory.data()), r,
                   end - r < chunk ? end - r : chunk);
    return 0;
  });
}

void transform_scalar(const HadamardArgs& args, const HadamardShared&, std::int64_t begin, std::int64_t end,
                      void* scratch) {
  hadamard_scalar_blocks(args, begin, end, scratch);
}

bool supports_avx512(const HadamardQuantArgs& args) {
  return cpu_has_avx512() && well_formed(args) && hadamard_fits_vectors(args.transform, 64);
}
bool supports_avx2(const HadamardQuantArgs& args) {
  return cpu_has_avx2() && well_formed(args) && hadamard_fits_vectors(args.transform, 32);
}
int launch_avx512(const HadamardQuantArgs& args, void*) {
  return over_rows(args, {avx512::hadamard_blocks, avx512::fake_quant_groups});
}
int launch_avx2(const HadamardQuantArgs& args, void*) {
  return over_rows(args, {avx2::hadamard_blocks, avx2::fake_quant_groups});
}
int launch_scalar(const HadamardQuantArgs& args, void*) {
  return over_rows(args, {transform_scalar, scalar::fake_quant_groups});
}

constexpr std::array kVariants{
    HadamardQuantVariant{"avx512", Device::kCpu, supports_avx512, launch_avx512},
    HadamardQuantVariant{"avx2", Device::kCpu, supports_avx2, launch_avx2},
    HadamardQuantVariant{"scalar", Device::kCpu, well_formed, launch_scalar},
};

}  // namespace

std::span<const HadamardQuantVariant> hadamard_quant_variants() {
  return kVariants;
}

const HadamardQuantVariant* choose(const HadamardQuantArgs& args, Device device) {
  for (const auto& variant : kVariants)
    if (variant.device == device && variant.supports(args)) return &variant;
  return nullptr;
}

}  // namespace gyre::kernels
