// Quantizers into the slots of a LLaMA, and the checks of sizes that need no weights.
#include <fmt/format.h>

#include <array>
#include <utility>

#include "core/error.h"
#include "model/surgery.h"

namespace gyre {
namespace {

void for_each_quantized(Llama& model, const std::function<void(QuantLinear&)>& fn) {
  model.for_each_linear([&](LinearRef ref) {
    if (ref.role != LinearRole::kHead) fn(ref.linear);
  });
}

double squared_norm(const torch::Tensor& x) {
  const double norm = torch::linalg_vector_norm(x, 2, std::nullopt, false, std::nullopt).item<double>();
  return norm * norm;
}

// Puts the setting's name in front of what make() complains about.
template <class Make>
void check_site(const std::string& site, Make make) {
  try {
    make();
  } catch (const Error& error) {
    throw Error(error.code(), site + ": " + error.what());
  }
}

// Whether making the rotation can fail for some size. A purely random one fits every size and is costly to make.
bool depends_on_size(const RotationSpec& spec) {
  for (const auto& scheme : rotation_schemes())
    if (scheme.name == spec.scheme) return !scheme.uses_seed || scheme.uses_random_signs || scheme.uses_block_size;
  return true;
}

}  // namespace

std::int64_t count_quantized_linears(const Llama& model) {
  return static_cast<std::int64_t>(model.blocks.size()) * static_cast<std::int64_t>(LinearRole::kHead);
}

void calibrate_weights(Llama& model, const QuantSpec& spec, const std::function<void()>& on_step) {
  const torch::NoGradGuard no_grad;
  for_each_quantized(model, [&](QuantLinear& linear) {
    linear.weight_quantizer = make_quantizer(spec, linear.weight.size(1));
    if (linear.weight_quantizer) linear.weight_quantizer->calibrate(linear.weight);
    if (on_step) on_step();
  });
}

double quantize_weights(Llama& model, const std::function<void()>& on_step) {
  const torch::NoGradGuard no_grad;
  double error = 0, total = 0;
  for_each_quantized(model, [&](QuantLinear& linear) {
    total += squared_norm(linear.weight);
    if (linear.weight_quantizer) {
      const auto quantized = linear.weight_quantizer->forward(linear.weight);
      error += squared_norm(quantized - linear.weight);
      linear.weight = quantized;
      linear.weight_quantizer = nullptr;
    }
    if (on_step) on_step();
  });
  return total > 0 ? error / total : 0;
}

double quantize_weights(Llama& model, const QuantSpec& spec) {
  calibrate_weights(model, spec);
  return quantize_weights(model);
}

void attach_quantizers(Llama& model, const QuantPlan& plan) {
  const auto& config = model.config;
  for (auto& block : model.blocks) {
    auto& attention = block.attention;
    auto& mlp = block.mlp;
    const auto activations = [&](std::int64_t size) { return make_quantizer(plan.activation, size); };
    attention.q.input_quantizer = attention.k.input_quantizer = attention.v.input_quantizer =
        activations(config.hidden_size);
    attention.o.input_quantizer = activations(config.num_attention_heads * config.head_dim);
    mlp.gate.input_quantizer = mlp.up.input_quantizer = activations(config.hidden_size);
    mlp.down.input_quantizer = activations(config.intermediate_size);
    attention.key_quantizer = make_quantizer(plan.key, config.head_dim);
    attention.key_before_rope = plan.key.before_rope;
    attention.value_quantizer = make_quantizer(plan.value, config.head_dim);
  }
}

void check_sizes(const RunConfig& run, const LlamaConfig& config) {
  const auto mixed = config.num_attention_heads * config.head_dim;
  const auto& r = run.rotation;
  for (const auto& [name, spec, what, size] :
       {std::tuple("r1", &r.r1, "hidden_size", config.hidden_size), std::tuple("r2", &r.r2, "head_dim", config.head_dim),
        std::tuple("r3", &r.r3, "head_dim", config.head_dim),
        std::tuple("r4", &r.r4, "intermediate_size", config.intermediate_size)})
    if (depends_on_size(*spec))
      check_site(fmt::format("rotation.{} along {} {}", name, what, size), [&] { make_rotation(*spec, size, 0); });

  if (r.r2.scheme != "none" && r.r2.scope == "all_heads")
    check_site(fmt::format("rotation.r2.scope=all_heads across {} heads", config.num_attention_heads),
               [&] { make_across_heads(config.num_attention_heads, config.head_dim); });

  using Dimension = std::pair<const char*, std::int64_t>;
  const std::array<Dimension, 3> inputs{
      {{"hidden_size", config.hidden_size}, {"heads x head_dim", mixed}, {"intermediate_size", config.intermediate_size}}};
  const auto check_quantizer = [](const char* name, const QuantSpec& spec, const Dimension& dimension) {
    check_site(fmt::format("quant.{} along {} {}", name, dimension.first, dimension.second),
               [&] { make_quantizer(spec, dimension.second); });
  };
  for (const auto& dimension : inputs) {
    check_quantizer("weight", run.quant.weight, dimension);
    check_quantizer("activation", run.quant.activation, dimension);
  }
  check_quantizer("key", run.quant.key, {"head_dim", config.head_dim});
  check_quantizer("value", run.quant.value, {"head_dim", config.head_dim});
}

}  // namespace gyre
