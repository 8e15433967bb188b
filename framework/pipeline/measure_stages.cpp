#include "pipeline/measure_stages.h"

#include <fmt/format.h>

#include "core/error.h"
#include "core/progress.h"
#include "spec/quant_rules.h"

namespace gyre {
namespace {

struct MeasureProgress {
  MeasureProgress(const std::string& what, State& state, const StageContext& context)
      : bar(context.label + ": " + what, count_measure_steps(state.model, state.measure.windows), "steps"),
        step([this, &context] {
          bar.advance();
          context.on_step();
        }) {}
  Progress bar;
  std::function<void()> step;
};

torch::Tensor windows_of(const RunConfig& config, Inputs& inputs) {
  return measured_windows(inputs.tokens(config.model.path, config.eval.dataset, config.eval.bos),
                          config.measure, config.eval.dataset);
}

// Whether the model still is the one that was loaded.
bool is_original(const RunConfig& config) {
  const auto& r = config.rotation;
  for (const auto* site : {&r.r1, &r.r2, &r.r3, &r.r4})
    if (site->scheme != "none") return false;
  return !config.smoothing.enabled();
}

std::shared_ptr<const std::vector<TensorStat>> shared(std::vector<TensorStat> stats) {
  return std::make_shared<const std::vector<TensorStat>>(std::move(stats));
}

void add_rows(State& state, const std::vector<TensorStat>& stats, const char* phase) {
  for (const auto& [layer, tensor, site, stat] : stats)
    state.tensor_stats.push_back({layer, tensor, site, phase, stat.name, stat.value, stat.n});
}

void add_metric(State& state, const std::string& name, const Measured& measured, const char* unit) {
  state.metrics.push_back({name, measured.value, measured.std_error, measured.n, unit});
  std::vector<store::SampleRow> rows;
  for (const auto& [sum, n] : measured.windows) rows.push_back({std::ssize(rows), 0, sum, n});
  state.samples.emplace_back(name, std::move(rows));
}

}  // namespace

bool measures(const RunConfig& config) {
  return config.measure.enabled();
}

void check_measure(const RunConfig& config, Inputs& inputs) {
  if (!measures(config)) return;
  const auto& sizes = inputs.config(config.model.path);
  GYRE_CHECK(config.measure.window <= sizes.max_position_embeddings, ErrorCode::kConfig,
             "measure.window is {}; the model has {} positions", config.measure.window,
             sizes.max_position_embeddings);
  for (const auto size :
       {sizes.hidden_size, sizes.num_attention_heads * sizes.head_dim, sizes.intermediate_size})
    resolve_size(config.measure.group_size, size, "measure.group_size");
  windows_of(config, inputs);
}

void measure_original(State& state, const StageContext& context) {
  state.measure.windows = windows_of(context.config, context.inputs);
  MeasureProgress progress("measure original", state, context);
  auto measured = measure_shape(state.model, state.measure.windows, context.config.measure,
                                /*keep_logits=*/true, progress.step);
  state.measure.logits = std::move(measured.logits);
  state.measure.original = shared(std::move(measured.stats));
}

void measure_rotated(State& state, const StageContext& context) {
  state.measure.reference = std::make_shared<const Llama>(state.model.shallow_copy());
  state.measure.rotated = state.measure.original;
  if (is_original(context.config)) return;
  MeasureProgress progress("measure rotated", state, context);
  state.measure.rotated = shared(measure_shape(state.model, state.measure.windows, context.config.measure,
                                               /*keep_logits=*/false, progress.step)
                                     .stats);
}

CodeObserver code_observer(State& state, const StageContext& context) {
  if (!measures(context.config)) return {};
  const auto codes = std::make_shared<WeightCodes>();
  state.measure.codes = codes;
  const auto n_layers = state.model.config.num_hidden_layers;
  return [codes, n_layers, &spec = context.config.quant.weight](const LinearRef& ref,
                                                                const QuantizedTensor& quantized) {
    const auto n_bits = resolve_rules(spec, ref.layer, role_name(ref.role), n_layers).n_bits;
    (*codes)[ref.name()].add(quantized.codes, quantized.group_size, std::int64_t{1} << n_bits);
  };
}

void measure_stage(State& state, const StageContext& context) {
  const RunConfig& config = context.config;
  MeasureProgress progress("measure", state, context);
  const auto& measure = state.measure;
  static const WeightCodes kNoCodes;
  const auto measured =
      measure_quantized(state.model, *measure.reference, measure.logits, measure.windows, config.quant,
                        measure.codes ? *measure.codes : kNoCodes, progress.step);
  add_rows(state, *measure.original, "original");
  add_rows(state, *measure.rotated, "rotated");
  add_rows(state, measured.stats, "quantized");
  const auto protocol = fmt::format("{}@{}x{}", context.inputs.corpus(config.eval.dataset).name,
                                    config.measure.samples, config.measure.window);
  add_metric(state, "output_error/" + protocol, measured.output_error, "");
  add_metric(state, "layer_error/" + protocol, measured.layer_error, "");
  add_metric(state, "kl/" + protocol, measured.kl, "nats");
}

}  // namespace gyre
