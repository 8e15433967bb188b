// Timings of the Hadamard transform.
#include <fmt/format.h>

#include <cmath>

#include "bench_kernels.h"
#include "core/error.h"
#include "ops/cuda_library.h"
#include "ops/hadamard.h"
#include "ops/kernel_dtype.h"

namespace gyre::bench {
namespace {

struct Shape {
  std::int64_t n;
  HadamardOrder order = HadamardOrder::kNatural;
};

struct Subject {
  std::string name;
  HadamardTransform on_cpu, on_device;
};

Subject subject_of(const Shape& shape, torch::Device device) {
  auto on_cpu = make_hadamard_transform(shape.n, shape.order), on_device = on_cpu;
  if (on_cpu.base_matrix.defined()) on_device.base_matrix = on_cpu.base_matrix.to(device);
  if (on_cpu.order.defined()) on_device.order = on_cpu.order.to(device);
  const std::string factors = on_cpu.base > 1
                                  ? fmt::format("{} = {} * {}", shape.n, on_cpu.base, shape.n / on_cpu.base)
                                  : std::to_string(shape.n);
  return {factors + (shape.order == HadamardOrder::kSequency ? " sequency" : ""), on_cpu, on_device};
}

kernels::HadamardArgs args_of(const torch::Tensor& x, const torch::Tensor& out,
                              const HadamardTransform& transform) {
  const auto pointer = []<class T>(const torch::Tensor& t, T*) -> const T* {
    return t.defined() ? t.const_data_ptr<T>() : nullptr;
  };
  return {x.const_data_ptr(),
          out.mutable_data_ptr(),
          x.size(0),
          x.size(1),
          transform.block,
          transform.base,
          pointer(transform.base_matrix, static_cast<std::int8_t*>(nullptr)),
          pointer(transform.order, static_cast<std::int32_t*>(nullptr)),
          nullptr,
          1 / std::sqrt(static_cast<double>(transform.block)),
          /*transposed=*/false,
          *kernel_dtype_of(x)};
}

const kernels::HadamardVariant& oracle() {
  for (const auto& variant : kernels::hadamard_variants())
    if (variant.name == "reference") return variant;
  fail(ErrorCode::kUnsupported, "the table of Hadamard variants has no reference");
}

// Relative error in the 2-norm that each dtype may have: one rounding, and the sums' for float32.
double budget(torch::ScalarType dtype) {
  return dtype == torch::kFloat32 ? 1e-6 : dtype == torch::kFloat16 ? 3e-4 : 2.5e-3;
}

// Largest error of out against float64 over rows of x; values are of size 1.
double checked_error(const std::string& what, const torch::Tensor& x, const torch::Tensor& out,
                     const Subject& subject) {
  const auto given = x.to(torch::kCPU, torch::kFloat64).contiguous();
  const auto expected = torch::empty_like(given), found = out.to(torch::kCPU, torch::kFloat64);
  oracle().launch(args_of(given, expected, subject.on_cpu), nullptr);
  const auto difference = found - expected;
  const double relative = (difference.norm() / expected.norm()).item<double>();
  GYRE_CHECK(relative <= budget(x.scalar_type()), ErrorCode::kRun,
             "{} is off by {:.1e} of its result, which may be off by {:.1e}; it is not timed", what, relative,
             budget(x.scalar_type()));
  return difference.abs().max().item<double>();
}

std::span<const kernels::HadamardVariant> variants_on(torch::Device device) {
  return device.is_cuda() ? cuda_hadamard_variants() : kernels::hadamard_variants();
}

void launch(const kernels::HadamardVariant& variant, const kernels::HadamardArgs& args,
            void* stream = nullptr) {
  GYRE_CHECK(variant.launch(args, stream) == 0, ErrorCode::kRun, "Hadamard variant {} failed to launch",
             variant.name);
}

// In place on as many rows as the first-level cache holds.
void bench_in_cache(const Options& options, const Subject& subject, torch::ScalarType dtype,
                    std::vector<Row>& rows) {
  const std::int64_t n = subject.on_cpu.block, count = std::max<std::int64_t>(1, 4096 / n);
  for (const auto& variant : variants_on(options.device)) {
    torch::manual_seed(2);
    const auto x = torch::randn({count, n}).to(options.device, dtype);
    const auto in_place = x.clone();
    if (variant.name == "reference" || !variant.supports(args_of(x, x, subject.on_device))) continue;
    launch(variant, args_of(in_place, in_place, subject.on_device));
    Row row{"fht", std::string(variant.name), subject.name, dtype_name(dtype), false, count};
    row.error = checked_error(fmt::format("fht/{} of {} in {}", variant.name, subject.name, row.dtype), x,
                              in_place, subject);
    row.bytes = 2.0 * static_cast<double>(x.numel() * x.element_size());
    const auto args = args_of(in_place, in_place, subject.on_device);
    row.time = measure([&](std::int64_t) { launch(variant, args); }, options.device,
                       {options.quick ? 3 : 101, options.quick ? 1e-6 : 50e-6});
    rows.push_back(row);
  }
}

void bench_streaming(const Options& options, const Subject& subject, torch::ScalarType dtype, Slices& slices,
                     double copy, std::vector<Row>& rows) {
  const std::int64_t n = subject.on_cpu.block;
  for (const auto& variant : variants_on(options.device)) {
    const auto x = slices.x(0, n, dtype), out = slices.out(0, n, dtype);
    const bool slow = variant.name == "reference" || variant.name == "scalar";
    if (slow || !variant.supports(args_of(x, out, subject.on_device))) continue;
    launch(variant, args_of(x, out, subject.on_device));
    Row row{"fht", std::string(variant.name), subject.name, dtype_name(dtype), true, x.size(0)};
    for (const std::int64_t first : {std::int64_t{0}, x.size(0) - std::min<std::int64_t>(16, x.size(0))})
      row.error = std::max(
          row.error, checked_error(fmt::format("fht/{} of {} in {}", variant.name, subject.name, row.dtype),
                                   x.narrow(0, first, std::min<std::int64_t>(16, x.size(0))),
                                   out.narrow(0, first, std::min<std::int64_t>(16, x.size(0))), subject));
    row.bytes = 2.0 * static_cast<double>(x.numel() * x.element_size());
    row.time = measure_launches(
        [&](std::int64_t i, void* stream) {
          launch(variant, args_of(slices.x(i, n, dtype), slices.out(i, n, dtype), subject.on_device), stream);
        },
        options.device, {options.quick ? 2 : 21, 1e-6});
    row.copy_share = row.bytes / (row.time.median * 1e-6) / copy;
    rows.push_back(row);
  }
}

// The same by a matrix product, on at most 1024 rows.
void bench_matrix(const Options& options, const Subject& subject, torch::ScalarType dtype, Slices& slices,
                  double copy, std::vector<Row>& rows) {
  const std::int64_t n = subject.on_cpu.block;
  if (n > 4096) return;
  const auto matrix =
      hadamard(torch::eye(n, torch::kFloat64), subject.on_cpu, false).to(options.device, dtype);
  const std::int64_t count = std::min<std::int64_t>(1024, slices.x(0, n, dtype).size(0));
  const auto product = [&](std::int64_t i) {
    auto out = slices.out(i, n, dtype).narrow(0, 0, count);
    torch::matmul_out(out, slices.x(i, n, dtype).narrow(0, 0, count), matrix);
  };
  product(0);
  Row row{"fht", "torch.matmul", subject.name, dtype_name(dtype), true, count};
  const auto x = slices.x(0, n, dtype).narrow(0, 0, count).to(torch::kFloat64);
  row.error = (slices.out(0, n, dtype).narrow(0, 0, count).to(torch::kFloat64).cpu() -
               hadamard(x.cpu(), subject.on_cpu, false))
                  .abs()
                  .max()
                  .item<double>();
  row.bytes = 2.0 * static_cast<double>(count * n * torch::elementSize(dtype));
  row.time =
      measure(product, options.device, {options.quick ? 1 : 5, options.device.is_cuda() ? 10e-3 : 1e-6});
  row.copy_share = row.bytes / (row.time.median * 1e-6) / copy;
  rows.push_back(row);
}

}  // namespace

void bench_fht(const Options& options, Slices& slices, double copy, std::vector<Row>& rows) {
  std::vector<Shape> shapes{{64},
                            {256},
                            {1024},
                            {4096},
                            {16384},
                            {12 * 128},
                            {28 * 512},
                            {172 * 64},
                            {128, HadamardOrder::kSequency},
                            {4096, HadamardOrder::kSequency}};
  if (options.quick) shapes = {{64}, {1024}, {12 * 128}, {128, HadamardOrder::kSequency}};
  for (const auto dtype : options.dtypes)
    for (const auto& shape : shapes) {
      const auto subject = subject_of(shape, options.device);
      if (options.device.is_cpu()) bench_in_cache(options, subject, dtype, rows);
      bench_streaming(options, subject, dtype, slices, copy, rows);
      const bool by_matrix = shape.order == HadamardOrder::kNatural && subject.on_cpu.base == 1;
      if (by_matrix && (options.device.is_cuda() || dtype == torch::kFloat32))
        bench_matrix(options, subject, dtype, slices, copy, rows);
    }
}

}  // namespace gyre::bench
