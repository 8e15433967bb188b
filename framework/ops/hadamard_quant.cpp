#include "ops/hadamard_quant.h"

#include <cmath>

#include "core/error.h"
#include "ops/kernel_dtype.h"

namespace gyre {
namespace {

template <class T>
const T* pointer(const torch::Tensor& t) {
  return t.defined() ? t.const_data_ptr<T>() : nullptr;
}

// The kernel's arguments without what it writes; sizes that do not fit are left to the kernel's supports().
kernels::HadamardQuantArgs kernel_args(const torch::Tensor& x, kernels::DType dtype,
                                       const HadamardTransform& transform, const UniformGrid& grid) {
  const auto width = x.size(-1), rows = x.numel() / width;
  kernels::HadamardQuantArgs args{};
  args.transform = {x.const_data_ptr(),
                    nullptr,
                    rows,
                    width,
                    transform.block,
                    transform.base,
                    pointer<std::int8_t>(transform.base_matrix),
                    pointer<std::int32_t>(transform.order),
                    pointer<std::int8_t>(transform.signs),
                    1 / std::sqrt(static_cast<double>(transform.block)),
                    /*transposed=*/false,
                    dtype};
  args.quant.rows = rows;
  args.quant.width = width;
  args.quant.group = grid.group_size;
  args.quant.n_bits = grid.n_bits;
  args.quant.grid = grid.grid;
  args.quant.clip = grid.clip;
  args.quant.dtype = dtype;
  return args;
}

// The kernel and its arguments, or nothing where the two operations are done one after the other.
torch::Tensor in_one_pass(const torch::Tensor& given, const HadamardTransform& transform,
                          const UniformGrid& grid) {
  const auto dtype = kernel_dtype_of(given);
  const bool fits = dtype && given.is_cpu() && given.dim() > 0 && given.numel() > 0 && grid.clip > 0 &&
                    (!transform.signs.defined() || transform.signs.numel() == given.size(-1));
  if (!fits || (torch::GradMode::is_enabled() && given.requires_grad())) return {};
  const auto x = given.contiguous();
  auto args = kernel_args(x, *dtype, transform, grid);
  const auto* variant = kernels::choose(args, kernels::Device::kCpu);
  if (variant == nullptr) return {};
  auto out = torch::empty_like(x);
  args.quant.out = out.mutable_data_ptr();
  GYRE_CHECK(variant->launch(args, nullptr) == 0, ErrorCode::kResource,
             "out of memory in a Hadamard transform");
  return out;
}

}  // namespace

torch::Tensor hadamard_fake_quant(const torch::Tensor& x, const HadamardTransform& transform,
                                  const UniformGrid& grid) {
  const auto out = in_one_pass(x, transform, grid);
  return out.defined() ? out : fake_quant(hadamard(x, transform, /*transposed=*/false), grid);
}

}  // namespace gyre
