// Timings of the Hadamard transform with quantization to packed 4-bit codes in one launch on a GPU, beside
// the two launches whose bits it must give.
#include <fmt/format.h>

#include <cmath>

#include "bench_kernels.h"
#include "core/error.h"
#include "ops/cuda_library.h"
#include "ops/hadamard.h"
#include "ops/kernel_dtype.h"

namespace gyre::bench {
namespace {

using kernels::Grid;

// What one row of blocks becomes. Codes are packed in one launch, one a byte in two.
struct Results {
  torch::Tensor transformed, codes, packed, scale, zero;
  Results(const torch::Tensor& x)
      : transformed(torch::empty_like(x)),
        codes(torch::empty(x.sizes(), x.options().dtype(torch::kUInt8))),
        packed(torch::empty({x.size(0), x.size(1) / 2}, codes.options())),
        scale(torch::empty({x.size(0)}, x.options().dtype(torch::kFloat32))),
        zero(torch::empty_like(scale)) {}
};

kernels::HadamardQuantArgs args_of(const torch::Tensor& x, const HadamardTransform& t, Grid grid,
                                   const Results& to) {
  kernels::HadamardQuantArgs args{};
  args.transform = {x.const_data_ptr(),
                    to.transformed.mutable_data_ptr(),
                    x.size(0),
                    x.size(1),
                    t.block,
                    t.base,
                    t.base_matrix.defined() ? t.base_matrix.const_data_ptr<std::int8_t>() : nullptr,
                    nullptr,
                    nullptr,
                    1 / std::sqrt(static_cast<double>(t.block)),
                    /*transposed=*/false,
                    *kernel_dtype_of(x)};
  auto& quant = args.quant;
  quant.rows = x.size(0);
  quant.width = quant.group = x.size(1);
  quant.n_bits = 4;
  quant.grid = grid;
  quant.clip = 1.0;
  quant.dtype = args.transform.dtype;
  quant.scale = to.scale.mutable_data_ptr();
  quant.zero = to.zero.mutable_data_ptr();
  args.packed = to.packed.mutable_data_ptr<std::uint8_t>();
  return args;
}

void check(int status, std::string_view what) {
  GYRE_CHECK(status == 0, ErrorCode::kRun, "{} failed to launch", what);
}

template <class Variant, class Args>
const Variant* first_of(std::span<const Variant> variants, const Args& args) {
  for (const auto& variant : variants)
    if (variant.supports(args)) return &variant;
  return nullptr;
}

// The two launches, the second one to a code a byte.
void launch_apart(kernels::HadamardQuantArgs args, const Results& to, void* stream) {
  args.quant.x = args.transform.out;
  args.quant.codes = to.codes.mutable_data_ptr<std::uint8_t>();
  const auto* transform = first_of(cuda_hadamard_variants(), args.transform);
  const auto* quantize = first_of(cuda_fake_quant_variants(), args.quant);
  GYRE_CHECK(transform && quantize, ErrorCode::kUnsupported, "the GPU has no kernels for {} values in a row",
             args.transform.width);
  check(transform->launch(args.transform, stream), transform->name);
  check(quantize->launch(args.quant, stream), quantize->name);
}

void expect_same(const std::string& what, const Results& found, const Results& expected) {
  const auto low = found.packed.bitwise_and(15), high = found.packed.bitwise_right_shift(4);
  const auto codes = torch::stack({low, high}, -1).view_as(expected.codes);
  GYRE_CHECK(
      codes.equal(expected.codes) && found.scale.equal(expected.scale) && found.zero.equal(expected.zero),
      ErrorCode::kRun, "{} does not give the bits of two launches; it is not timed", what);
}

}  // namespace

void bench_fused_cuda(const Options& options, Slices& slices, double copy, std::vector<Row>& rows) {
  std::vector<std::int64_t> widths{128, 1024, 4096, 8192, 16384, 28 * 512};
  if (options.quick) widths = {128, 4096};
  for (const auto dtype : options.dtypes)
    for (const auto width : widths)
      for (const auto grid : {Grid::kSymmetric, Grid::kInteger}) {
        auto transform = make_hadamard_transform(width, HadamardOrder::kNatural);
        if (transform.base > 1) transform.base_matrix = transform.base_matrix.to(options.device);
        const auto x = slices.x(0, width, dtype);
        const Results found(x), expected(x);
        const auto args = args_of(x, transform, grid, found);
        const auto* variant = first_of(cuda_hadamard_quant_variants(), args);
        if (variant == nullptr) continue;
        const auto shape =
            fmt::format("{}, {}", width, grid == Grid::kSymmetric ? "symmetric" : "integer zero");
        check(variant->launch(args, nullptr), variant->name);
        launch_apart(args_of(x, transform, grid, expected), expected, nullptr);
        expect_same(fmt::format("fht+int4/{} of {} in {}", variant->name, shape, dtype_name(dtype)), found,
                    expected);
        const double values = static_cast<double>(x.numel()), scales = 8.0 * static_cast<double>(x.size(0));
        const auto add = [&](const std::string& name, double code_bytes, const auto& call) {
          Row row{"fht+int4", name, shape, dtype_name(dtype), true, x.size(0)};
          row.bytes = values * (static_cast<double>(torch::elementSize(dtype)) + code_bytes) + scales;
          row.time = measure_launches(call, options.device, {options.quick ? 2 : 31, 1e-6});
          row.copy_share = row.bytes / (row.time.median * 1e-6) / copy;
          rows.push_back(row);
        };
        add(std::string(variant->name), 0.5, [&](std::int64_t i, void* stream) {
          check(variant->launch(args_of(slices.x(i, width, dtype), transform, grid, found), stream),
                variant->name);
        });
        add("two launches", 1.0, [&](std::int64_t i, void* stream) {
          launch_apart(args_of(slices.x(i, width, dtype), transform, grid, expected), expected, stream);
        });
      }
}

}  // namespace gyre::bench
