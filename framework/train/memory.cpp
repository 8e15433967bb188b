#include "train/memory.h"

#include <algorithm>

#include "core/error.h"
#include "spec/quant_rules.h"
#include "train/losses.h"

namespace gyre {
namespace {

constexpr double kFloat = 4;

// Parameters that a group of weights learns.
double learned_per_group(const QuantSpec& spec) {
  if (spec.scheme == "lsq") return 1;
  if (spec.scheme == "lwc") return 2;
  if (spec.scheme == "ldp") return 2 + static_cast<double>((std::int64_t{1} << spec.n_bits) - 2);
  return 0;
}

struct Sizes {
  double hidden, intermediate, layers, heads, kv_heads, vocab;  // heads: times head_dim
  explicit Sizes(const LlamaConfig& c)
      : hidden(static_cast<double>(c.hidden_size)),
        intermediate(static_cast<double>(c.intermediate_size)),
        layers(static_cast<double>(c.num_hidden_layers)),
        heads(static_cast<double>(c.num_attention_heads * c.head_dim)),
        kv_heads(static_cast<double>(c.num_key_value_heads * c.head_dim)),
        vocab(static_cast<double>(c.vocab_size)) {}
  double linears() const { return layers * (2 * hidden * (heads + kv_heads) + 3 * hidden * intermediate); }
};

double quantizer_parameters(const LlamaConfig& config, const QuantSpec& weight) {
  const Sizes s(config);
  const auto of = [&](double out, std::int64_t in, std::int64_t layer, std::string_view role) {
    const auto spec = resolve_rules(weight, layer, role, config.num_hidden_layers);
    const auto group = resolve_size(spec.group_size, in, "group_size");
    return learned_per_group(spec) * out * static_cast<double>(in / group);
  };
  double n = 0;
  for (std::int64_t l = 0; l < config.num_hidden_layers; ++l) {
    n += of(s.heads, config.hidden_size, l, "q_proj") + of(s.kv_heads, config.hidden_size, l, "k_proj") +
         of(s.kv_heads, config.hidden_size, l, "v_proj") +
         of(s.hidden, config.num_attention_heads * config.head_dim, l, "o_proj") +
         of(s.intermediate, config.hidden_size, l, "gate_proj") +
         of(s.intermediate, config.hidden_size, l, "up_proj") +
         of(s.hidden, config.intermediate_size, l, "down_proj");
  }
  return n;
}

// Values that autograd keeps of one token in one block: the stream twice, each norm's input, factor and
// result, inputs of linears as they are and quantized, heads before and after RoPE, rotation and
// quantization, and what silu(gate) * up is made of.
double kept_values(const Sizes& s) {
  return 12 * s.hidden + 5 * s.heads + 6 * s.kv_heads + 7 * s.intermediate;
}

}  // namespace

double count_parameters(const LlamaConfig& config, bool untied) {
  const Sizes s(config);
  return s.linears() + s.vocab * s.hidden * (untied || !config.tie_word_embeddings ? 2 : 1) +
         (2 * s.layers + 1) * s.hidden;
}

std::vector<MemoryRow> training_memory(const LlamaConfig& config, const RunConfig& run) {
  const TrainSpec& train = run.train;
  const Sizes s(config);
  const bool untied = run.rotation.r1.scheme != "none" || !config.tie_word_embeddings;
  const double all = count_parameters(config, untied);
  const double embeddings = s.vocab * s.hidden * (untied ? 2 : 1);
  const double trained = train.embeddings ? all : all - embeddings;
  const double quantizers = quantizer_parameters(config, run.quant.weight);
  const double pass = train.dtype == "bfloat16" ? 2 : kFloat;
  const double tokens = static_cast<double>(train.loop.batch * train.loop.window);
  const double blocks = train.recompute ? 1 : s.layers;

  std::vector<MemoryRow> rows;
  const auto add = [&](std::string_view what, double bytes) { rows.push_back({std::string(what), bytes}); };
  add("weights, float32", all * kFloat);
  add("their gradients", trained * kFloat);
  add("AdamW's moments", 2 * trained * kFloat);
  if (quantizers > 0) add("learned quantizer parameters, gradients, moments", 4 * quantizers * kFloat);
  if (find_loss(train.loss).teacher) add("teacher, " + train.dtype, count_parameters(config, false) * pass);
  if (run.quant.weight.used())
    add(train.recompute ? "quantized weights of a block" : "quantized weights",
        s.linears() / s.layers * blocks * pass);
  add(train.recompute ? "activations of a block, and each block's input" : "activations",
      tokens * pass * (kept_values(s) * blocks + (train.recompute ? s.layers * s.hidden : 0.0)));
  const double at_once = std::max(16.0, static_cast<double>(kLogitsAtOnce) / s.vocab) * s.vocab;
  add("logits, a few positions at a time", 5 * std::min(at_once, tokens * s.vocab) * kFloat);
  if (train.embeddings) add("lm_head's gradient in the making", s.vocab * s.hidden * kFloat);
  return rows;
}

}  // namespace gyre
