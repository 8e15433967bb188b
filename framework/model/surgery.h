// What turns a LLaMA into a rotated, quantized one: four steps on its slots. Convention: activations are
// rows, x' = x R; W [out, in] becomes W R where R meets its input and R^T W where R meets its output; in
// float64, rounded once. Every step assigns new tensors, so a shallow copy of the model keeps its own.
#pragma once

#include <functional>

#include "model/llama.h"
#include "spec/run.h"

namespace gyre {

// Multiplies each norm's gain into the linears that it feeds and drops the norm weights. Unties lm_head
// first.
void fold_norms(Llama& model);

struct Rotations {
  std::shared_ptr<Rotation> r1;               // hidden_size, or null
  std::vector<std::shared_ptr<Rotation>> r2;  // head_dim, one per layer, or empty
  std::shared_ptr<Rotation> across_heads;  // heads * head_dim: R2's online part with scope all_heads, or null
  std::shared_ptr<Rotation> r3, r4;        // head_dim, intermediate_size, or null
};
// Seeds: derive_seed(seed, "rotation/r1"), "rotation/r2/layer3", ... Throws on sizes that do not fit.
Rotations make_rotations(const RotationPlan& plan, const LlamaConfig& config, std::int64_t seed);

// R1 into embedding, every linear and lm_head; R2 per head into v_proj and o_proj. R1 demands folded norms.
void fuse_rotations(Llama& model, const Rotations& rotations);
// R3 into the attention slots; R4 into down_proj's slot, with down_proj.weight <- weight R4; the same for
// R2's part across heads and o_proj.
void install_online(Llama& model, const Rotations& rotations);

// Weights: every linear but lm_head. on_step, where given, is called after each linear.
std::int64_t count_quantized_linears(const Llama& model);
// A quantizer for each, by the spec with its rules, calibrated on its weight (clip search included), into the
// weight_quantizer slots.
void calibrate_weights(Llama& model, const QuantSpec& spec, const std::function<void()>& on_step = {});
// Sees the codes that stand for a linear's weight.
using CodeObserver = std::function<void(const LinearRef&, const QuantizedTensor&)>;
// Replaces each weight by its fake-quantized value and empties the slot. Returns the summed squared error
// over the summed squared weights.
double quantize_weights(Llama& model, const std::function<void()>& on_step = {},
                        const CodeObserver& on_codes = {});
// Bits stored per weight of those linears, scales and zero points included, while their quantizers are in
// their slots; `unquantized` for a linear without one.
double bits_per_weight(Llama& model, double unquantized);
// calibrate_weights and quantize_weights in one.
double quantize_weights(Llama& model, const QuantSpec& spec);

// Activation, key and value quantizers into their slots (all linears but lm_head), by their specs with their
// rules. Linears that read the same activation share one quantizer where it is the same, so that it is
// quantized once.
void attach_quantizers(Llama& model, const QuantPlan& plan);

// Sizes against settings, before anything is loaded: blocks and groups that do not divide, orders without a
// Hadamard matrix, rules that match nothing or do not fit where they match. kConfig or kUnsupported, naming
// key and size.
void check_sizes(const RunConfig& run, const LlamaConfig& config);

}  // namespace gyre
