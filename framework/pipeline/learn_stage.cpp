#include "pipeline/learn_stage.h"

#include <fmt/format.h>

#include <limits>

#include "core/digest.h"
#include "core/error.h"
#include "core/progress.h"
#include "train/cayley.h"
#include "train/learn_rotation.h"
#include "train/state_file.h"

namespace gyre {
namespace fs = std::filesystem;
namespace {

// Raised when learning gives other rotations for the same settings.
constexpr int kVersion = 1;
constexpr double kOrthogonal = 1e-10;

const RotationObjective& objective_of(const RunConfig& config) {
  return find_rotation_objective(config.learn.objective);
}

bool quantizes(const QuantPlan& plan) {
  return plan.weight.used() || plan.activation.used() || plan.key.used() || plan.value.used();
}

// Groups that do not divide, rules that match nothing: as for what is evaluated.
void check_sizes_while_learning(RunConfig config, const QuantPlan& plan, const LlamaConfig& sizes) try {
  config.quant = plan;
  check_sizes(config, sizes);
} catch (const Error& error) {
  throw Error(error.code(), std::string("learn.quant: ") + error.what(), error.where());
}

std::string describe(const QuantPlan& plan) {
  RunConfig config;
  config.quant = plan;
  std::string text;
  for (const auto& [key, value] : params(config))
    if (key.starts_with("quant.") && !key.starts_with("quant.gptq"))
      text += "learn." + key + " = " + value + "\n";
  return text;
}

fs::path file_of(const StageContext& context, const std::string& identity, const char* ending) {
  return context.files.cache / "learned" / (sha256_hex(identity).substr(0, 24) + ending);
}

// As they are kept: the factors; the loss of each step; the loss on the first step's windows and the
// orthogonality error before the correction, both after the last step. All float64.
NamedTensors named(const LearnedFactors& factors, const torch::Tensor& losses, const torch::Tensor& after) {
  NamedTensors tensors;
  if (factors.r1.defined()) tensors.emplace_back("r1", factors.r1);
  if (factors.r2.defined()) tensors.emplace_back("r2", factors.r2);
  tensors.emplace_back("losses", losses);
  tensors.emplace_back("loss_and_orthogonality_after", after);
  return tensors;
}

struct Learned {
  LearnedFactors factors;
  std::vector<double> losses;
  double loss_after = 0, error_before = 0;
};

// The shapes that the factors have, from the rotations as they are before learning.
LearnedFactors empty_factors(const RunConfig& config, const LlamaConfig& sizes) {
  const auto shape = [](const RotationSpec& spec, std::int64_t size) {
    const auto block = spec.block_size.is_auto() ? size : resolve_size(spec.block_size, size, "block_size");
    return std::pair(size / block, block);
  };
  LearnedFactors out;
  if (config.rotation.r1.learned()) {
    const auto [n, b] = shape(config.rotation.r1, sizes.hidden_size);
    out.r1 = torch::empty({n, b, b}, torch::kFloat64);
  }
  if (config.rotation.r2.learned()) {
    const auto [n, b] = shape(config.rotation.r2, sizes.head_dim);
    out.r2 = torch::empty({sizes.num_hidden_layers, n, b, b}, torch::kFloat64);
  }
  return out;
}

std::optional<Learned> from_cache(const fs::path& path, const std::string& identity, const State& state,
                                  const RunConfig& config) {
  Learned out;
  out.factors = empty_factors(config, state.model.config);
  auto losses = torch::empty({0}, torch::kFloat64), after = torch::empty({2}, torch::kFloat64);
  auto tensors = named(out.factors, losses, after);
  if (!load_state(path, tensors, identity, {"losses"})) return std::nullopt;
  losses = tensors[tensors.size() - 2].second;
  out.losses.assign(losses.const_data_ptr<double>(), losses.const_data_ptr<double>() + losses.numel());
  GYRE_CHECK(losses.numel() == config.learn.loop.steps, ErrorCode::kInput,
             "{}: {} losses for {} steps; the file is damaged, remove it", path.string(), losses.numel(),
             config.learn.loop.steps);
  out.loss_after = after[0].item<double>();
  out.error_before = after[1].item<double>();
  return out;
}

// "ce/wikitext2-valid@8x2048": what the loss is, of what, in how many windows of which size a step.
std::string loss_name(const RunConfig& config, Inputs& inputs) {
  const auto& objective = objective_of(config);
  if (!objective.reads_text) return std::string(objective.name);
  const auto& loop = config.learn.loop;
  return fmt::format("{}/{}@{}x{}", objective.name, inputs.corpus(config.learn.path).name,
                     loop.batch * loop.accumulation, loop.window);
}

// Named apart from those of a training that follows.
std::vector<store::CurveRow> curve(const std::vector<TrainPoint>& points) {
  std::vector<store::CurveRow> rows;
  for (const auto& point : points) rows.push_back({"learn/" + point.name, point.step, point.value});
  return rows;
}

void record(State& state, const StageContext& context, const Learned& learned, const std::string& digest) {
  const double none = std::numeric_limits<double>::quiet_NaN();
  double after = 0;
  if (learned.factors.r1.defined()) after = orthogonality_error(learned.factors.r1);
  if (learned.factors.r2.defined())
    after = std::max(after, orthogonality_error(learned.factors.r2.flatten(0, 1)));
  state.verifications.push_back({"orthogonality/learned", after < kOrthogonal, after,
                                 fmt::format("max |R R^T - I| of file {}; {:.3g} before the correction",
                                             digest, learned.error_before)});
  const auto name = loss_name(context.config, context.inputs);
  const double before = learned.losses.front();
  state.metrics.push_back({"learn_loss_before/" + name, before, none, 1, ""});
  state.metrics.push_back({"learn_loss_after/" + name, learned.loss_after, none, 1, ""});
  if (!(learned.loss_after < before))
    log_warning(
        fmt::format("{}: learning did not lower its loss on the windows of its first step ({:.4f} "
                    "before, {:.4f} after); a smaller learn.lr or more windows a step may",
                    context.label, before, learned.loss_after));
}

}  // namespace

std::vector<std::string_view> learning_settings(const RunConfig& config) {
  std::vector<std::string_view> settings;
  const auto& wanted = config.learn.quant;
  const auto plan = learning_plan(config);
  if (plan.weight.used()) settings.push_back("quant.weight");
  if (wanted.weight == "auto") settings.push_back("quant.weight.solver");
  if (plan.activation.used()) settings.push_back("quant.activation");
  if (plan.key.used()) settings.push_back("quant.key");
  if (plan.value.used()) settings.push_back("quant.value");
  return settings;
}

void check_learning(const RunConfig& config, Inputs& inputs) {
  if (!learns_rotations(config)) return;
  const auto& objective = objective_of(config);
  const auto& path = config.model.path;
  const auto plan = learning_plan(config);
  const bool needs_rounding = objective.of_logits || objective.name == "quant_error";
  GYRE_CHECK(
      !needs_rounding || quantizes(plan), ErrorCode::kConfig,
      "learn.objective is '{}', but nothing is quantized while learning, and an unquantized network does "
      "not depend on its rotations; set learn.quant.weight=same (with solver=gptq its weights are left "
      "at full precision), or learn.objective=l4 or kurtosis",
      objective.name);
  check_sizes_while_learning(config, plan, inputs.config(path));
  if (!objective.reads_text) return;
  const auto window = config.learn.loop.window;
  const auto positions = inputs.config(path).max_position_embeddings;
  GYRE_CHECK(window <= positions, ErrorCode::kConfig, "learn.window is {}; the model has {} positions",
             window, positions);
  const auto n = std::ssize(inputs.tokens(path, config.learn.path, "none"));
  const std::int64_t whole[] = {0};
  if (const auto& shared = inputs.shared_tokens(path, config.learn.path, config.eval);
      shared && shared_share(*shared, whole, n) > kQuotedShare)
    refuse_leak(*shared, {"learn.path", config.learn.path, "learning"}, config.eval.dataset);
  GYRE_CHECK(n >= window, ErrorCode::kInput,
             "learn.path '{}' has {} tokens, fewer than one window of {}; take a shorter learn.window or a "
             "longer text",
             config.learn.path, n, window);
}

std::string learning_text_digest(const RunConfig& config, Inputs& inputs) {
  if (!learns_rotations(config) || !objective_of(config).reads_text) return "";
  return "learn " + inputs.corpus(config.learn.path).digest + "\n";
}

std::string learning_identity(const RunConfig& config, Inputs& inputs) {
  std::string text = fmt::format("version = {}\nmodel = {}\nseed = {}\n", kVersion,
                                 inputs.model_digest(config.model.path), config.seed);
  if (objective_of(config).reads_text) text += "text = " + inputs.corpus(config.learn.path).digest + "\n";
  for (const auto& [key, value] : params(config))
    if (key.starts_with("rotation.") ||
        (key.starts_with("learn.") && !key.starts_with("learn.quant") && key != "learn.save_every" &&
         key != "learn.path") ||
        key == "model.dtype")
      text += key + " = " + value + "\n";
  return text + describe(learning_plan(config));
}

void learn_stage(State& state, const StageContext& context) {
  const RunConfig& config = context.config;
  const auto identity = learning_identity(config, context.inputs);
  const auto path = file_of(context, identity, ".safetensors");
  auto learned = from_cache(path, identity, state, config);
  if (learned) {
    log_info(fmt::format("{}: learned rotations from {}", context.label, path.string()));
    std::vector<TrainPoint> points;
    for (const double loss : learned->losses) points.push_back({"loss", std::ssize(points), loss});
    context.on_curve(curve(points));
  } else {
    std::optional<TokenWindows> windows;
    if (objective_of(config).reads_text)
      windows.emplace(context.inputs.tokens(config.model.path, config.learn.path, "none"),
                      config.learn.loop.window, config.seed, config.learn.path);
    LearnTask task{&state.model, config.rotation, learning_plan(config),
                   config.learn, config.seed,     windows ? &*windows : nullptr};
    LearnOptions options{file_of(context, identity, ".state.safetensors"), identity, context.label,
                         context.on_step,
                         [&](const std::vector<TrainPoint>& points) { context.on_curve(curve(points)); }};
    const auto result = learn_rotations(task, options);
    if (result.diverged) {
      log_warning(
          fmt::format("{}: learning rotations diverged at step {}: {}; take a smaller learn.lr, or "
                      "learn.step_bound=true",
                      context.label, result.steps, result.reason));
      state.diverged_at = result.steps;
      return;
    }
    learned = Learned{result.factors, result.losses, result.loss_after, result.orthogonality_error};
    save_state(path,
               named(result.factors, torch::tensor(result.losses, torch::kFloat64),
                     torch::tensor({result.loss_after, result.orthogonality_error}, torch::kFloat64)),
               identity);
    fs::remove(options.state);
    const auto done = static_cast<double>(result.steps - result.resumed_at);
    if (done > 0)
      state.metrics.push_back({"speed/learn", result.seconds / done, std::numeric_limits<double>::quiet_NaN(),
                               result.steps - result.resumed_at, "s/step"});
  }
  record(state, context, *learned, file_digest(path).substr(0, 16));
  state.learned = std::make_shared<const LearnedFactors>(learned->factors);
}

}  // namespace gyre
