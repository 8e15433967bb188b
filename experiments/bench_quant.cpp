// Timings of fake quantization, alone and behind the Hadamard transform.
#include <fmt/format.h>

#include <cmath>
#include <optional>

#include "bench_kernels.h"
#include "core/error.h"
#include "ops/cuda_library.h"
#include "ops/hadamard.h"
#include "ops/kernel_dtype.h"

namespace gyre::bench {
namespace {

using kernels::Grid;

// Rows of `width` values in groups, symmetric per token as activations are, or with an integer zero as keys
// and values.
struct Shape {
  std::int64_t width, group;
  Grid grid;
  std::string name() const {
    return fmt::format("{}, groups of {}, {}", width, group,
                       grid == Grid::kSymmetric ? "symmetric" : "integer zero");
  }
};
constexpr Shape kShapes[] = {{64, 64, Grid::kInteger},
                             {576, 576, Grid::kSymmetric},
                             {1536, 128, Grid::kSymmetric},
                             {1536, 1536, Grid::kSymmetric},
                             {4096, 4096, Grid::kSymmetric}};

kernels::FakeQuantArgs quant_args(const torch::Tensor& x, const torch::Tensor& out, const Shape& shape) {
  kernels::FakeQuantArgs args{};
  args.x = x.const_data_ptr();
  args.out = out.mutable_data_ptr();
  args.rows = x.size(0);
  args.width = x.size(1);
  args.group = shape.group;
  args.n_bits = 4;
  args.grid = shape.grid;
  args.clip = 1.0;
  args.dtype = *kernel_dtype_of(x);
  return args;
}

kernels::HadamardArgs transform_args(const torch::Tensor& x, const torch::Tensor& out,
                                     const HadamardTransform& t) {
  return {x.const_data_ptr(),
          out.mutable_data_ptr(),
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
}

template <class Variant, class Args>
void launch(const Variant& variant, const Args& args, void* stream = nullptr) {
  GYRE_CHECK(variant.launch(args, stream) == 0, ErrorCode::kRun, "variant {} failed to launch", variant.name);
}

void expect_same(const std::string& what, const torch::Tensor& found, const torch::Tensor& expected) {
  GYRE_CHECK(found.cpu().equal(expected.cpu()), ErrorCode::kRun,
             "{} does not give the bits that it must; it is not timed", what);
}

std::int64_t in_cache_rows(std::int64_t width) {
  return std::max<std::int64_t>(1, 4096 / width);
}

// One row of the table: call on x and out of the cache, or of rotating slices. A first call has been checked.
Row timed(const Options& options, Row row,
          const std::function<void(const torch::Tensor&, const torch::Tensor&, void* stream)>& call,
          Slices* slices, std::int64_t width, torch::ScalarType dtype, double copy) {
  if (slices) {
    row.rows = slices->x(0, width, dtype).size(0);
    row.time = measure_launches(
        [&](std::int64_t i, void* stream) {
          call(slices->x(i, width, dtype), slices->out(i, width, dtype), stream);
        },
        options.device, {options.quick ? 2 : 21, 1e-6});
  } else {
    row.rows = in_cache_rows(width);
    torch::manual_seed(2);
    const auto x = torch::randn({row.rows, width}).to(options.device, dtype);
    const auto out = torch::empty_like(x);
    row.time = measure_launches([&](std::int64_t, void* stream) { call(x, out, stream); }, options.device,
                                {options.quick ? 3 : 101, options.quick ? 1e-6 : 50e-6});
  }
  row.streams = slices != nullptr;
  row.dtype = dtype_name(dtype);
  row.bytes = 2.0 * static_cast<double>(row.rows * width * torch::elementSize(dtype));
  if (slices) row.copy_share = row.bytes / (row.time.median * 1e-6) / copy;
  return row;
}

torch::Tensor sample(std::int64_t width, torch::ScalarType dtype) {
  torch::manual_seed(3);
  return torch::randn({67, width}).to(dtype);
}

const kernels::FakeQuantVariant& oracle() {
  for (const auto& variant : kernels::fake_quant_variants())
    if (variant.name == "reference") return variant;
  fail(ErrorCode::kUnsupported, "the table of fake quantization's variants has no reference");
}

}  // namespace

void bench_fake_quant(const Options& options, Slices& slices, double copy, std::vector<Row>& rows) {
  const auto variants =
      options.device.is_cuda() ? cuda_fake_quant_variants() : kernels::fake_quant_variants();
  for (const auto dtype : options.dtypes)
    for (const auto& shape : kShapes) {
      const auto given = sample(shape.width, dtype);
      const auto expected = torch::empty_like(given);
      launch(oracle(), quant_args(given, expected, shape));
      for (const auto& variant : variants) {
        const auto x = given.to(options.device), out = torch::empty_like(x);
        if (variant.name == "reference" || !variant.supports(quant_args(x, out, shape))) continue;
        launch(variant, quant_args(x, out, shape));
        expect_same(fmt::format("fake_quant/{} of {} in {}", variant.name, shape.name(), dtype_name(dtype)),
                    out, expected);
        const Row row{"fake_quant", std::string(variant.name), shape.name(), {}};
        const auto call = [&](const torch::Tensor& from, const torch::Tensor& to, void* stream) {
          launch(variant, quant_args(from, to, shape), stream);
        };
        if (options.device.is_cpu())
          rows.push_back(timed(options, row, call, nullptr, shape.width, dtype, copy));
        if (variant.name != "scalar")
          rows.push_back(timed(options, row, call, &slices, shape.width, dtype, copy));
      }
    }
}

void bench_fused(const Options& options, Slices& slices, double copy, std::vector<Row>& rows) {
  if (options.device.is_cuda()) return bench_fused_cuda(options, slices, copy, rows);
  for (const auto dtype : options.dtypes)
    for (const auto& shape : kShapes) {
      const auto transform = make_hadamard_transform(shape.width, HadamardOrder::kNatural);
      const auto two_launches = [&](const torch::Tensor& x, const torch::Tensor& out, void*) {
        const auto first = transform_args(x, out, transform);
        launch(*kernels::choose(first, kernels::Device::kCpu), first);
        const auto second = quant_args(out, out, shape);
        launch(*kernels::choose(second, kernels::Device::kCpu), second);
      };
      const auto given = sample(shape.width, dtype);
      const auto expected = torch::empty_like(given);
      two_launches(given, expected, nullptr);
      const auto add = [&](const std::string& variant, const auto& call, bool streams) {
        const Row row{"fht+fake_quant", variant, shape.name(), {}};
        rows.push_back(timed(options, row, call, nullptr, shape.width, dtype, copy));
        if (streams) rows.push_back(timed(options, row, call, &slices, shape.width, dtype, copy));
      };
      add("two launches", two_launches, true);
      for (const auto& variant : kernels::hadamard_quant_variants()) {
        const auto call = [&](const torch::Tensor& x, const torch::Tensor& out, void*) {
          launch(variant, kernels::HadamardQuantArgs{transform_args(x, out, transform),
                                                     quant_args(x, out, shape), nullptr});
        };
        const auto out = torch::empty_like(given);
        if (!variant.supports(
                {transform_args(given, out, transform), quant_args(given, out, shape), nullptr}))
          continue;
        call(given, out, nullptr);
        expect_same(
            fmt::format("fht+fake_quant/{} of {} in {}", variant.name, shape.name(), dtype_name(dtype)), out,
            expected);
        add(std::string(variant.name), call, variant.name != "scalar");
      }
    }
}

}  // namespace gyre::bench
