#include "train/rotation_gradient.h"

#include <map>

#include "core/error.h"
#include "model/block_forward.h"
#include "model/surgery.h"
#include "ops/llama_ops.h"
#include "spec/quant_rules.h"

namespace gyre {
namespace {

using torch::autograd::backward;

// Rows whose logits exist at once: with a vocabulary of 50,000, 50 MB of float32 for each of their copies.
constexpr std::int64_t kLogitRows = 256;
// Up to here the rotated, quantized weights of all layers are kept from the forward to the backward pass;
// above it each layer's are made again, to the same bits.
constexpr std::int64_t kKeptBytes = std::int64_t{1} << 30;

torch::Tensor leaf(const torch::Tensor& t) {
  return t.defined() ? t.detach().requires_grad_() : t;
}

torch::ScalarType wide(torch::ScalarType dtype) {
  return dtype == torch::kFloat64 ? torch::kFloat64 : torch::kFloat32;
}

class GradientPass {
 public:
  GradientPass(const Llama& frozen, const Llama& quantized, const RotationParameters& parameters,
               const std::vector<torch::Tensor>& windows, const RotationObjective& objective,
               const std::function<void()>& on_layer, bool only_loss)
      : frozen_(frozen),
        quantized_(quantized),
        parameters_(parameters),
        windows_(windows),
        objective_(objective),
        on_layer_(on_layer),
        only_loss_(only_loss),
        r1_(leaf(parameters.r1)) {
    if (parameters.r2.defined()) r2_gradient_ = torch::zeros_like(parameters.r2);
    if (!windows.empty())
      rope_ = rope_table(frozen.config, windows[0].size(1), frozen.device(), frozen.dtype());
  }

  RotationGradient run() {
    objective_.of_logits ? through_network() : block_by_block();
    auto r1 = r1_.defined() ? r1_.grad() : torch::Tensor();
    if (r1_.defined() && !r1.defined()) r1 = torch::zeros_like(r1_);
    return {loss_, {r1, r2_gradient_}};
  }

 private:
  std::int64_t n_layers() const { return std::ssize(frozen_.blocks); }
  void layer_done() const {
    if (on_layer_) on_layer_();
  }

  // A layer's rotations as leaves, and its weights as functions of them.
  struct Made {
    BlockRotations rotations;
    Block block;
  };

  Made make(std::int64_t layer, bool calibrate) const {
    const auto rotations = this->rotations(layer);
    return {rotations, rotated_and_quantized(layer, rotations, calibrate)};
  }

  bool keeps_weights() const {
    std::int64_t bytes = 0;
    for (auto block : frozen_.blocks)
      for (const auto* linear : linears_of(block))
        bytes += static_cast<std::int64_t>(linear->weight.nbytes());
    return bytes <= kKeptBytes;
  }

  // The layer's rotations as leaves; r1 is one leaf for all layers, which sums.
  BlockRotations rotations(std::int64_t layer) const {
    return {r1_, parameters_.r2.defined() ? leaf(parameters_.r2[layer]) : torch::Tensor()};
  }
  void keep_r2_gradient(std::int64_t layer, const BlockRotations& rotations) {
    if (rotations.r2.defined() && rotations.r2.grad().defined())
      r2_gradient_[layer].copy_(rotations.r2.grad());
  }

  Block rotated_and_quantized(std::int64_t layer, const BlockRotations& rotations, bool calibrate) const {
    auto block = rotate_block(quantized_.blocks[static_cast<std::size_t>(layer)], rotations);
    quantize_block(block, calibrate);
    return block;
  }

  torch::Tensor start(const torch::Tensor& tokens) const {
    const auto x = frozen_.embed(tokens);
    return r1_.defined() ? times(x.to(r1_.scalar_type()), r1_).to(x.scalar_type()) : x;
  }

  void through_network() {
    const auto n_windows = windows_.size();
    // streams[l][w]: the residual stream before layer l.
    std::vector<std::vector<torch::Tensor>> streams(static_cast<std::size_t>(n_layers()) + 1);
    const bool keeps = !only_loss_ && keeps_weights();
    std::vector<Made> kept;
    for (const auto& tokens : windows_) streams[0].push_back(start(tokens).detach());
    for (std::int64_t l = 0; l < n_layers(); ++l) {
      const auto i = static_cast<std::size_t>(l);
      const torch::AutoGradMode grad(keeps);
      auto made = make(l, /*calibrate=*/true);
      const torch::NoGradGuard no_grad;
      for (const auto& x : streams[i])
        streams[i + 1].push_back(pass_block(made.block, x, rope_, frozen_.config).output(made.block));
      if (keeps) kept.push_back(std::move(made));
      if (only_loss_) streams[i].clear();
      layer_done();
    }
    std::vector<torch::Tensor> gradients;
    for (std::size_t w = 0; w < n_windows; ++w)
      gradients.push_back(head_gradient(streams.back()[w], windows_[w]));
    if (only_loss_) return;
    streams.pop_back();
    for (std::int64_t l = n_layers(); l-- > 0;) {
      layer_gradient(l, keeps ? kept.back() : make(l, /*calibrate=*/false), streams.back(), gradients);
      if (keeps) kept.pop_back();
      streams.pop_back();
      layer_done();
    }
    if (r1_.defined())
      for (std::size_t w = 0; w < n_windows; ++w) backward({start(windows_[w])}, {gradients[w]});
  }

  // The loss of one window, added to the sum, and its gradient at the residual stream after the last layer.
  torch::Tensor head_gradient(const torch::Tensor& stream, const torch::Tensor& tokens) {
    const auto x = leaf(stream);
    auto hidden = rms_norm(x, frozen_.final_norm, frozen_.config.rms_norm_eps);
    if (r1_.defined())  // back in the basis of the frozen lm_head
      hidden = times_transposed(hidden.to(r1_.scalar_type()), r1_).to(hidden.scalar_type());
    const auto length = tokens.size(1) - 1;
    const auto targets = tokens.narrow(1, 1, length).reshape(-1).to(frozen_.device());
    const auto rows = hidden.narrow(1, 0, length).flatten(0, 1);
    torch::Tensor original;
    if (objective_.reads_original) {
      const torch::NoGradGuard no_grad;
      original = frozen_.hidden(tokens).narrow(1, 0, length).flatten(0, 1);
    }
    const auto inputs = leaf(rows);
    const double scale = 1.0 / static_cast<double>(targets.numel() * std::ssize(windows_));
    for (std::int64_t first = 0; first < targets.numel(); first += kLogitRows) {
      const auto n = std::min(kLogitRows, targets.numel() - first);
      const auto loss =
          objective_.of_logits(
              logits(inputs.narrow(0, first, n)),
              original.defined() ? logits(original.narrow(0, first, n)).detach() : torch::Tensor(),
              targets.narrow(0, first, n)) *
          scale;
      if (!only_loss_) loss.backward();
      loss_ += loss.item<double>();
    }
    if (only_loss_) return {};
    backward({rows}, {inputs.grad()});
    return x.grad();
  }

  torch::Tensor logits(const torch::Tensor& rows) const {
    return frozen_.head.multiply(rows).to(wide(rows.scalar_type()));
  }

  // gradients: at the stream after the layer for each window; replaced by those before it.
  void layer_gradient(std::int64_t layer, const Made& made, const std::vector<torch::Tensor>& streams,
                      std::vector<torch::Tensor>& gradients) {
    Block block = made.block, source = made.block;
    const auto linears = linears_of(block), sources = linears_of(source);
    for (auto* linear : linears) {
      linear->weight = leaf(linear->weight);
      linear->bias = leaf(linear->bias);
    }
    const auto& down = block.mlp.down.weight;
    torch::Tensor down_gradient;
    for (std::size_t w = 0; w < streams.size(); ++w) {
      const auto x = leaf(streams[w]);
      const auto pass = pass_block(block, x, rope_, frozen_.config);
      // down_proj's product is not computed again: only its two gradients are.
      const torch::Tensor upstream = gradients[w];
      const auto rows = upstream.flatten(0, 1);
      const auto product = torch::matmul(rows.t(), pass.down_input.detach().flatten(0, 1));
      down_gradient = down_gradient.defined() ? down_gradient + product : product;
      if (block.mlp.down.bias.defined()) add_gradient(block.mlp.down.bias, rows.sum(0));
      backward({pass.middle, pass.down_input}, {upstream, torch::matmul(upstream, down.detach())});
      gradients[w] = x.grad();
    }
    block.mlp.down.weight.mutable_grad() = down_gradient;
    std::vector<torch::Tensor> outputs, at_outputs;
    const auto follow = [&](const torch::Tensor& output, const torch::Tensor& at) {
      if (!output.defined() || !output.requires_grad()) return;
      outputs.push_back(output);
      at_outputs.push_back(at.grad());
    };
    for (std::size_t i = 0; i < linears.size(); ++i) {
      follow(sources[i]->weight, linears[i]->weight);
      follow(sources[i]->bias, linears[i]->bias);
    }
    backward(outputs, at_outputs);
    keep_r2_gradient(layer, made.rotations);
  }

  static void add_gradient(const torch::Tensor& at, const torch::Tensor& gradient) {
    auto& sum = at.mutable_grad();
    sum = sum.defined() ? sum + gradient : gradient;
  }

  void block_by_block() {
    std::vector<torch::Tensor> streams;
    if (objective_.reads_text)
      for (const auto& tokens : windows_) streams.push_back(frozen_.embed(tokens));
    const auto n_terms = std::max<std::int64_t>(1, std::ssize(streams));
    const double scale = 1.0 / static_cast<double>(n_layers() * n_terms);
    for (std::int64_t l = 0; l < n_layers(); ++l) {
      const auto rotations = this->rotations(l);
      const auto i = static_cast<std::size_t>(l);
      for (std::int64_t w = 0; w < n_terms; ++w) {
        BlockInputs inputs;
        if (!streams.empty()) inputs = advance(frozen_.blocks[i], streams[static_cast<std::size_t>(w)]);
        const auto rotated = rotate_block(frozen_.blocks[i], rotations);
        const auto quantized = rotated_and_quantized(l, rotations, /*calibrate=*/w == 0);
        const auto loss =
            objective_.of_block({rotated, quantized, rotations.r1, rotations.r2, inputs}) * scale;
        if (!only_loss_ && loss.requires_grad()) loss.backward();
        loss_ += loss.item<double>();
      }
      keep_r2_gradient(l, rotations);
      layer_done();
    }
  }

  // The block's inputs in the frozen network; moves the stream past it.
  BlockInputs advance(const Block& block, torch::Tensor& stream) const {
    const torch::NoGradGuard no_grad;
    const auto& config = frozen_.config;
    BlockInputs inputs;
    inputs.attention = rms_norm(stream, block.input_norm, config.rms_norm_eps);
    inputs.mixed = mix_heads(block.attention, inputs.attention, rope_, config);
    const auto middle = stream + block.attention.o.forward(inputs.mixed);
    inputs.mlp = rms_norm(middle, block.post_attention_norm, config.rms_norm_eps);
    inputs.gated = gated(block.mlp, inputs.mlp);
    stream = middle + block.mlp.down.forward(inputs.gated);
    return inputs;
  }

  const Llama& frozen_;
  const Llama& quantized_;
  const RotationParameters& parameters_;
  const std::vector<torch::Tensor>& windows_;
  const RotationObjective& objective_;
  const std::function<void()>& on_layer_;
  bool only_loss_;
  torch::Tensor r1_, r2_gradient_;
  RopeTable rope_;
  double loss_ = 0;
};

}  // namespace

RotationGradient rotation_gradient(const Llama& frozen, const Llama& quantized,
                                   const RotationParameters& parameters,
                                   const std::vector<torch::Tensor>& windows,
                                   const RotationObjective& objective,
                                   const std::function<void()>& on_layer) {
  GYRE_ASSERT(parameters.r1.defined() || parameters.r2.defined());
  GYRE_ASSERT(objective.reads_text != windows.empty());
  const torch::AutoGradMode grad(true);
  return GradientPass(frozen, quantized, parameters, windows, objective, on_layer, /*only_loss=*/false).run();
}

double rotation_loss(const Llama& frozen, const Llama& quantized, const RotationParameters& parameters,
                     const std::vector<torch::Tensor>& windows, const RotationObjective& objective,
                     const std::function<void()>& on_layer) {
  GYRE_ASSERT(objective.reads_text != windows.empty());
  const torch::NoGradGuard no_grad;
  return GradientPass(frozen, quantized, parameters, windows, objective, on_layer, /*only_loss=*/true)
      .run()
      .loss;
}

Llama quantize_slots(const Llama& model, const QuantPlan& plan, bool pass_clipped) {
  Llama copy = model.shallow_copy();
  attach_quantizers(copy, plan);
  copy.for_each_linear([&](LinearRef ref) {
    if (ref.role != LinearRole::kHead)
      ref.linear.weight_quantizer = make_quantizer(
          resolve_rules(plan.weight, ref.layer, role_name(ref.role), model.config.num_hidden_layers),
          ref.linear.weight.size(1));
  });
  if (!pass_clipped) return copy;
  std::map<Quantizer*, std::shared_ptr<Quantizer>> wrapped;  // linears go on sharing their quantizers
  const auto wrap = [&](std::shared_ptr<Quantizer>& slot) {
    if (!slot) return;
    auto& wrapper = wrapped[slot.get()];
    if (!wrapper) wrapper = passing_all(slot);
    slot = wrapper;
  };
  copy.for_each_linear([&](LinearRef ref) {
    wrap(ref.linear.input_quantizer);
    wrap(ref.linear.weight_quantizer);
  });
  for (auto& block : copy.blocks) {
    wrap(block.attention.key_quantizer);
    wrap(block.attention.value_quantizer);
  }
  return copy;
}

}  // namespace gyre
