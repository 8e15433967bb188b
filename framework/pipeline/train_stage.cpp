#include "pipeline/train_stage.h"

#include <fmt/format.h>

#include <algorithm>
#include <limits>
#include <numeric>

#include "core/error.h"
#include "core/progress.h"
#include "core/text.h"
#include "model/checkpoint.h"
#include "model/packed.h"
#include "train/generate.h"
#include "train/losses.h"
#include "train/memory.h"
#include "train/qat.h"
#include "train/state_file.h"

namespace gyre {
namespace {

const std::vector<TokenId>& train_tokens(const RunConfig& config, Inputs& inputs) {
  return inputs.tokens(config.model.path, config.train.path, "auto");
}

void refuse_evaluated_text(const std::optional<SharedTokens>& shared, const RunConfig& config) {
  if (shared) refuse_leak(*shared, {"train.path", config.train.path, "training"}, config.eval.dataset);
}

// What the teacher writes, from the file of an earlier attempt at this run where there is one.
std::vector<TokenId> written_text(const Llama& teacher, const StageContext& context) {
  const RunConfig& config = context.config;
  const auto& spec = config.train.generate;
  auto file = context.files.training_state;
  if (!file.empty()) file += ".text";
  NamedTensors kept = {{"tokens", torch::empty({0}, torch::kInt32)}};
  if (!file.empty() && load_state(file, kept, context.files.fingerprint, {"tokens"})) {
    const auto& tokens = kept[0].second;
    return {tokens.const_data_ptr<std::int32_t>(), tokens.const_data_ptr<std::int32_t>() + tokens.numel()};
  }
  Progress progress(context.label + ": generate", spec.samples, "windows");
  auto tokens = generate_text(teacher, train_tokens(config, context.inputs), spec, config.train.loop.window,
                              config.seed, [&](std::int64_t n) {
                                progress.advance(n);
                                context.on_step();
                              });
  if (!file.empty())
    save_state(file, {{"tokens", torch::tensor(tokens, torch::kInt32)}}, context.files.fingerprint);
  return tokens;
}

LoopOptions loop_options(const StageContext& context) {
  LoopOptions options;
  options.label = context.label;
  options.checkpoint = context.files.training_state;
  options.checkpoint_every = context.config.train.checkpoint_every;
  options.fingerprint = context.files.fingerprint;
  options.on_step = context.on_step;
  options.on_points = [&context](const std::vector<TrainPoint>& points) {
    std::vector<store::CurveRow> rows;
    for (const auto& point : points) rows.push_back({"train/" + point.name, point.step, point.value});
    if (context.on_curve) context.on_curve(rows);
  };
  return options;
}

// Mean over the last tenth of the steps.
double final_loss(const std::vector<double>& losses) {
  const auto n = std::max<std::ptrdiff_t>(1, std::ssize(losses) / 10);
  return std::accumulate(losses.end() - n, losses.end(), 0.0) / static_cast<double>(n);
}

void add_metrics(State& state, const StageContext& context, const QatResult& result) {
  const double none = std::numeric_limits<double>::quiet_NaN();
  const TrainSpec& train = context.config.train;
  const auto tokens = result.loop.steps * train.loop.tokens_per_step();
  const auto add = [&](std::string name, double value, std::int64_t n, const char* unit) {
    state.metrics.push_back({std::move(name), value, none, n, unit});
  };
  if (!result.loop.losses.empty())
    add("train/" + train.loss, final_loss(result.loop.losses), result.loop.steps, "nats");
  add("train/tokens", static_cast<double>(tokens), result.loop.steps, "tokens");
  if (result.beta > 0) add("train/beta", result.beta, train.beta_windows, "");
  const auto timed = result.loop.steps - result.loop.resumed_at;
  if (result.loop.seconds > 0 && timed > 0)
    add("speed/train", static_cast<double>(timed * train.loop.tokens_per_step()) / result.loop.seconds, timed,
        "tokens/s");
}

}  // namespace

void check_train_text(const RunConfig& config, Inputs& inputs) {
  if (!config.train.enabled()) return;
  const auto& loop = config.train.loop;
  const auto positions = inputs.config(config.model.path).max_position_embeddings;
  GYRE_CHECK(loop.window <= positions, ErrorCode::kConfig, "train.window is {}; the model has {} positions",
             loop.window, positions);
  GYRE_CHECK(config.train.generate.samples == 0 || config.train.generate.prompt < loop.window,
             ErrorCode::kConfig,
             "train.generate.prompt is {} and train.window {}; the teacher must have something to write",
             config.train.generate.prompt, loop.window);
  const auto& tokens = train_tokens(config, inputs);
  TokenWindows(tokens, loop.window, config.seed, config.train.path);
  refuse_evaluated_text(inputs.shared_tokens(config.model.path, config.train.path, config.eval), config);
}

std::string training_memory_text(const RunConfig& config, Inputs& inputs) {
  if (!config.train.enabled()) return "";
  std::string text;
  double sum = 0;
  for (const auto& row : training_memory(inputs.config(config.model.path), config)) {
    sum += row.bytes;
    text += fmt::format("# {:>10}  {}\n", format_bytes(static_cast<std::uint64_t>(row.bytes)), row.what);
  }
  return fmt::format("# training takes about {} of memory on {}:\n",
                     format_bytes(static_cast<std::uint64_t>(sum)), config.run.device) +
         text;
}

void train_stage(State& state, const StageContext& context) {
  const RunConfig& config = context.config;
  const TrainSpec& train = config.train;
  log_info(training_memory_text(config, context.inputs));
  std::optional<Llama> teacher;
  if (find_loss(train.loss).teacher || train.generate.samples > 0)
    teacher = load_model(resolve_model_path(config.model.path),
                         train.dtype == "bfloat16" ? torch::kBFloat16 : state.model.dtype(), context.device)
                  .model;
  auto tokens = train_tokens(config, context.inputs);
  if (train.generate.samples > 0) {
    tokens = written_text(*teacher, context);
    refuse_evaluated_text(
        find_shared_tokens(tokens,
                           context.inputs.tokens(config.model.path, config.eval.dataset, config.eval.bos)),
        config);
  }
  const TokenWindows windows(std::move(tokens), train.loop.window, config.seed, train.path);
  auto result = train_quantized(std::move(state.model), teacher ? &*teacher : nullptr, windows, train,
                                loop_options(context));
  teacher.reset();
  add_metrics(state, context, result);
  if (result.loop.diverged) {
    state.diverged_at = result.loop.steps;
    return;
  }
  state.model = std::move(result.model);
  const double none = std::numeric_limits<double>::quiet_NaN();
  const auto n_linears = count_quantized_linears(state.model);
  if (!context.files.packed.empty()) {
    const auto size = save_packed(context.files.packed, state.model, config,
                                  context.inputs.config(config.model.path).tie_word_embeddings);
    log_info(fmt::format("{}: {}, {:.2f} bits a weight, {:.2f} times smaller than in 16 bits", context.label,
                         context.files.packed.string(), size.bits_per_weight(), size.ratio_to_fp16()));
    state.metrics.push_back({"packed/ratio_to_fp16", size.ratio_to_fp16(), none, n_linears, ""});
    state.metrics.push_back({"packed/bytes", size.bytes(), none, n_linears, "bytes"});
  }
  state.metrics.push_back({"bits_per_weight", bits_per_weight(state.model, 32), none, n_linears, "bits"});
  // From here on the codes are the truth: each weight becomes dequantize(quantize(w)).
  state.metrics.push_back(
      {"weight_error", quantize_weights(state.model, context.on_step), none, n_linears, ""});
}

}  // namespace gyre
