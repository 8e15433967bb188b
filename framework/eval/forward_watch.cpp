#include "eval/forward_watch.h"

#include <algorithm>
#include <tuple>

#include "core/error.h"
#include "model/block_forward.h"
#include "model/rope.h"
#include "ops/llama_ops.h"

namespace gyre {
namespace {

void show_input(ForwardWatcher& watcher, std::int64_t layer, const std::vector<LinearRef>& linears,
                const torch::Tensor& x) {
  for (const auto& input : shared_inputs(layer, linears)) watcher.see_input(input, x);
}

void show_cache(ForwardWatcher& watcher, std::int64_t layer, const Attention& attention,
                const torch::Tensor& x, const RopeTable& rope, const LlamaConfig& config) {
  const auto heads = [&](const torch::Tensor& y) {
    return y.view({y.size(0), y.size(1), config.num_key_value_heads, config.head_dim});
  };
  auto k = heads(attention.k.forward(x));
  if (!attention.key_before_rope) {
    k = apply_rope(k, rope.cos, rope.sin);
    if (attention.r3) k = attention.r3->rotate(k);
  }
  watcher.see_cache(layer, "key", k, attention.key_quantizer);
  watcher.see_cache(layer, "value", heads(attention.v.forward(x)), attention.value_quantizer);
}

}  // namespace

torch::Tensor watch_forward(Llama& model, const torch::Tensor& tokens, ForwardWatcher& watcher) {
  const torch::NoGradGuard no_grad;
  GYRE_ASSERT(tokens.dim() == 2 && tokens.size(0) == 1);
  const auto& config = model.config;
  auto stream = model.embed(tokens);
  const RopeTable rope = rope_table(config, tokens.size(1), model.device(), model.dtype());
  auto normed = rms_norm(stream, model.blocks[0].input_norm, config.rms_norm_eps);
  for (std::size_t i = 0; i < model.blocks.size(); ++i) {
    const auto layer = static_cast<std::int64_t>(i);
    auto& [input_norm, post_norm, attention, mlp] = model.blocks[i];
    show_input(watcher, layer,
               {{layer, LinearRole::kQ, attention.q},
                {layer, LinearRole::kK, attention.k},
                {layer, LinearRole::kV, attention.v}},
               normed);
    show_cache(watcher, layer, attention, normed, rope, config);
    const auto mixed = mix_heads(attention, normed, rope, config);
    show_input(watcher, layer, {{layer, LinearRole::kO, attention.o}}, mixed);
    std::tie(stream, normed) =
        add_rms_norm(stream, attention.o.forward(mixed), post_norm, config.rms_norm_eps);
    show_input(watcher, layer, {{layer, LinearRole::kGate, mlp.gate}, {layer, LinearRole::kUp, mlp.up}},
               normed);
    const auto inner = gated(mlp, normed);
    show_input(watcher, layer, {{layer, LinearRole::kDown, mlp.down}}, inner);
    const auto& next_norm = i + 1 < model.blocks.size() ? model.blocks[i + 1].input_norm : model.final_norm;
    std::tie(stream, normed) = add_rms_norm(stream, mlp.down.forward(inner), next_norm, config.rms_norm_eps);
  }
  return normed;
}

}  // namespace gyre
