#include "ops/hadamard.h"

#include <algorithm>
#include <cmath>
#include <mutex>
#include <vector>

#include "core/error.h"
#include "linalg/hadamard.h"
#include "ops/cuda_library.h"
#include "ops/hadamard_args.h"
#include "ops/hadamard_expressions.h"
#include "ops/kernel_dtype.h"

namespace gyre {

// A transform's tables on the GPUs that have used it.
struct HadamardDeviceCopies {
  struct Tables {
    torch::Device device;
    torch::Tensor signs_on_cpu;  // whose copy signs is
    torch::Tensor base_matrix, order, signs;
  };
  std::mutex mutex;
  std::vector<Tables> tables;
};

namespace {

using kernels::DType;
using torch::autograd::AutogradContext;
using torch::autograd::variable_list;

DType kernel_dtype(const torch::Tensor& x) {
  const auto dtype = kernel_dtype_of(x);
  GYRE_CHECK(dtype, ErrorCode::kUnsupported,
             "cannot rotate a tensor of {}; use float32, float64, float16 or bfloat16",
             torch::toString(x.scalar_type()));
  return *dtype;
}

void check(const torch::Tensor& x, const HadamardTransform& transform) {
  kernel_dtype(x);
  GYRE_CHECK(
      x.dim() > 0 && x.size(-1) % transform.block == 0, ErrorCode::kConfig,
      "a Hadamard transform in blocks of {} of a tensor of {} dimensions and size {} there; the block must "
      "divide the size",
      transform.block, x.dim(), x.dim() > 0 ? x.size(-1) : 0);
  GYRE_CHECK(!transform.signs.defined() || transform.signs.numel() == x.size(-1), ErrorCode::kConfig,
             "{} signs for rows of {} values; expected one per value",
             transform.signs.defined() ? transform.signs.numel() : 0, x.size(-1));
}

torch::Tensor moved(const torch::Tensor& t, torch::Device device) {
  return t.defined() ? t.to(device) : t;
}

// False when the device has no kernel for the arguments.
bool launch(const kernels::HadamardArgs& args, torch::Device device) {
  if (device.is_cuda()) return !launch_cuda(args, device).empty();
  if (!device.is_cpu()) return false;
  const auto* variant = kernels::choose(args, kernels::Device::kCpu);
  GYRE_ASSERT(variant != nullptr);
  GYRE_CHECK(variant->launch(args, nullptr) == 0, ErrorCode::kResource,
             "out of memory in a Hadamard transform");
  return true;
}

torch::Tensor values(const torch::Tensor& given, const HadamardTransform& given_transform, bool transposed) {
  const auto x = given.contiguous();
  if (x.numel() == 0) return x.clone();
  const auto transform = on_device(given_transform, x.device());
  auto out = torch::empty_like(x);
  auto args = hadamard_args(x, transform, transposed);
  args.out = out.mutable_data_ptr();
  return launch(args, x.device()) ? out : hadamard_by_expressions(x, transform, transposed);
}

struct SavedTransform : torch::CustomClassHolder {
  explicit SavedTransform(const HadamardTransform& given) : transform(given) {}
  HadamardTransform transform;
};

// Orthogonal, so the gradient goes through the transpose.
struct Hadamard : torch::autograd::Function<Hadamard> {
  static torch::Tensor forward(AutogradContext* context, const torch::Tensor& x,
                               const HadamardTransform& transform, bool transposed) {
    context->saved_data["transform"] =
        c10::IValue::make_capsule(c10::make_intrusive<SavedTransform>(transform));
    context->saved_data["transposed"] = transposed;
    return values(x, transform, transposed);
  }
  static variable_list backward(AutogradContext* context, const variable_list& gradients) {
    const auto& data = context->saved_data;
    const auto saved = data.at("transform").toCapsule();
    const auto& transform = static_cast<const SavedTransform&>(*saved).transform;
    return {hadamard(gradients[0], transform, !data.at("transposed").toBool()), {}, {}};
  }
};

template <class T>
const T* pointer(const torch::Tensor& t) {
  return t.defined() ? t.const_data_ptr<T>() : nullptr;
}

}  // namespace

HadamardTransform on_device(const HadamardTransform& transform, torch::Device device) {
  if (device.is_cpu()) return transform;
  GYRE_ASSERT(transform.copies != nullptr);
  const std::lock_guard lock(transform.copies->mutex);
  auto& tables = transform.copies->tables;
  const auto found = std::find_if(tables.begin(), tables.end(), [&](const auto& t) {
    return t.device == device && t.signs_on_cpu.is_same(transform.signs);
  });
  const HadamardDeviceCopies::Tables copy =
      found != tables.end()
          ? *found
          : HadamardDeviceCopies::Tables{device, transform.signs, moved(transform.base_matrix, device),
                                         moved(transform.order, device), moved(transform.signs, device)};
  if (found == tables.end()) tables.push_back(copy);
  return {transform.block, transform.base, copy.base_matrix, copy.order, copy.signs, nullptr};
}

kernels::HadamardArgs hadamard_args(const torch::Tensor& x, const HadamardTransform& transform,
                                    bool transposed) {
  return {x.const_data_ptr(),
          nullptr,
          x.numel() / x.size(-1),
          x.size(-1),
          transform.block,
          transform.base,
          pointer<std::int8_t>(transform.base_matrix),
          pointer<std::int32_t>(transform.order),
          pointer<std::int8_t>(transform.signs),
          1 / std::sqrt(static_cast<double>(transform.block)),
          transposed,
          kernel_dtype(x)};
}

HadamardTransform make_hadamard_transform(std::int64_t block, HadamardOrder order) {
  const auto factors = linalg::hadamard_factors(block);
  HadamardTransform transform{
      factors.order, factors.base, {}, {}, {}, std::make_shared<HadamardDeviceCopies>()};
  if (factors.base > 1) {
    auto base = linalg::hadamard_base(factors.base);
    transform.base_matrix =
        torch::from_blob(base.data(), {factors.base, factors.base}, torch::kInt8).t().contiguous().clone();
  }
  if (order == HadamardOrder::kSequency)
    transform.order = torch::tensor(linalg::sequency_order(block)).to(torch::kInt32);
  return transform;
}

torch::Tensor hadamard(const torch::Tensor& x, const HadamardTransform& transform, bool transposed) {
  check(x, transform);
  if (torch::GradMode::is_enabled() && x.requires_grad()) return Hadamard::apply(x, transform, transposed);
  return values(x, transform, transposed);
}

}  // namespace gyre
