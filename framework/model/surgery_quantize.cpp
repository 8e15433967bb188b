// Quantizers into the slots of a LLaMA, and the checks of sizes that need no weights.
#include <fmt/format.h>

#include <algorithm>
#include <utility>
#include <vector>

#include "core/error.h"
#include "model/surgery.h"
#include "spec/quant_rules.h"

namespace gyre {
namespace {

void for_each_quantized(Llama& model, const std::function<void(LinearRef)>& fn) {
  model.for_each_linear([&](LinearRef ref) {
    if (ref.role != LinearRole::kHead) fn(ref);
  });
}

QuantSpec resolved(const QuantSpec& spec, std::int64_t layer, std::string_view role,
                   const LlamaConfig& config) {
  return resolve_rules(spec, layer, role, config.num_hidden_layers);
}

// Linears that read the same activation share one quantizer where it is the same, so that it is quantized
// once.
void attach_inputs(const std::vector<std::pair<LinearRole, QuantLinear*>>& linears, std::int64_t layer,
                   const QuantSpec& spec, std::int64_t size, const LlamaConfig& config) {
  std::vector<std::pair<QuantSpec, std::shared_ptr<Quantizer>>> made;
  for (const auto& [role, linear] : linears) {
    const auto own = resolved(spec, layer, role_name(role), config);
    auto same = std::ranges::find_if(made, [&](const auto& pair) { return pair.first == own; });
    if (same == made.end())
      same = made.emplace(made.end(), own, make_quantizer(own, size, QuantSite::kInput));
    linear->input_quantizer = same->second;
  }
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

// Whether making the rotation can fail for some size. A purely random one fits every size and is costly to
// make.
bool depends_on_size(const RotationSpec& spec) {
  if (spec.learned() && spec.init == "random" && !spec.random_signs) return false;
  for (const auto& scheme : rotation_schemes())
    if (scheme.name == spec.scheme)
      return !scheme.uses_seed || scheme.uses_random_signs || scheme.uses_block_size;
  return true;
}

struct Dimension {
  const char* name;
  std::int64_t size;
};

// Along which the groups of a role lie.
Dimension dimension_of(std::string_view role, const LlamaConfig& config) {
  if (role == "key" || role == "value") return {"head_dim", config.head_dim};
  if (role == "o_proj") return {"heads x head_dim", config.num_attention_heads * config.head_dim};
  if (role == "down_proj") return {"intermediate_size", config.intermediate_size};
  return {"hidden_size", config.hidden_size};
}

void check_quantizers(const std::string& site, const QuantSpec& spec, const LlamaConfig& config) {
  check_rules_match(spec, site, config.num_hidden_layers);
  const std::int64_t n_layers = spec.rules.empty() ? 1 : config.num_hidden_layers;
  const auto at = site == "quant.weight" ? QuantSite::kWeight : QuantSite::kInput;
  for (std::int64_t layer = 0; layer < n_layers; ++layer)
    for (const auto role : roles_of(site)) {
      const auto own = resolved(spec, layer, role, config);
      const auto dimension = dimension_of(role, config);
      const auto place = fmt::format(" at layers.{}.{}", layer, role);
      const auto check_settings = [&] { check_quant_spec(own, site, site); };
      spec.rules.empty() ? check_settings() : check_site(site + ".rules" + place, check_settings);
      // Without rules the role says no more than the dimension.
      check_site(fmt::format("{}{} along {} {}", site, spec.rules.empty() ? "" : place, dimension.name,
                             dimension.size),
                 [&] { make_quantizer(own, dimension.size, at); });
    }
}

}  // namespace

std::int64_t count_quantized_linears(const Llama& model) {
  return static_cast<std::int64_t>(model.blocks.size()) * static_cast<std::int64_t>(LinearRole::kHead);
}

void calibrate_weights(Llama& model, const QuantSpec& spec, const std::function<void()>& on_step) {
  const torch::NoGradGuard no_grad;
  for_each_quantized(model, [&](LinearRef ref) {
    auto& linear = ref.linear;
    linear.weight_quantizer =
        make_quantizer(resolved(spec, ref.layer, role_name(ref.role), model.config), linear.weight.size(1));
    if (linear.weight_quantizer) linear.weight_quantizer->calibrate(linear.weight);
    if (on_step) on_step();
  });
}

double bits_per_weight(Llama& model, double unquantized) {
  double bits = 0, weights = 0;
  for_each_quantized(model, [&](LinearRef ref) {
    const auto n = static_cast<double>(ref.linear.weight.numel());
    bits += n * (ref.linear.weight_quantizer ? ref.linear.weight_quantizer->bits_per_value() : unquantized);
    weights += n;
  });
  return weights > 0 ? bits / weights : unquantized;
}

double quantize_weights(Llama& model, const std::function<void()>& on_step, const CodeObserver& on_codes) {
  const torch::NoGradGuard no_grad;
  double error = 0, total = 0;
  for_each_quantized(model, [&](LinearRef ref) {
    auto& linear = ref.linear;
    total += squared_norm(linear.weight);
    if (linear.weight_quantizer) {
      const auto quantized = linear.weight_quantizer->forward(linear.weight);
      error += squared_norm(quantized - linear.weight);
      if (on_codes) on_codes(ref, linear.weight_quantizer->quantize(linear.weight));
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
  for (std::size_t i = 0; i < model.blocks.size(); ++i) {
    const auto layer = static_cast<std::int64_t>(i);
    auto& attention = model.blocks[i].attention;
    auto& mlp = model.blocks[i].mlp;
    const auto attach = [&](const std::vector<std::pair<LinearRole, QuantLinear*>>& linears,
                            std::int64_t size) {
      attach_inputs(linears, layer, plan.activation, size, config);
    };
    attach({{LinearRole::kQ, &attention.q}, {LinearRole::kK, &attention.k}, {LinearRole::kV, &attention.v}},
           config.hidden_size);
    attach({{LinearRole::kO, &attention.o}}, config.num_attention_heads * config.head_dim);
    attach({{LinearRole::kGate, &mlp.gate}, {LinearRole::kUp, &mlp.up}}, config.hidden_size);
    attach({{LinearRole::kDown, &mlp.down}}, config.intermediate_size);
    attention.key_quantizer =
        make_quantizer(resolved(plan.key, layer, "key", config), config.head_dim, QuantSite::kInput);
    attention.key_before_rope = plan.key.before_rope;
    attention.value_quantizer =
        make_quantizer(resolved(plan.value, layer, "value", config), config.head_dim, QuantSite::kInput);
  }
}

void check_sizes(const RunConfig& run, const LlamaConfig& config) {
  const auto& r = run.rotation;
  for (const auto& [name, spec, what, size] :
       {std::tuple("r1", &r.r1, "hidden_size", config.hidden_size),
        std::tuple("r2", &r.r2, "head_dim", config.head_dim),
        std::tuple("r3", &r.r3, "head_dim", config.head_dim),
        std::tuple("r4", &r.r4, "intermediate_size", config.intermediate_size)})
    check_site(fmt::format("rotation.{} along {} {}", name, what, size), [&] {
      if (spec->learned()) resolve_size(spec->block_size, size, "block_size");
      if (depends_on_size(*spec)) make_rotation(*spec, size, 0);
    });

  if (r.r2.scheme != "none" && r.r2.scope == "all_heads")
    check_site(fmt::format("rotation.r2.scope=all_heads across {} heads", config.num_attention_heads),
               [&] { make_across_heads(config.num_attention_heads, config.head_dim); });

  const auto& q = run.quant;
  for (const auto& [site, spec] :
       {std::pair("quant.weight", &q.weight), std::pair("quant.activation", &q.activation),
        std::pair("quant.key", &q.key), std::pair("quant.value", &q.value)})
    check_quantizers(site, *spec, config);
}

}  // namespace gyre
