#include "train/rotated_block.h"

#include "core/error.h"
#include "model/block_forward.h"
#include "ops/llama_ops.h"

namespace gyre {
namespace {

using torch::autograd::AutogradContext;
using torch::autograd::variable_list;

// y with x's gradient: the identity backwards.
struct PassThrough : torch::autograd::Function<PassThrough> {
  static torch::Tensor forward(AutogradContext*, const torch::Tensor&, const torch::Tensor& y) { return y; }
  static variable_list backward(AutogradContext*, const variable_list& gradients) {
    return {gradients[0], {}};
  }
};

class PassingAll final : public Quantizer {
 public:
  explicit PassingAll(std::shared_ptr<Quantizer> inner) : inner_(std::move(inner)) {}
  void calibrate(const torch::Tensor& sample) override { inner_->calibrate(sample); }
  torch::Tensor forward(const torch::Tensor& x) override {
    if (!torch::GradMode::is_enabled() || !x.requires_grad()) return inner_->forward(x);
    torch::Tensor y;
    {
      const torch::NoGradGuard no_grad;
      y = inner_->forward(x.detach());
    }
    return PassThrough::apply(x, y);
  }
  QuantizedTensor quantize(const torch::Tensor& x) const override { return inner_->quantize(x); }
  // Without a gradient it is the inner grid, and the fused op may take it.
  const UniformGrid* plain_grid() const override {
    return torch::GradMode::is_enabled() ? nullptr : inner_->plain_grid();
  }
  bool needs_calibration() const override { return inner_->needs_calibration(); }
  double bits_per_value() const override { return inner_->bits_per_value(); }
  Levels levels(const torch::Tensor& group) const override { return inner_->levels(group); }

 private:
  std::shared_ptr<Quantizer> inner_;
};

// R^T W, i.e. R at the linear's output.
torch::Tensor times_left(const torch::Tensor& w, const torch::Tensor& r) {
  if (r.size(0) == 1) return torch::matmul(r[0].t(), w);
  return torch::bmm(r.transpose(1, 2), w.reshape({r.size(0), r.size(1), w.size(1)})).flatten(0, 1);
}

// R^T on each head's rows of w, [heads * head_dim, in].
torch::Tensor heads_left(const torch::Tensor& w, const torch::Tensor& r) {
  const auto n = r.size(0), b = r.size(1);
  const auto heads = w.size(0) / (n * b);
  if (n == 1) return torch::matmul(r[0].t(), w.reshape({heads, b, w.size(1)})).flatten(0, 1);
  return torch::matmul(r.transpose(1, 2), w.reshape({heads, n, b, w.size(1)})).flatten(0, 2);
}

// x R on each head of x's last dimension.
torch::Tensor heads_right(const torch::Tensor& x, const torch::Tensor& r) {
  return times(x.unflatten(-1, {-1, r.size(0) * r.size(1)}), r).flatten(-2);
}

torch::Tensor vector_times(const torch::Tensor& bias, const torch::Tensor& r,
                           torch::Tensor (*map)(const torch::Tensor&, const torch::Tensor&)) {
  return map(bias.to(r.scalar_type()).unsqueeze(0), r).squeeze(0).to(bias.scalar_type());
}

}  // namespace

torch::Tensor times(const torch::Tensor& x, const torch::Tensor& r) {
  const auto n = r.size(0), b = r.size(1);
  GYRE_ASSERT(r.dim() == 3 && x.size(-1) == n * b);
  if (n == 1) return torch::matmul(x, r[0]);
  const auto rows = x.reshape({-1, n, b}).transpose(0, 1);  // [n, rows, b]
  return torch::bmm(rows, r).transpose(0, 1).reshape(x.sizes());
}

torch::Tensor times_transposed(const torch::Tensor& x, const torch::Tensor& r) {
  return times(x, r.transpose(1, 2));
}

std::vector<QuantLinear*> linears_of(Block& block) {
  auto& a = block.attention;
  return {&a.q, &a.k, &a.v, &a.o, &block.mlp.gate, &block.mlp.up, &block.mlp.down};
}

Block rotate_block(const Block& block, const BlockRotations& rotations) {
  const auto& [r1, r2] = rotations;
  Block out = block;
  if (!r1.defined() && !r2.defined()) return out;
  GYRE_ASSERT(!r1.defined() || (!block.input_norm.defined() && !block.post_attention_norm.defined()));
  const auto wide = r1.defined() ? r1.scalar_type() : r2.scalar_type();
  const auto& from = block.attention;
  auto& to = out.attention;
  const auto input = [&](const QuantLinear& linear) {
    const auto w = linear.weight.to(wide);
    return r1.defined() ? times(w, r1) : w;
  };
  const auto output = [&](const torch::Tensor& w) { return r1.defined() ? times_left(w, r1) : w; };
  const auto set = [](QuantLinear& linear, const torch::Tensor& w) {
    linear.weight = w.to(linear.weight.scalar_type());
  };
  set(to.q, input(from.q));
  set(to.k, input(from.k));
  const auto v = input(from.v);
  set(to.v, r2.defined() ? heads_left(v, r2) : v);
  const auto o = from.o.weight.to(wide);
  set(to.o, output(r2.defined() ? heads_right(o, r2) : o));
  set(out.mlp.gate, input(block.mlp.gate));
  set(out.mlp.up, input(block.mlp.up));
  set(out.mlp.down, output(block.mlp.down.weight.to(wide)));
  if (r2.defined() && from.v.bias.defined()) to.v.bias = vector_times(from.v.bias, r2, heads_right);
  for (auto* linear : {&to.o, &out.mlp.down})
    if (r1.defined() && linear->bias.defined()) linear->bias = vector_times(linear->bias, r1, times);
  return out;
}

std::shared_ptr<Quantizer> passing_all(std::shared_ptr<Quantizer> quantizer) {
  return quantizer ? std::make_shared<PassingAll>(std::move(quantizer)) : nullptr;
}

void quantize_block(Block& block, bool calibrate) {
  for (auto* linear : linears_of(block)) {
    if (!linear->weight_quantizer) continue;
    if (calibrate) linear->weight_quantizer->calibrate(linear->weight.detach());
    linear->weight = linear->weight_quantizer->forward(linear->weight);
  }
}

BlockPass pass_block(const Block& block, const torch::Tensor& stream, const RopeTable& rope,
                     const LlamaConfig& config) {
  const auto mixed =
      mix_heads(block.attention, rms_norm(stream, block.input_norm, config.rms_norm_eps), rope, config);
  const auto middle = stream + block.attention.o.forward(mixed);
  const auto normed = rms_norm(middle, block.post_attention_norm, config.rms_norm_eps);
  return {middle, block.mlp.down.prepare(gated(block.mlp, normed))};
}

}  // namespace gyre
