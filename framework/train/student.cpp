#include "train/student.h"

#include <algorithm>
#include <map>

#include "core/error.h"
#include "model/block_forward.h"
#include "model/rope.h"
#include "ops/llama_ops.h"
#include "train/recompute.h"

namespace gyre {
namespace {

// Which group a quantizer's parameter belongs to.
std::string_view group_of(std::string_view parameter) {
  if (parameter == "clip_low" || parameter == "clip_high") return "clips";
  if (parameter == "partition") return "partitions";
  GYRE_ASSERT(parameter == "step");
  return "steps";
}

// Copies that are shared as the originals are.
class QuantizerCopies {
 public:
  std::shared_ptr<Quantizer> of(const std::shared_ptr<Quantizer>& original, bool& fresh) {
    fresh = false;
    if (!original) return nullptr;
    auto& copy = copies_[original.get()];
    fresh = !copy;
    if (fresh) copy = original->copy();
    return copy;
  }

 private:
  std::map<const Quantizer*, std::shared_ptr<Quantizer>> copies_;
};

}  // namespace

Student::Student(Llama model, const TrainSpec& spec)
    : model_(std::move(model)),
      groups_{{"weights", spec.loop.lr, true, {}},
              {"clips", spec.clip_lr, false, {}},
              {"partitions", spec.partition_lr, false, {}},
              {"steps", spec.step_lr, false, {}}},
      dtype_(spec.dtype == "bfloat16" ? torch::kBFloat16 : model_.dtype()),
      recompute_(spec.recompute) {
  model_.probe = nullptr;
  const bool tied = model_.head.weight.is_same(model_.embedding);
  if (spec.embeddings) model_.embedding = leaf("embedding", model_.embedding);
  if (tied)
    model_.head.weight = model_.embedding;
  else if (spec.embeddings)
    model_.head.weight = leaf("lm_head.weight", model_.head.weight);
  if (model_.final_norm.defined()) model_.final_norm = leaf("final_norm", model_.final_norm);
  QuantizerCopies copies;
  bool fresh = false;
  const auto copied = [&](const std::string& name, std::shared_ptr<Quantizer>& slot) {
    slot = copies.of(slot, fresh);
    if (fresh) take_parameters(name, slot);
  };
  for (std::size_t i = 0; i < model_.blocks.size(); ++i) {
    auto& block = model_.blocks[i];
    const auto prefix = "layers." + std::to_string(i) + ".";
    if (block.input_norm.defined()) block.input_norm = leaf(prefix + "input_norm", block.input_norm);
    if (block.post_attention_norm.defined())
      block.post_attention_norm = leaf(prefix + "post_attention_norm", block.post_attention_norm);
    copied(prefix + "key", block.attention.key_quantizer);
    copied(prefix + "value", block.attention.value_quantizer);
  }
  model_.for_each_linear([&](LinearRef ref) {
    if (ref.role == LinearRole::kHead) return;
    auto& linear = ref.linear;
    linear.weight = leaf(ref.name() + ".weight", linear.weight);
    if (linear.bias.defined()) linear.bias = leaf(ref.name() + ".bias", linear.bias);
    copied(ref.name() + ".weight", linear.weight_quantizer);
    copied(ref.name() + ".input", linear.input_quantizer);
    linear.quantize_on_the_fly = true;
  });
  std::erase_if(groups_, [](const ParameterGroup& group) { return group.parameters.empty(); });
}

torch::Tensor Student::leaf(const std::string& name, const torch::Tensor& value) {
  auto parameter = value.detach().clone(torch::MemoryFormat::Contiguous).requires_grad_();
  add("weights", name, parameter);
  return parameter;
}

void Student::take_parameters(const std::string& name, const std::shared_ptr<Quantizer>& quantizer) {
  for (const auto& item : quantizer->named_parameters())
    if (item.value().defined()) add(group_of(item.key()), name + "." + item.key(), item.value());
}

void Student::add(std::string_view group, const std::string& name, const torch::Tensor& parameter) {
  const auto it = std::ranges::find_if(groups_, [&](const auto& g) { return g.name == group; });
  GYRE_ASSERT(it != groups_.end());
  it->parameters.emplace_back(name, parameter);
}

torch::Tensor Student::hidden(const torch::Tensor& windows) const {
  auto x = model_.embed(windows).to(dtype_);
  if (recompute_ && !x.requires_grad()) x = x.detach().requires_grad_();
  const RopeTable rope = rope_table(model_.config, windows.size(1), model_.device(), dtype_);
  for (const Block& block : model_.blocks) {
    const auto pass = [&block, rope, config = &model_.config](const torch::Tensor& stream) {
      return block_forward(block, stream, rope, *config);
    };
    x = recompute_ ? recomputed(pass, x) : pass(x);
  }
  return rms_norm(x, model_.final_norm, model_.config.rms_norm_eps);
}

Head Student::head(const torch::Tensor& hidden) const {
  const auto positions = hidden.narrow(1, 0, hidden.size(1) - 1).reshape({-1, hidden.size(2)});
  return {model_.head.prepare(positions), model_.head.weight, model_.head.bias};
}

Llama Student::finish() {
  const torch::NoGradGuard no_grad;
  const auto plain = [](torch::Tensor& t) {
    if (t.defined()) t = t.detach();
  };
  groups_.clear();
  const bool tied = model_.head.weight.is_same(model_.embedding);
  plain(model_.embedding);
  plain(model_.final_norm);
  for (auto& block : model_.blocks) {
    plain(block.input_norm);
    plain(block.post_attention_norm);
  }
  model_.for_each_linear([&](LinearRef ref) {
    auto& linear = ref.linear;
    plain(linear.weight);
    plain(linear.bias);
    linear.quantize_on_the_fly = false;
  });
  if (tied) model_.head.weight = model_.embedding;
  return std::move(model_);
}

torch::Tensor targets_of(const torch::Tensor& windows) {
  return windows.narrow(1, 1, windows.size(1) - 1).reshape({-1});
}

}  // namespace gyre
