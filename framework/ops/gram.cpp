#include "ops/gram.h"

#include <algorithm>

#include "core/error.h"
#include "kernels/gram.h"

namespace gyre {
namespace {

// Columns of a block row. One product per block row leaves out what lies below the diagonal: with 128, 60 %
// of the work remains at a width of 576, 54 % at 1536.
constexpr std::int64_t kBlock = 128;

void add_by_products(torch::Tensor& sum, const torch::Tensor& rows) {
  const auto size = sum.size(0);
  for (std::int64_t i = 0; i < size; i += kBlock) {
    const auto n = std::min(kBlock, size - i);
    sum.narrow(0, i, n).narrow(1, i, size - i).addmm_(rows.narrow(1, i, n).t(), rows.narrow(1, i, size - i));
  }
}

}  // namespace

void add_gram(torch::Tensor& sum, const torch::Tensor& x) {
  const torch::NoGradGuard no_grad;
  const auto size = sum.size(0);
  GYRE_ASSERT(sum.dim() == 2 && sum.size(1) == size && x.size(-1) == size && sum.is_contiguous());
  const auto rows = x.reshape({-1, size});
  if (kernels::has_gram() && rows.is_cpu() && rows.scalar_type() == torch::kBFloat16 && sum.is_cpu() &&
      sum.scalar_type() == torch::kFloat32) {
    const auto packed = rows.contiguous();
    const kernels::GramArgs args{packed.const_data_ptr(), packed.size(0), size,
                                 sum.mutable_data_ptr<float>()};
    GYRE_CHECK(kernels::add_gram(args) == 0, ErrorCode::kResource, "out of memory");
    return;
  }
  add_by_products(sum, rows.to(sum.device(), sum.scalar_type()));
}

}  // namespace gyre
