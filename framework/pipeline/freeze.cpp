#include "pipeline/freeze.h"

#include <fmt/format.h>

#include "core/digest.h"
#include "core/error.h"
#include "core/text.h"
#include "model/checkpoint.h"
#include "model/surgery.h"
#include "pipeline/calibrated_stages.h"
#include "pipeline/learn_stage.h"
#include "pipeline/measure_stages.h"
#include "pipeline/train_stage.h"
#include "quant/quantizer.h"
#include "rotation/rotation.h"
#include "train/rotation_objectives.h"

namespace gyre {
namespace {

// "experiments/conf/quant/w4a16.toml:3:1: " or nothing.
std::string at(const config::Composed& composed, const std::string& key) {
  const auto it = composed.origins.find(key);
  return it == composed.origins.end() ? key + ": " : it->second + ": " + key + ": ";
}

template <class Table>
void check_scheme(const config::Composed& composed, const std::string& key, const std::string& scheme,
                  const Table& table, std::string_view list) {
  std::vector<std::string> names = {"none"};
  for (const auto& row : table) names.emplace_back(row.name);
  for (const auto& name : names)
    if (name == scheme) return;
  fail(ErrorCode::kConfig, "{}unknown scheme '{}'{}; `gyre list {}` shows all", at(composed, key), scheme,
       suggestion(scheme, names), list);
}

void check_schemes(const config::Composed& composed) {
  const auto& r = composed.config.rotation;
  for (const auto& [spec, site] :
       {std::pair(&r.r1, "r1"), std::pair(&r.r2, "r2"), std::pair(&r.r3, "r3"), std::pair(&r.r4, "r4")})
    check_scheme(composed, fmt::format("rotation.{}.scheme", site), spec->scheme, rotation_schemes(),
                 "rotations");
  for (const auto& [spec, site] : {std::pair(&r.r1, "r1"), std::pair(&r.r2, "r2")})
    if (spec->learned())
      check_scheme(composed, fmt::format("rotation.{}.init", site), spec->init, rotation_schemes(),
                   "rotations");
  if (learns_rotations(composed.config)) find_rotation_objective(composed.config.learn.objective);
  const auto& q = composed.config.quant;
  for (const auto& [spec, site] : {std::pair(&q.weight, "weight"), std::pair(&q.activation, "activation"),
                                   std::pair(&q.key, "key"), std::pair(&q.value, "value")})
    check_scheme(composed, fmt::format("quant.{}.scheme", site), spec->scheme, quant_schemes(), "quantizers");
  for (const auto& [spec, site] :
       {std::pair(&q.activation, "activation"), std::pair(&q.key, "key"), std::pair(&q.value, "value")})
    GYRE_CHECK(
        composed.config.train.enabled() || spec->scheme != "lsq", ErrorCode::kConfig,
        "{0}lsq learns the step of {1}s from training data, and train.scheme is 'none'; use train=qat, "
        "or quant.{1}.scheme=rtn",
        at(composed, fmt::format("quant.{}.scheme", site)), site);
}

ModelShape shape_of(const LlamaConfig& sizes) {
  return {sizes.hidden_size,         sizes.intermediate_size,   sizes.num_hidden_layers,
          sizes.num_attention_heads, sizes.num_key_value_heads, sizes.head_dim,
          sizes.vocab_size};
}

void check_shape(const config::Composed& composed, const ModelShape& there) {
  const ModelSpec& model = composed.config.model;
  GYRE_CHECK(model.any_shape || fits(model.shape, there), ErrorCode::kConfig,
             "{}these settings are for a model with {}; {} has {}. model.any_shape=true runs them on it all "
             "the same "
             "(a published value is then not comparable)",
             at(composed, "model.shape.hidden_size"), to_text(model.shape), model.path, to_text(there));
}

}  // namespace

std::string rotation_label(const RotationPlan& plan) {
  const auto name = [](const RotationSpec& spec) {
    std::string text = spec.scheme;
    if (spec.learned()) text += (spec.keep_init ? " on " : " from ") + spec.init;
    return spec.random_signs ? text + " (signs)" : text;
  };
  const bool across_heads = plan.r2.scheme != "none" && plan.r2.scope == "all_heads";
  const std::string suffix = across_heads ? " across heads" : "";
  if (plan.r1.scheme == "none" && plan.r2.scheme != "none") return "none, R2 " + name(plan.r2) + suffix;
  return name(plan.r1) + (across_heads ? ", R2" + suffix : "");
}

FrozenRun freeze(const config::Composed& composed, Inputs& inputs) {
  const RunConfig& config = composed.config;
  check_schemes(composed);
  const auto& path = config.model.path;
  const LlamaConfig& sizes = inputs.config(path);
  check_shape(composed, shape_of(sizes));
  try {
    check_sizes(config, sizes);
  } catch (const Error& error) {
    throw config::with_origin(error, composed.origins);
  }
  GYRE_CHECK(config.eval.window <= sizes.max_position_embeddings, ErrorCode::kConfig,
             "{}window {} exceeds the model's {} positions", at(composed, "eval.window"), config.eval.window,
             sizes.max_position_embeddings);
  const Corpus& evaluated = inputs.corpus(config.eval.dataset);
  const Corpus& calibration = inputs.corpus(config.calibration.path);
  GYRE_CHECK(evaluated.digest != calibration.digest, ErrorCode::kConfig,
             "{}'{}' holds the same text as eval.dataset '{}'; calibrating on the evaluated text is refused",
             at(composed, "calibration.path"), config.calibration.path, config.eval.dataset);
  GYRE_CHECK(!config.run.host_weights || !(config.train.enabled() || learns_rotations(config)),
             ErrorCode::kConfig,
             "{}run.host_weights keeps weights off the device, where training and learning rotations need "
             "them; leave it out",
             at(composed, "run.host_weights"));
  check_calibration(config, inputs);
  check_measure(config, inputs);
  check_learning(config, inputs);
  const auto n_tokens =
      static_cast<std::int64_t>(inputs.tokens(path, config.eval.dataset, config.eval.bos).size());
  GYRE_CHECK(n_tokens >= config.eval.window, ErrorCode::kConfig,
             "{}window {} is longer than '{}' with its {} tokens", at(composed, "eval.window"),
             config.eval.window, config.eval.dataset, n_tokens);

  check_train_text(config, inputs);

  FrozenRun run{config, {}, {}};
  run.config.model.shape = shape_of(sizes);
  run.point.canonical = canonical_text(config);
  run.inputs_digest = "model " + inputs.model_digest(path) + "\ndataset " + evaluated.digest +
                      "\ncalibration " + calibration.digest + "\n";
  if (config.train.enabled()) run.inputs_digest += "train " + inputs.corpus(config.train.path).digest + "\n";
  run.point.digest =
      sha256_hex(run.point.canonical + run.inputs_digest + learning_text_digest(config, inputs));
  run.point.label = rotation_label(config.rotation) + " " + bits_label(config);
  if (config.quant.weight.used() && config.quant.weight.solver != "nearest")
    run.point.label += "+" + config.quant.weight.solver;
  if (const auto& scheme = config.quant.weight.scheme; scheme != "rtn" && config.quant.weight.enabled())
    run.point.label += "+" + scheme;
  if (config.train.enabled()) run.point.label += "+" + config.train.scheme;
  if (config.smoothing.enabled()) run.point.label += "+" + config.smoothing.scheme;
  run.point.params = params(run.config);
  run.point.params.push_back({"model.digest", '"' + inputs.model_digest(path) + '"'});
  return run;
}

}  // namespace gyre
