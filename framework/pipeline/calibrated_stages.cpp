#include "pipeline/calibrated_stages.h"

#include <fmt/format.h>

#include <limits>

#include "core/error.h"
#include "core/progress.h"
#include "eval/input_maxima.h"
#include "eval/solve_weights.h"
#include "pipeline/device.h"
#include "pipeline/measure_stages.h"
#include "quant/solver.h"

namespace gyre {
namespace {

const std::vector<TokenId>& tokens_of(const RunConfig& config, Inputs& inputs) {
  return inputs.tokens(config.model.path, config.calibration.path, "auto");
}

torch::Tensor windows_of(const RunConfig& config, Inputs& inputs) {
  return calibration_windows(tokens_of(config, inputs), config.calibration, config.seed);
}

// A progress bar over a walk, and the walk's options that move it.
struct WalkProgress {
  WalkProgress(const std::string& what, const State& state, const StageContext& context)
      : bar(context.label + ": " + what, count_walk_windows(state.model, context.config.calibration.samples),
            "windows") {
    options.dtype = forward_dtype(context.config);
    options.device = context.device;
    options.on_window = [this, &context] {
      bar.advance();
      context.on_step();
    };
  }
  Progress bar;
  WalkOptions options;
};

void warn(const SolveSummary& summary, const StageContext& context, std::int64_t n_places) {
  if (!summary.raised.empty())
    log_warning(
        fmt::format("{}: the damping of {} of {} linears was raised, up to {:g} (the first is {}): {} "
                    "tokens of calibration text do not determine them; take more calibration.samples, or a "
                    "longer text",
                    context.label, summary.raised.size(), summary.n_linears, summary.largest_damping,
                    summary.raised[0], n_places));
  if (!summary.fell_back.empty())
    log_warning(
        fmt::format("{}: in {} of {} linears the nearest codes gave the smaller output error and were taken "
                    "(the first is {})",
                    context.label, summary.fell_back.size(), summary.n_linears, summary.fell_back[0]));
}

}  // namespace

bool solves_on_inputs(const RunConfig& config) {
  return config.quant.weight.used() && find_solver(config.quant.weight.solver).reads_inputs;
}

std::vector<std::string_view> calibration_settings(const RunConfig& config) {
  std::vector<std::string_view> settings = {"calibration.", "replica"};
  if (config.calibration.order == "random") settings.push_back("seed");
  return settings;
}

void check_calibration(const RunConfig& config, Inputs& inputs) {
  if (!solves_on_inputs(config) && !config.smoothing.enabled()) return;
  const auto positions = inputs.config(config.model.path).max_position_embeddings;
  GYRE_CHECK(config.calibration.window <= positions, ErrorCode::kConfig,
             "calibration.window is {}; the model has {} positions", config.calibration.window, positions);
  const auto starts =
      calibration_starts(std::ssize(tokens_of(config, inputs)), config.calibration, config.seed);
  if (const auto& shared = inputs.shared_tokens(config.model.path, config.calibration.path, config.eval);
      shared && shared_share(*shared, starts, config.calibration.window) > kQuotedShare)
    refuse_leak(*shared, {"calibration.path", config.calibration.path, "calibrating"}, config.eval.dataset);
}

void smooth_stage(State& state, const StageContext& context) {
  state.model.replica = context.config.replica;
  WalkProgress progress("smooth", state, context);
  const auto maxima = input_maxima(state.model, windows_of(context.config, context.inputs), progress.options);
  smooth(state.model, context.config.smoothing, maxima);
}

void quantize_stage(State& state, const StageContext& context) {
  const RunConfig& config = context.config;
  const double none = std::numeric_limits<double>::quiet_NaN();
  const auto n_linears = count_quantized_linears(state.model);
  state.metrics.push_back(
      {"bits_per_weight",
       bits_per_weight(state.model, 8.0 * static_cast<double>(elementSize(forward_dtype(config)))), none,
       n_linears, "bits"});
  const auto on_codes = code_observer(state, context);
  if (!solves_on_inputs(config)) {
    state.metrics.push_back(
        {"weight_error", quantize_weights(state.model, context.on_step, on_codes), none, n_linears, ""});
    return;
  }
  state.model.replica = config.replica;
  WalkProgress progress(config.quant.weight.solver, state, context);
  const auto n_places = count_calibration_places(std::ssize(tokens_of(config, context.inputs)),
                                                 config.calibration, config.seed);
  const auto summary = solve_weights(state.model, config.quant, windows_of(config, context.inputs),
                                     progress.options, on_codes, n_places);
  progress.bar.finish();
  warn(summary, context, n_places);
  const auto protocol = fmt::format("{}@{}x{}", context.inputs.corpus(config.calibration.path).name,
                                    config.calibration.samples, config.calibration.window);
  state.metrics.push_back({"weight_error", summary.weight_error, none, n_linears, ""});
  state.metrics.push_back({"output_error/" + protocol, summary.output_error, none, n_linears, ""});
  state.metrics.push_back(
      {"output_error_of_nearest/" + protocol, summary.nearest_error, none, n_linears, ""});
  state.metrics.push_back(
      {"calibration_places/" + protocol, static_cast<double>(n_places), none, n_places, "tokens"});
  state.metrics.push_back({"largest_damping/" + protocol, summary.largest_damping, none, n_linears, ""});
  state.metrics.push_back(
      {"raised_damping/" + protocol, static_cast<double>(summary.raised.size()), none, n_linears, "linears"});
  state.metrics.push_back({"kept_nearest/" + protocol, static_cast<double>(summary.fell_back.size()), none,
                           n_linears, "linears"});
}

}  // namespace gyre
