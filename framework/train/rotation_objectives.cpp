#include "train/rotation_objectives.h"

#include <array>
#include <string>
#include <vector>

#include "core/error.h"
#include "core/text.h"
#include "train/rotated_block.h"

namespace gyre {
namespace {

// Cross-entropy of the quantized network, in nats: Liu et al., "SpinQuant", arXiv:2405.16406, equation 2.
torch::Tensor cross_entropy(const torch::Tensor& logits, const torch::Tensor&, const torch::Tensor& targets) {
  return torch::nll_loss(torch::log_softmax(logits, 1), targets, {}, at::Reduction::Sum);
}

// KL(original || quantized), in nats.
torch::Tensor divergence(const torch::Tensor& logits, const torch::Tensor& original, const torch::Tensor&) {
  const auto expected = torch::log_softmax(original, 1);
  return (expected.exp() * (expected - torch::log_softmax(logits, 1))).sum();
}

// mean x^4 / (mean x^2)^2 over the last dimensions `over`: 3 for normal values, 1 for equal magnitudes.
torch::Tensor kurtosis(const torch::Tensor& x, torch::IntArrayRef over) {
  const auto squares = x.square();
  return (squares.square().mean(over) / squares.mean(over).square().clamp_min(1e-30)).mean();
}

torch::Tensor mean_of(const std::vector<torch::Tensor>& values) {
  return torch::stack(values).mean();
}

// In the rotated basis, in the rotation's dtype.
torch::Tensor rotated(const torch::Tensor& x, const torch::Tensor& r) {
  return r.defined() ? times(x.to(r.scalar_type()), r).to(x.scalar_type()) : x;
}
torch::Tensor heads_rotated(const torch::Tensor& x, const torch::Tensor& r) {
  return r.defined() ? rotated(x.unflatten(-1, {-1, r.size(0) * r.size(1)}), r).flatten(-2) : x;
}

// Of each token's values at the inputs that R1 and R2 turn, after KurTail (arXiv:2503.01483) but without its
// target: the kurtosis about zero is made small.
torch::Tensor input_kurtosis(const BlockView& block) {
  std::vector<torch::Tensor> values;
  if (block.r1.defined())
    for (const auto& x : {block.inputs.attention, block.inputs.mlp})
      values.push_back(kurtosis(rotated(x, block.r1), -1));
  if (block.r2.defined()) values.push_back(kurtosis(heads_rotated(block.inputs.mixed, block.r2), -1));
  return mean_of(values);
}

// OptRot (arXiv:2512.24124): fourth powers of the rotated weights, each linear's over its (fixed) square of
// the mean square.
torch::Tensor weight_fourth_powers(const BlockView& block) {
  Block copy = block.rotated;
  std::vector<torch::Tensor> values;
  for (const auto* linear : linears_of(copy)) values.push_back(kurtosis(linear->weight, {-2, -1}));
  return mean_of(values);
}

// Squared error of each linear's output over the output's square, on the full-precision network's inputs.
torch::Tensor output_errors(const BlockView& block) {
  const auto attention = rotated(block.inputs.attention, block.r1);
  const auto mlp = rotated(block.inputs.mlp, block.r1);
  const auto mixed = heads_rotated(block.inputs.mixed, block.r2);
  Block exact = block.rotated, quantized = block.quantized;
  const auto a = linears_of(exact), b = linears_of(quantized);
  const std::array inputs{attention, attention, attention, mixed, mlp, mlp, block.inputs.gated};
  std::vector<torch::Tensor> values;
  for (std::size_t i = 0; i < inputs.size(); ++i) {
    const auto expected = a[i]->forward(inputs[i]);
    values.push_back((b[i]->forward(inputs[i]) - expected).square().sum() /
                     expected.square().sum().clamp_min(1e-30));
  }
  return mean_of(values);
}

constexpr bool kText = true, kOriginal = true;
constexpr std::array kObjectives{
    RotationObjective{"ce", "cross-entropy of the quantized network (SpinQuant)", kText, false, cross_entropy,
                      nullptr},
    RotationObjective{"kl", "divergence of the quantized network's predictions from the original's", kText,
                      kOriginal, divergence, nullptr},
    RotationObjective{"kurtosis", "kurtosis of activations at the inputs of linears, block by block", kText,
                      false, nullptr, input_kurtosis},
    RotationObjective{"l4", "fourth powers of the rotated weights; reads no text", false, false, nullptr,
                      weight_fourth_powers},
    RotationObjective{"quant_error", "relative squared error of each linear's output, block by block", kText,
                      false, nullptr, output_errors},
};

}  // namespace

std::span<const RotationObjective> rotation_objectives() {
  return kObjectives;
}

const RotationObjective& find_rotation_objective(std::string_view name) {
  std::vector<std::string> names;
  for (const auto& objective : kObjectives) {
    if (objective.name == name) return objective;
    names.emplace_back(objective.name);
  }
  fail(ErrorCode::kConfig, "learn.objective: unknown objective '{}'{}", name,
       suggestion(std::string(name), names));
}

}  // namespace gyre
