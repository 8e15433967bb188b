// A quantized LLaMA in training: weights are float32 leaves, quantized on the fly as the forward pass needs
// them; activations, keys and values pass through their quantizers; online rotations stay where they are.
#pragma once

#include <torch/torch.h>

#include <string>
#include <vector>

#include "model/llama.h"
#include "spec/train.h"
#include "train/losses.h"
#include "train/optimizer.h"

namespace gyre {

class Student {
 public:
  // model: with calibrated weight quantizers and all others in their slots. Copies its weights and
  // quantizers, and lets each original go once it is copied.
  Student(Llama model, const TrainSpec& spec);

  // What is trained: groups weights (embedding, norms, linears and biases; embedding and lm_head only where
  // the spec says so), clips, partitions and steps, where there are any. Names: "layers.3.q_proj.weight",
  // "layers.3.q_proj.weight.clip_low", "layers.3.q_proj.input.step", "layers.3.key.step", "embedding".
  std::vector<ParameterGroup> groups() const { return groups_; }

  // The normed residual stream behind the last block for windows int64 [B, T], [B, T, hidden], in the spec's
  // dtype; differentiable.
  torch::Tensor hidden(const torch::Tensor& windows) const;
  // lm_head on the positions of `hidden` that have a target, i.e. all but each window's last.
  Head head(const torch::Tensor& hidden) const;

  const Llama& model() const { return model_; }
  // The trained model, not in training any more: plain tensors, quantizers in their slots, weights as they
  // are before quantization. Ends the student.
  Llama finish();

 private:
  torch::Tensor leaf(const std::string& name, const torch::Tensor& value);
  void take_parameters(const std::string& name, const std::shared_ptr<Quantizer>& quantizer);
  void add(std::string_view group, const std::string& name, const torch::Tensor& parameter);
  Llama model_;
  std::vector<ParameterGroup> groups_;
  torch::ScalarType dtype_;
  bool recompute_;
};

// Windows int64 [B, T]: the tokens that the positions of Student::head are to predict, [B (T - 1)].
torch::Tensor targets_of(const torch::Tensor& windows);

}  // namespace gyre
