#include "model/llama.h"

#include <fmt/format.h>

#include "core/error.h"
#include "model/online.h"

namespace gyre {

const char* role_name(LinearRole role) {
  switch (role) {
    case LinearRole::kQ:
      return "q_proj";
    case LinearRole::kK:
      return "k_proj";
    case LinearRole::kV:
      return "v_proj";
    case LinearRole::kO:
      return "o_proj";
    case LinearRole::kGate:
      return "gate_proj";
    case LinearRole::kUp:
      return "up_proj";
    case LinearRole::kDown:
      return "down_proj";
    case LinearRole::kHead:
      return "lm_head";
  }
  GYRE_ASSERT(false);
}

std::string LinearRef::name() const {
  return layer < 0 ? role_name(role) : fmt::format("layers.{}.{}", layer, role_name(role));
}

namespace {

void move(torch::Tensor& tensor, torch::Device device, torch::ScalarType dtype) {
  if (tensor.defined()) tensor = tensor.to(device, dtype);
}

}  // namespace

void QuantLinear::to(torch::Device device, torch::ScalarType dtype) {
  move(weight, device, dtype);
  move(bias, device, dtype);
}

void Block::to(torch::Device device, torch::ScalarType dtype) {
  move(input_norm, device, dtype);
  move(post_attention_norm, device, dtype);
  for (auto* linear : {&attention.q, &attention.k, &attention.v, &attention.o, &mlp.gate, &mlp.up, &mlp.down})
    linear->to(device, dtype);
}

torch::Tensor QuantLinear::prepare(const torch::Tensor& x) const {
  return rotate_and_quantize(online_rotation, input_quantizer, x);
}

torch::Tensor QuantLinear::multiply(const torch::Tensor& prepared) const {
  const auto dtype = prepared.scalar_type();
  const auto w = quantize_on_the_fly && weight_quantizer ? weight_quantizer->forward(weight) : weight;
  return at::linear(prepared, w.to(dtype), bias.defined() ? std::optional(bias.to(dtype)) : std::nullopt);
}

torch::Tensor Llama::forward(const torch::Tensor& tokens) const {
  return head.forward(hidden(tokens));
}

void Llama::for_each_linear(const std::function<void(LinearRef)>& fn) {
  for (std::size_t i = 0; i < blocks.size(); ++i) {
    const auto layer = static_cast<std::int64_t>(i);
    auto& [q, k, v, o, r3, key_quantizer, value_quantizer, key_before_rope] = blocks[i].attention;
    fn({layer, LinearRole::kQ, q});
    fn({layer, LinearRole::kK, k});
    fn({layer, LinearRole::kV, v});
    fn({layer, LinearRole::kO, o});
    fn({layer, LinearRole::kGate, blocks[i].mlp.gate});
    fn({layer, LinearRole::kUp, blocks[i].mlp.up});
    fn({layer, LinearRole::kDown, blocks[i].mlp.down});
  }
  fn({-1, LinearRole::kHead, head});
}

void Llama::to(torch::Device device, torch::ScalarType dtype) {
  const bool tied = head.weight.is_same(embedding);
  move(embedding, device, dtype);
  if (tied) head.weight = embedding;
  head.to(device, dtype);
  move(final_norm, device, dtype);
  for (auto& block : blocks) block.to(device, dtype);
}

std::int64_t Llama::weight_bytes() const {
  std::int64_t bytes = 0;
  const auto add = [&](const torch::Tensor& tensor) {
    if (tensor.defined()) bytes += static_cast<std::int64_t>(tensor.nbytes());
  };
  add(embedding);
  add(final_norm);
  for (const auto& block : blocks) {
    add(block.input_norm);
    add(block.post_attention_norm);
  }
  Llama copy = shallow_copy();
  copy.for_each_linear([&](LinearRef ref) {
    if (!ref.linear.weight.is_same(embedding)) add(ref.linear.weight);
    add(ref.linear.bias);
  });
  return bytes;
}

}  // namespace gyre
