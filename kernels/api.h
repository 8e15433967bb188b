// The kernels' plain interface: pointers, sizes, strides in elements. Knows neither Torch nor framework.
// The caller owns all memory; nothing allocates what it returns; inputs and outputs may be the same buffer
// where said. Every family is a table of variants; a scalar one is the oracle and supports everything.
#pragma once

#include <cstdint>
#include <span>
#include <string_view>

namespace gyre::kernels {

enum class DType : std::uint8_t { kF32, kF64, kF16, kBF16 };
enum class Device : std::uint8_t { kCpu, kCuda };

// Fast Hadamard transform of the last dimension: out[r] = scale * x[r] (I (x) H_block), per block of `block`
// values. block = base * 2^k. base_matrix: [base, base] of +-1, row-major, or null when base is 1. H is
// base_matrix (x) Sylvester; transposed applies H^T. order (block entries or null): out[j] = y[order[j]]
// after the transform (gather, forward), or the inverse scatter before it when transposed, so that transposed
// undoes forward. signs (width entries of +-1, or null): x is multiplied first (forward) or the result last
// (transposed). Sums in float32 for f32, f16 and bf16, in float64 for f64; times scale; one rounding to the
// dtype. The CPU's variants avx512, avx2 and scalar give the same bits (but for the sign and payload of a
// NaN): index bits of Sylvester's part are summed from the lowest up, then the base matrix in fours of
// inputs. "reference" sums in float64 throughout. Infinities and NaN follow IEEE 754 and stay in their block.
struct HadamardArgs {
  const void* x;
  void* out;                 // may equal x
  std::int64_t rows, width;  // rows are contiguous, width a multiple of block
  std::int64_t block, base;
  const std::int8_t* base_matrix;
  const std::int32_t* order;
  const std::int8_t* signs;
  double scale;
  bool transposed;
  DType dtype;
};
struct HadamardVariant {
  std::string_view name;
  Device device;
  bool (*supports)(const HadamardArgs&);
  // Returns 0, or an error code of the device. stream: cudaStream_t, ignored on the CPU.
  int (*launch)(const HadamardArgs&, void* stream);
};
std::span<const HadamardVariant> hadamard_variants();

// Fake quantization of rows in groups along the last dimension, one pass over the data. With p = clip (or the
// group's entry of ratio), lo and hi the group's ends, and b = n_bits, 2 to 8:
// Grid::kSymmetric: scale = p max|x| / (2^(b-1)-1), zero = 2^(b-1); c = round(x / scale) + zero;
//                   value = (c - zero) scale.
// Grid::kInteger:   lo <= 0 <= hi forced; scale = p (hi-lo) / (2^b-1), zero = round(-p lo / scale) clamped to
//                   codes; c and value as above.
// Grid::kReal:      0 not forced into the range, the same scale; zero holds the offset p lo;
//                   c = round((x - zero) / scale); value = c scale + zero: data on such a grid comes back bit
//                   for bit.
// Grid::kNoZero:    levels +-(k+1/2), scale = p max|x| / (2^(b-1) - 1/2), zero = 2^(b-1) - 1/2;
//                   value = (c - zero) scale; of two equally near levels the upper one.
// Codes are clamped to 0..2^b-1. Rounding: nearest, ties to even. "/ scale" is a product with 1 / scale,
// itself rounded once, so a near-tie may fall to the other side of where a division would put it; forward and
// codes agree. All arithmetic in float32 for f32, f16 and bf16 (scales kept in float32) and in float64 for
// f64; no fused multiply-add; one rounding to the dtype at the end. Every variant gives the same bits. A
// group whose scale is zero or subnormal has scale 0: its values come out as +0 (kReal: as lo, so equal
// values come out unchanged). A group with an infinity or NaN, or whose range overflows, comes out as NaN,
// codes 0, scale NaN.
enum class Grid : std::uint8_t { kSymmetric, kInteger, kReal, kNoZero };
struct FakeQuantArgs {
  const void* x;
  void* out;  // may equal x; null when only codes are wanted
  std::int64_t rows, width, group;
  int n_bits;
  Grid grid;
  double clip;  // ratio of the min-max range, above 0
  DType dtype;
  std::uint8_t* codes;           // [rows, width] or null
  void* scale;                   // [rows, width / group], float32 (float64 for f64), or null
  void* zero;                    // the same
  const float* ratio = nullptr;  // [rows, width / group], in place of clip; or null
};
struct FakeQuantVariant {
  std::string_view name;
  Device device;
  bool (*supports)(const FakeQuantArgs&);
  int (*launch)(const FakeQuantArgs&, void* stream);
};
std::span<const FakeQuantVariant> fake_quant_variants();

// The transform, then fake quantization of its result rounded to the dtype, in one pass over the data: the
// bits of the two launches one after the other. transform.out and quant.x are not used; quant.out may be
// transform.x. rows, width and dtype of both are equal. packed: codes of at most 4 bits, [rows, width / 2],
// the first of two in the byte's lower half (width even, n_bits at most 4); or null.
struct HadamardQuantArgs {
  HadamardArgs transform;
  FakeQuantArgs quant;
  std::uint8_t* packed;
};
struct HadamardQuantVariant {
  std::string_view name;
  Device device;
  bool (*supports)(const HadamardQuantArgs&);
  int (*launch)(const HadamardQuantArgs&, void* stream);
};
std::span<const HadamardQuantVariant> hadamard_quant_variants();

// Clip search for weights (float32 or float64 rows): per group the ratio p = 1 - i/100, i = 0..79, that
// minimizes sum |q - w|^power (2.4 or 2); the first strict improvement wins. Both ends of the range scale by
// p, rounded to float32. q is what fake quantization gives. |d|^2.4 is good to 1e-6, so only near-ties may
// differ from exact sums. A group without a finite, normal scale gets 1. launch returns 0; clip_search 1 for
// unsupported arguments.
struct ClipSearchArgs {
  const void* x;
  std::int64_t rows, width, group;
  int n_bits;
  Grid grid;
  double power;
  DType dtype;
  float* ratio;  // [rows, width / group], out
};
struct ClipSearchVariant {
  std::string_view name;
  bool (*supports)(const ClipSearchArgs&);
  int (*launch)(const ClipSearchArgs&);
};
std::span<const ClipSearchVariant> clip_search_variants();
int clip_search(const ClipSearchArgs& args);  // CPU, threaded; the first variant that supports the arguments

// The first variant of the device that supports the arguments; null when none does.
const HadamardVariant* choose(const HadamardArgs& args, Device device);
const FakeQuantVariant* choose(const FakeQuantArgs& args, Device device);
const HadamardQuantVariant* choose(const HadamardQuantArgs& args, Device device);

}  // namespace gyre::kernels
