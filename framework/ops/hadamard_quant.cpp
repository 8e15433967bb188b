#include "ops/hadamard_quant.h"

#include "core/error.h"
#include "ops/cuda_library.h"
#include "ops/hadamard_args.h"
#include "ops/kernel_dtype.h"

namespace gyre {
namespace {

// False when the device has no kernel for the arguments; sizes that do not fit are among those.
bool launch(const kernels::HadamardQuantArgs& args, torch::Device device) {
  if (device.is_cuda()) return !launch_cuda(args, device).empty();
  const auto* variant = kernels::choose(args, kernels::Device::kCpu);
  if (variant == nullptr) return false;
  GYRE_CHECK(variant->launch(args, nullptr) == 0, ErrorCode::kResource,
             "out of memory in a Hadamard transform");
  return true;
}

// Undefined where the two operations are to be done one after the other.
torch::Tensor in_one_pass(const torch::Tensor& given, const HadamardTransform& transform,
                          const UniformGrid& grid) {
  const bool fits = kernel_dtype_of(given) && (given.is_cpu() || given.is_cuda()) && given.dim() > 0 &&
                    given.numel() > 0 && grid.clip > 0 &&
                    (!transform.signs.defined() || transform.signs.numel() == given.size(-1));
  if (!fits || (torch::GradMode::is_enabled() && given.requires_grad())) return {};
  const auto x = given.contiguous();
  const auto here = on_device(transform, x.device());
  auto out = torch::empty_like(x);
  kernels::HadamardQuantArgs args{hadamard_args(x, here, /*transposed=*/false), {}, nullptr};
  args.quant.out = out.mutable_data_ptr();
  args.quant.rows = args.transform.rows;
  args.quant.width = args.transform.width;
  args.quant.group = grid.group_size;
  args.quant.n_bits = grid.n_bits;
  args.quant.grid = grid.grid;
  args.quant.clip = grid.clip;
  args.quant.dtype = args.transform.dtype;
  return launch(args, x.device()) ? out : torch::Tensor{};
}

}  // namespace

torch::Tensor hadamard_fake_quant(const torch::Tensor& x, const HadamardTransform& transform,
                                  const UniformGrid& grid) {
  const auto out = in_one_pass(x, transform, grid);
  return out.defined() ? out : fake_quant(hadamard(x, transform, /*transposed=*/false), grid);
}

}  // namespace gyre
