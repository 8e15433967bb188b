#include "core/error.h"
#include "core/progress.h"
#include "model/checkpoint.h"
#include "pipeline/calibrated_stages.h"
#include "pipeline/device.h"
#include "pipeline/learn_stage.h"
#include "pipeline/measure_stages.h"
#include "pipeline/stage.h"
#include "pipeline/train_stage.h"
#include "train/learn_rotation.h"

namespace gyre {
namespace {

constexpr std::size_t kGateTokens = 512;

bool always(const RunConfig&) {
  return true;
}
bool is_set(const RotationSpec& spec) {
  return spec.scheme != "none";
}
bool mixes_heads(const RotationSpec& r2) {
  return is_set(r2) && r2.scope == "all_heads";
}

// A nearest point depends neither on the calibration text nor on the replica, so that its weights are shared.
std::vector<std::string_view> solver_settings(const RunConfig& config) {
  if (!solves_on_inputs(config)) return {};
  auto settings = calibration_settings(config);
  settings.push_back("quant.gptq");
  if (config.quant.gptq.quantize_activations)
    settings.insert(settings.end(), {"quant.activation", "quant.key", "quant.value"});
  return settings;
}

// Surgery and the gate work in float32 whatever the forward pass's dtype, so that a rotated weight is rounded
// once.
torch::ScalarType working_dtype(const RunConfig& config) {
  return forward_dtype(config) == torch::kFloat64 ? torch::kFloat64 : torch::kFloat32;
}

void load(State& state, const StageContext& context) {
  const auto& path = context.config.model.path;
  const auto home = context.config.run.host_weights ? torch::Device(torch::kCPU) : context.device;
  auto loaded = load_model(resolve_model_path(path), working_dtype(context.config), home);
  log_info(loaded.description + (loaded.note.empty() ? "" : " (" + loaded.note + ")"));
  state.model = std::move(loaded.model);
  auto tokens = context.inputs.tokens(path, context.config.calibration.path, "auto");
  const auto positions = static_cast<std::size_t>(state.model.config.max_position_embeddings);
  tokens.resize(std::min({tokens.size(), kGateTokens, positions}));
  GYRE_CHECK(tokens.size() >= 16, ErrorCode::kInput,
             "calibration.path '{}' gives {} tokens; the invariance gate needs at least 16",
             context.config.calibration.path, tokens.size());
  state.gate = std::make_shared<const GateReference>(gate_reference(state.model, tokens));
}

void fold(State& state, const StageContext&) {
  fold_norms(state.model);
}

void pass_gate(State& state, const StageContext& context, const std::string& stage) {
  const GateResult result = check_invariance(state.model, *state.gate, state.r1);
  const std::string detail = describe(result);
  state.verifications.push_back({"invariance/" + stage, result.passed, result.max_difference, detail});
  GYRE_CHECK(result.passed, ErrorCode::kRun,
             "{}: the rotated model does not compute the original's function: {} (limit {})", context.label,
             detail, kGateLimit);
}

void rotate(State& state, const StageContext& context) {
  RotationPlan plan = context.config.rotation;
  plan.r3 = plan.r4 = RotationSpec{};
  Rotations rotations = make_rotations(plan, state.model.config, context.config.seed);
  if (state.learned) apply_factors(rotations, *state.learned);
  fuse_rotations(state.model, rotations);
  state.r1 = rotations.r1;
  pass_gate(state, context, "rotate");
}

void online(State& state, const StageContext& context) {
  RotationPlan plan = context.config.rotation;
  plan.r1 = RotationSpec{};
  install_online(state.model, make_rotations(plan, state.model.config, context.config.seed));
  pass_gate(state, context, "install_online");
}

void smooth(State& state, const StageContext& context) {
  smooth_stage(state, context);
  pass_gate(state, context, "smooth");
}

void calibrate(State& state, const StageContext& context) {
  Progress progress(context.label + ": calibrate", count_quantized_linears(state.model), "linears");
  calibrate_weights(state.model, context.config.quant.weight, [&] {
    progress.advance();
    context.on_step();
  });
}

// Learned steps of activations, keys and values start from the calibration text's first tokens.
void attach(State& state, const StageContext& context) {
  attach_quantizers(state.model, context.config.quant);
  const torch::NoGradGuard no_grad;
  const CalibrateOnUse calibrating;
  const auto& q = context.config.quant;
  for (const auto* spec : {&q.activation, &q.key, &q.value})
    if (spec->scheme == "lsq" || spec->rules.find("lsq") != std::string::npos) {
      state.model.hidden(state.gate->tokens);
      return;
    }
}

void evaluate(State& state, const StageContext& context) {
  const RunConfig& config = context.config;
  state.model.to(context.device, forward_dtype(config));
  state.model.replica = config.replica;
  const auto& tokens = context.inputs.tokens(config.model.path, config.eval.dataset, config.eval.bos);
  const auto available = static_cast<std::int64_t>(tokens.size()) / config.eval.window;
  const auto total = config.eval.max_windows > 0 ? std::min(config.eval.max_windows, available) : available;
  Progress progress(context.label + ": evaluate", total, "windows");
  const auto& text = context.inputs.corpus(config.eval.dataset);
  state.perplexity = perplexity(state.model, tokens, config.eval, text.name, [&](std::int64_t, std::int64_t) {
    progress.advance();
    context.on_step();
  });
  const auto& ppl = *state.perplexity;
  const auto bits = bits_per_byte(ppl, tokens.size(), text.text.size());
  state.metrics.push_back({bits.name, bits.value, bits.std_error, ppl.n_targets, "bits"});
}

}  // namespace

std::span<const Stage> stages() {
  static const std::vector<Stage> table = {
      {"load", 1, {"model.path", "model.dtype", "calibration.path"}, nullptr, always, load},
      {"measure_original", 1, {"measure.", "eval.dataset", "eval.bos"}, nullptr, measures, measure_original},
      // Folding is the same for every R1, so it reads nothing: the rotations of a sweep share it.
      {"fold_norms", 1, {}, nullptr, [](const RunConfig& c) { return is_set(c.rotation.r1); }, fold},
      {"learn_rotation",
       1,
       {"rotation.", "learn.", "seed"},
       learning_settings,
       learns_rotations,
       learn_stage},
      {"rotate",
       1,
       {"rotation.r1", "rotation.r2.scheme", "rotation.r2.block_size", "rotation.r2.random_signs",
        "rotation.r2.init", "rotation.r2.keep_init", "seed"},
       nullptr,
       [](const RunConfig& c) { return is_set(c.rotation.r1) || is_set(c.rotation.r2); },
       rotate},
      {"install_online",
       1,
       {"rotation.r2.scope", "rotation.r3", "rotation.r4", "seed"},
       nullptr,
       [](const RunConfig& c) {
         return is_set(c.rotation.r3) || is_set(c.rotation.r4) || mixes_heads(c.rotation.r2);
       },
       online},
      {"smooth",
       2,
       {"smoothing."},
       calibration_settings,
       [](const RunConfig& c) { return c.smoothing.enabled(); },
       smooth},
      {"measure_rotated", 1, {}, nullptr, measures, measure_rotated},
      // Solvers share what the weights alone determine.
      {"calibrate",
       1,
       {"quant.weight.scheme", "quant.weight.n_bits", "quant.weight.group_size", "quant.weight.symmetric",
        "quant.weight.zero_point", "quant.weight.clip", "quant.weight.rules", "quant.lsq", "quant.ldp"},
       nullptr,
       [](const RunConfig& c) { return c.quant.weight.used(); },
       calibrate},
      // Where weights are trained, that ends with their codes.
      {"quantize",
       2,
       {"quant.weight"},
       solver_settings,
       [](const RunConfig& c) { return c.quant.weight.used() && !c.train.enabled(); },
       quantize_stage},
      {"attach",
       1,
       {"quant.activation", "quant.key", "quant.value"},
       nullptr,
       [](const RunConfig& c) {
         return c.quant.activation.used() || c.quant.key.used() || c.quant.value.used();
       },
       attach},
      {"train",
       1,
       {"train.", "seed"},
       nullptr,
       [](const RunConfig& c) { return c.train.enabled(); },
       train_stage},
      {"evaluate", 1, {"model.dtype", "eval.", "replica"}, nullptr, always, evaluate},
      {"measure", 1, {}, nullptr, measures, measure_stage},
  };
  return table;
}

}  // namespace gyre
