#include "model/smoothing.h"

#include "core/error.h"

namespace gyre {
namespace {

torch::Tensor column_maxima(std::initializer_list<QuantLinear*> linears) {
  torch::Tensor maxima;
  for (const auto* linear : linears) {
    const auto own = linear->weight.abs().amax(0).to(torch::kFloat64);
    maxima = maxima.defined() ? torch::maximum(maxima, own) : own;
  }
  return maxima;
}

// In float64, rounded once.
void multiply(torch::Tensor& tensor, const torch::Tensor& factors) {
  if (tensor.defined()) tensor = (tensor.to(torch::kFloat64) * factors).to(tensor.scalar_type());
}

void smooth_norm(torch::Tensor& gain, const SmoothingSpec& spec, const torch::Tensor& maxima,
                 std::initializer_list<QuantLinear*> linears) {
  const auto weights = column_maxima(linears);
  const auto factors = smoothing_factors(maxima.to(weights.device()), weights, spec.alpha);
  for (auto* linear : linears) multiply(linear->weight, factors);
  if (!gain.defined()) gain = torch::ones_like(factors, (*linears.begin())->weight.scalar_type());
  multiply(gain, 1 / factors);
}

// Rows of `from` make the channels that columns of `to` read.
void move(QuantLinear& from, QuantLinear& to, const torch::Tensor& row_factors,
          const torch::Tensor& column_factors) {
  multiply(from.weight, (1 / row_factors).unsqueeze(1));
  multiply(from.bias, 1 / row_factors);
  multiply(to.weight, column_factors);
}

void smooth_heads(Attention& attention, const LlamaConfig& config, const SmoothingSpec& spec,
                  const torch::Tensor& maxima) {
  const auto kv = config.num_key_value_heads, sharing = config.num_attention_heads / kv;
  const auto by_value_head = [&](const torch::Tensor& x) {
    return x.view({kv, sharing, config.head_dim}).amax(1);
  };
  const auto weights = column_maxima({&attention.o});
  const auto factors = smoothing_factors(by_value_head(maxima.to(weights.device())), by_value_head(weights),
                                         spec.alpha);  // [kv, D]
  move(attention.v, attention.o, factors.flatten(), factors.unsqueeze(1).expand({kv, sharing, -1}).flatten());
}

}  // namespace

torch::Tensor smoothing_factors(const torch::Tensor& input_maxima, const torch::Tensor& weight_maxima,
                                double alpha) {
  const auto factors = input_maxima.pow(alpha) / weight_maxima.pow(1 - alpha);
  return torch::where((input_maxima > 0) & (weight_maxima > 0), factors, torch::ones_like(factors));
}

void smooth(Llama& model, const SmoothingSpec& spec, const std::vector<InputMaxima>& maxima) {
  const torch::NoGradGuard no_grad;
  GYRE_ASSERT(maxima.size() == model.blocks.size());
  for (std::size_t i = 0; i < maxima.size(); ++i) {
    Block& block = model.blocks[i];
    auto& attention = block.attention;
    auto& mlp = block.mlp;
    smooth_norm(block.input_norm, spec, maxima[i].attention, {&attention.q, &attention.k, &attention.v});
    smooth_norm(block.post_attention_norm, spec, maxima[i].mlp, {&mlp.gate, &mlp.up});
    if (spec.scheme != "smoothquant_all") continue;
    if (!attention.o.online_rotation) smooth_heads(attention, model.config, spec, maxima[i].o);
    if (!mlp.down.online_rotation) {
      const auto weights = column_maxima({&mlp.down});
      const auto factors = smoothing_factors(maxima[i].down.to(weights.device()), weights, spec.alpha);
      move(mlp.up, mlp.down, factors, factors);
    }
  }
}

}  // namespace gyre
