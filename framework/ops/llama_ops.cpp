#include "ops/llama_ops.h"

#include <cmath>
#include <limits>
#include <optional>

#include "core/error.h"
#include "kernels/attention.h"
#include "kernels/llama.h"
#include "ops/kernel_dtype.h"

namespace gyre {
namespace {

// Columns of logits made at once: with 2048 rows 16 MB of float32, which a last-level cache holds; narrower
// blocks cost the matrix product its efficiency.
constexpr std::int64_t kVocabularyBlock = 2048;

bool wants_gradient(const torch::Tensor& x) {
  return x.defined() && torch::GradMode::is_enabled() && x.requires_grad();
}

// Of the kernels here none takes float64.
std::optional<kernels::DType> kernel_dtype(const torch::Tensor& x) {
  return x.is_cpu() && x.scalar_type() != torch::kFloat64 ? kernel_dtype_of(x) : std::nullopt;
}

// The dtype for the kernels when they may be used on these tensors.
template <class... Tensors>
std::optional<kernels::DType> usable(const torch::Tensor& x, const Tensors&... others) {
  const bool fits = (... && (!others.defined() || (others.is_contiguous() && others.device() == x.device() &&
                                                   others.scalar_type() == x.scalar_type())));
  if (!fits || !x.is_contiguous() || wants_gradient(x) || (... || wants_gradient(others)))
    return std::nullopt;
  return kernel_dtype(x);
}

void launched(int status) {
  GYRE_CHECK(status == 0, ErrorCode::kResource, "out of memory in a CPU kernel");
}

torch::ScalarType wide(const torch::Tensor& x) {
  return x.scalar_type() == torch::kFloat64 ? torch::kFloat64 : torch::kFloat32;
}

torch::Tensor rms_norm_expression(const torch::Tensor& x, const torch::Tensor& weight, double eps) {
  const auto values = x.to(wide(x));
  auto normed = values * torch::rsqrt(values.square().mean(-1, /*keepdim=*/true) + eps);
  if (weight.defined()) normed = normed * weight.to(wide(x));
  return normed.to(x.scalar_type());
}

torch::Tensor launch_rms_norm(const torch::Tensor& x, const torch::Tensor& delta, const torch::Tensor& weight,
                              double eps, kernels::DType dtype) {
  auto out = torch::empty_like(x);
  void* values = delta.defined() ? x.mutable_data_ptr() : const_cast<void*>(x.const_data_ptr());
  launched(kernels::rms_norm({values, delta.defined() ? delta.const_data_ptr() : nullptr,
                              weight.defined() ? weight.const_data_ptr() : nullptr, out.mutable_data_ptr(),
                              x.numel() / x.size(-1), x.size(-1), static_cast<float>(eps), dtype}));
  return out;
}

}  // namespace

torch::Tensor rms_norm(const torch::Tensor& x, const torch::Tensor& weight, double eps) {
  if (const auto dtype = usable(x, weight)) return launch_rms_norm(x, {}, weight, eps, *dtype);
  return rms_norm_expression(x, weight, eps);
}

std::pair<torch::Tensor, torch::Tensor> add_rms_norm(const torch::Tensor& x, const torch::Tensor& delta,
                                                     const torch::Tensor& weight, double eps) {
  if (const auto dtype = usable(x, delta, weight)) {
    auto normed = launch_rms_norm(x, delta, weight, eps, *dtype);
    return {x, normed};
  }
  auto sum = wants_gradient(x) || wants_gradient(delta) ? x + delta : x.add_(delta);
  auto normed = rms_norm_expression(sum, weight, eps);
  return {sum, normed};
}

torch::Tensor silu_multiply(const torch::Tensor& gate, const torch::Tensor& up) {
  if (const auto dtype = usable(gate, up)) {
    auto out = torch::empty_like(gate);
    launched(kernels::silu_multiply(
        {gate.const_data_ptr(), up.const_data_ptr(), out.mutable_data_ptr(), gate.numel(), *dtype}));
    return out;
  }
  return (torch::silu(gate.to(wide(gate))) * up.to(wide(up))).to(gate.scalar_type());
}

torch::Tensor apply_rope(const torch::Tensor& x, const torch::Tensor& cos, const torch::Tensor& sin) {
  const auto half = x.size(3) / 2;
  if (const auto dtype = usable(x)) {
    GYRE_ASSERT(cos.is_contiguous() && sin.is_contiguous() && cos.scalar_type() == torch::kFloat32);
    launched(
        kernels::apply_rope({x.mutable_data_ptr(), cos.const_data_ptr<float>(), sin.const_data_ptr<float>(),
                             x.size(0) * x.size(1), x.size(2), half, x.size(1), *dtype}));
    return x;
  }
  const auto values = x.to(wide(x));
  const auto a = values.narrow(3, 0, half), b = values.narrow(3, half, half);
  const auto c = cos.unsqueeze(1), s = sin.unsqueeze(1);  // [T, 1, D / 2]
  return torch::cat({a * c - b * s, b * c + a * s}, 3).to(x.scalar_type());
}

torch::Tensor causal_attention(const torch::Tensor& q, const torch::Tensor& k, const torch::Tensor& v) {
  const auto heads = q.size(2), kv_heads = k.size(2), dim = q.size(3);
  const auto dtype = usable(q, k, v);
  if (dtype && dim % 2 == 0) {
    auto out = torch::empty_like(q);
    launched(
        kernels::causal_attention({q.const_data_ptr(), k.const_data_ptr(), v.const_data_ptr(),
                                   out.mutable_data_ptr(), q.size(0), q.size(1), heads, kv_heads, dim,
                                   static_cast<float>(1 / std::sqrt(static_cast<double>(dim))), *dtype}));
    return out;
  }
  return at::scaled_dot_product_attention(q.transpose(1, 2), k.transpose(1, 2), v.transpose(1, 2), {}, 0.0,
                                          /*is_causal=*/true, std::nullopt, /*enable_gqa=*/heads != kv_heads)
      .transpose(1, 2);
}

torch::Tensor vocabulary_nll(const torch::Tensor& hidden, const torch::Tensor& weight,
                             const torch::Tensor& bias, const torch::Tensor& targets) {
  const auto rows = hidden.size(0), vocabulary = weight.size(0);
  GYRE_ASSERT(targets.dim() == 1 && targets.size(0) == rows && targets.scalar_type() == torch::kInt64);
  const auto block_of = [&](std::int64_t first, std::int64_t n) {
    return at::linear(hidden, weight.narrow(0, first, n),
                      bias.defined() ? std::optional(bias.narrow(0, first, n)) : std::nullopt);
  };
  if (wants_gradient(hidden) || wants_gradient(weight) || wants_gradient(bias)) {
    const auto logits = block_of(0, vocabulary).to(wide(hidden));
    return torch::nll_loss(torch::log_softmax(logits, 1), targets, {}, at::Reduction::None);
  }
  const auto kind = hidden.options().dtype(wide(hidden));
  auto max = torch::full({rows}, -std::numeric_limits<double>::infinity(), kind);
  auto sum = torch::zeros({rows}, kind), picked = torch::zeros({rows}, kind);
  const auto wanted = targets.to(hidden.device()).contiguous();
  for (std::int64_t first = 0; first < vocabulary; first += kVocabularyBlock) {
    const auto logits = block_of(first, std::min(kVocabularyBlock, vocabulary - first));  // [N, block]
    if (const auto dtype = usable(logits)) {
      launched(kernels::accumulate_log_sum_exp(
          {logits.const_data_ptr(), wanted.const_data_ptr<std::int64_t>(), first,
           max.mutable_data_ptr<float>(), sum.mutable_data_ptr<float>(), picked.mutable_data_ptr<float>(),
           rows, logits.size(1), *dtype}));
      continue;
    }
    const auto values = logits.to(wide(logits));
    const auto top = torch::maximum(max, values.amax(1));
    sum = sum * torch::exp(max - top) + torch::exp(values - top.unsqueeze(1)).sum(1);
    max = top;
    const auto column = (wanted - first).clamp(0, values.size(1) - 1);
    const auto inside = (wanted >= first) & (wanted < first + values.size(1));
    picked = torch::where(inside, values.gather(1, column.unsqueeze(1)).squeeze(1), picked);
  }
  return max + torch::log(sum) - picked;
}

}  // namespace gyre
