// LLaMA for PTQ and QAT. Every linear is a QuantLinear from the start, so surgery fills slots and never
// replaces modules. Weights are plain tensors: surgery assigns new tensors and never writes into one, so that
// shallow copies may share them.
#pragma once

#include <torch/torch.h>

#include <functional>
#include <memory>
#include <string>
#include <vector>

#include "model/llama_config.h"
#include "quant/quantizer.h"
#include "rotation/rotation.h"

namespace gyre {

enum class LinearRole { kQ, kK, kV, kO, kGate, kUp, kDown, kHead };
const char* role_name(LinearRole role);  // "q_proj", ..., "lm_head"

struct QuantLinear {
  torch::Tensor weight, bias;                   // [out, in]; bias [out] or undefined
  std::shared_ptr<Rotation> online_rotation;    // applied to the input first (R4)
  std::shared_ptr<Quantizer> input_quantizer;   // then this
  std::shared_ptr<Quantizer> weight_quantizer;  // calibrated, until quantize_weights has used it
  // In training: multiply by weight_quantizer's forward of the weight, in the input's dtype.
  bool quantize_on_the_fly = false;

  torch::Tensor forward(const torch::Tensor& x) const {
    return multiply(prepare(x));
  }  // [..., in] -> [..., out]
  // The two halves of forward: the input rotated and quantized, and the product. Linears with the same online
  // rotation and input quantizer can share the first.
  torch::Tensor prepare(const torch::Tensor& x) const;
  torch::Tensor multiply(const torch::Tensor& prepared) const;
  bool shares_input_with(const QuantLinear& other) const {
    return online_rotation == other.online_rotation && input_quantizer == other.input_quantizer;
  }
  void to(torch::Device device, torch::ScalarType dtype);  // weight and bias
};

struct Attention {
  QuantLinear q, k, v, o;
  std::shared_ptr<Rotation> r3;  // queries and keys after RoPE
  std::shared_ptr<Quantizer> key_quantizer, value_quantizer;
  bool key_before_rope = false;
};
struct Mlp {
  QuantLinear gate, up, down;
};
struct Block {
  torch::Tensor input_norm, post_attention_norm;  // [hidden], undefined after folding
  Attention attention;
  Mlp mlp;
  void to(torch::Device device, torch::ScalarType dtype);  // norms and linears
};

struct LinearRef {
  std::int64_t layer;  // -1 for lm_head
  LinearRole role;
  QuantLinear& linear;
  std::string name() const;  // "layers.3.down_proj"
};

// Called at named sites when set: the residual stream after each block, [B, T, hidden]. The tensor is only
// valid during the call: without autograd the next block writes into it.
using Probe = std::function<void(std::int64_t layer, const torch::Tensor& hidden)>;

class Llama {
 public:
  LlamaConfig config;
  torch::Tensor embedding;  // [vocab, hidden]
  std::vector<Block> blocks;
  torch::Tensor final_norm;  // [hidden], undefined after folding
  QuantLinear head;          // weight shares the embedding's tensor when tied
  Probe probe;
  std::int64_t replica = 0;  // k > 0: embedding output times 1 + one-ulp noise, from the name replica/k

  // tokens: int64 [B, T], T <= max_position_embeddings. The residual stream's start, [B, T, hidden]:
  // embeddings, with the replica's noise. kConfig when T is too long, kInput when a token is outside the
  // vocabulary.
  torch::Tensor embed(const torch::Tensor& tokens) const;
  // Residual stream after the final norm, [B, T, hidden].
  torch::Tensor hidden(const torch::Tensor& tokens) const;
  // Logits [B, T, vocab] in the model's dtype.
  torch::Tensor forward(const torch::Tensor& tokens) const;

  // Layer by layer, q k v o gate up down; then head.
  void for_each_linear(const std::function<void(LinearRef)>& fn);
  // A copy whose tensors are shared.
  Llama shallow_copy() const { return *this; }
  void to(torch::Device device, torch::ScalarType dtype);
  torch::ScalarType dtype() const { return embedding.scalar_type(); }
  torch::Device device() const { return embedding.device(); }
  // Bytes of all weights, a tied head counted once.
  std::int64_t weight_bytes() const;
};

}  // namespace gyre
