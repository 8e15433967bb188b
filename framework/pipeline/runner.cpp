#include "pipeline/runner.h"

#include <c10/util/Exception.h>
#include <fmt/format.h>

#include <algorithm>
#include <chrono>
#include <cmath>
#include <filesystem>
#include <new>
#include <set>

#include "core/error.h"
#include "core/interrupt.h"
#include "core/progress.h"
#include "core/text.h"
#include "pipeline/device.h"
#include "pipeline/environment.h"
#include "pipeline/plan.h"
#include "pipeline/stage_runner.h"

namespace gyre {
namespace {

using Clock = std::chrono::steady_clock;
constexpr double kHeartbeatSeconds = 10;

double seconds_since(Clock::time_point start) {
  return std::chrono::duration<double>(Clock::now() - start).count();
}

// The points of runs that are still to be done: planned, and not finished. Runs of the same digest and
// program that another sweep has are taken over.
std::vector<const FrozenRun*> unfinished(const std::vector<FrozenRun>& runs, store::RunStore& store,
                                         const RunnerOptions& options) {
  std::vector<const FrozenRun*> todo;
  if (options.sweep.empty()) {
    for (const auto& run : runs) todo.push_back(&run);
    return todo;
  }
  std::vector<store::Point> points;
  for (const auto& run : runs) points.push_back(run.point);
  store.plan_sweep(options.sweep, points);
  const auto names = store.pending(options.sweep, options.retry_diverged);
  std::set<std::string> pending(names.begin(), names.end());
  std::size_t adopted = 0;
  for (const auto& run : runs) {
    if (pending.erase(run.point.digest) == 0) continue;  // finished, or the same point once more
    if (const auto other = store.find_ok(run.point.digest, gyre_version())) {
      store.adopt(options.sweep, run.point, *other);
      ++adopted;
    } else {
      todo.push_back(&run);
    }
  }
  if (adopted > 0)
    log_info(fmt::format("{} points are taken from runs of other sweeps in this database", adopted));
  return todo;
}

// Numbers of another version of the program stay in the sweep, but not without a word.
void report_finished(const store::RunStore& store, const std::string& sweep) {
  std::size_t finished = 0, older = 0, total = 0;
  std::string version;
  for (const auto& run : store.runs(sweep)) {
    ++total;
    if (run.status != "ok" && run.status != "diverged") continue;
    ++finished;
    if (run.version != gyre_version()) ++older, version = run.version;
  }
  if (finished > 0) log_info(fmt::format("{} of {} points are finished already", finished, total));
  if (older > 0)
    log_warning(fmt::format(
        "{} of them were made by another version of the program ({}; this is {}); they are kept. For "
        "new ones use another database (--db FILE) or sweep name",
        older, version, gyre_version()));
}

bool converged(const State& state) {
  return !state.diverged_at && std::isfinite(state.perplexity->value);
}

void record(store::RunStore& store, std::int64_t run_id, const State& state,
            const std::vector<store::StageRow>& rows) {
  for (const auto& check : state.verifications)
    store.add_verification(run_id, check.name, check.passed, check.value, check.detail);
  if (state.diverged_at) {
    std::vector<store::MetricRow> metrics = {
        {"diverged_at_step", static_cast<double>(*state.diverged_at), 0, 1, ""}};
    metrics.insert(metrics.end(), state.metrics.begin(), state.metrics.end());
    store.finish(run_id, "diverged", metrics, {}, rows);
    return;
  }
  const Perplexity& ppl = *state.perplexity;
  std::vector<store::SampleRow> samples;
  for (const auto& block : ppl.blocks) samples.push_back({block.window, block.block, block.sum, block.n});
  const auto evaluation = *std::ranges::find(rows, "evaluate", &store::StageRow::name);
  std::vector<store::MetricRow> metrics = {{ppl.name, ppl.value, ppl.std_error, ppl.n_targets, ""}};
  if (evaluation.seconds > 0)
    metrics.push_back({"speed/evaluate", static_cast<double>(ppl.n_targets) / evaluation.seconds, 0,
                       ppl.n_targets, "tokens/s"});
  metrics.insert(metrics.end(), state.metrics.begin(), state.metrics.end());
  auto all_samples = state.samples;
  all_samples.emplace_back(ppl.name, std::move(samples));
  if (!state.tensor_stats.empty()) store.add_tensor_stats(run_id, state.tensor_stats);
  store.finish(run_id, converged(state) ? "ok" : "diverged", metrics, all_samples, rows);
}

// A training's state lies beside the database, so that the same command continues it.
RunFiles files_of(const FrozenRun& run, const std::filesystem::path& database) {
  const auto name = run.point.digest.substr(0, 32) + ".safetensors";
  RunFiles files;
  files.cache = database.parent_path() / "cache";
  files.training_state = files.cache / "training" / name;
  if (!run.config.run.packed.empty()) files.packed = std::filesystem::path(run.config.run.packed) / name;
  files.fingerprint = "program " + gyre_version() + "\n" + run.inputs_digest + run.point.canonical;
  return files;
}

void remove_training_state(const RunFiles& files) {
  std::error_code ignored;
  std::filesystem::remove(files.training_state, ignored);
  std::filesystem::remove(files.training_state.string() + ".text", ignored);
}

std::string summary_of(const State& state) {
  if (state.diverged_at) return fmt::format("training diverged at step {}", *state.diverged_at);
  const Perplexity& ppl = *state.perplexity;
  return fmt::format("{} = {:.4f} +- {:.4f}", ppl.name, ppl.value, ppl.std_error);
}

struct Failure {
  ErrorCode code;
  std::string message;
};

// What the exception in flight says.
Failure current_failure() {
  try {
    throw;
  } catch (const Error& error) {
    return {error.code(), error.what()};
  } catch (const std::bad_alloc&) {
    return {ErrorCode::kResource, "out of memory; lower run.memory, or use a smaller model or dtype"};
  } catch (const c10::OutOfMemoryError& error) {
    return {ErrorCode::kResource,
            std::string("out of device memory (run.host_weights=true asks for less): ") +
                error.what_without_backtrace()};
  } catch (const c10::Error& error) {
    const std::string message = error.what_without_backtrace();
    if (message.find("not enough memory") != std::string::npos)
      return {ErrorCode::kResource, "out of memory: " + message};
    return {ErrorCode::kRun, message};
  } catch (const std::exception& error) {
    return {ErrorCode::kRun, error.what()};
  }
}

}  // namespace

RunSummary run_points(const std::vector<FrozenRun>& runs, Inputs& inputs, store::RunStore& store,
                      const RunnerOptions& options) {
  RunSummary summary;
  if (runs.empty()) return summary;
  const ExecutionSpec& execution = runs.front().config.run;
  const int threads = set_numeric_mode(execution);
  const torch::Device device = open_device(execution.device);
  const auto memory =
      execution.memory > 0 ? static_cast<std::int64_t>(execution.memory * 1e9) : machine_memory_bytes() / 2;

  const auto todo = unfinished(runs, store, options);
  if (!options.sweep.empty()) report_finished(store, options.sweep);
  std::vector<std::vector<std::string>> keys;
  for (const FrozenRun* run : todo) keys.push_back(stage_keys(run->config, run->inputs_digest));
  const auto order = grouped_order(keys);

  StageRunner stage_runner(inputs, device, memory);
  for (std::size_t position = 0; position < order.size(); ++position) {
    throw_if_interrupted();
    const std::size_t index = order[position];
    const FrozenRun& run = *todo[index];
    const auto environment =
        environment_json(execution.device, threads, inputs.model_note(run.config.model.path));
    const auto run_id = store.begin(options.sweep, run.point, gyre_version(), environment);
    if (!run_id) {
      ++summary.held_elsewhere;
      continue;
    }
    const auto begin = Clock::now();
    auto last_beat = begin;
    const auto on_step = [&] {
      throw_if_interrupted();
      if (seconds_since(last_beat) < kHeartbeatSeconds) return;
      last_beat = Clock::now();
      store.heartbeat(*run_id);
    };
    const std::string counter = order.size() > 1 ? fmt::format("[{}/{}] ", position + 1, order.size()) : "";
    try {
      std::vector<store::StageRow> rows;
      const RunHooks hooks{
          on_step, [&](const std::vector<store::CurveRow>& points) { store.add_curve(*run_id, points); },
          files_of(run, store.path())};
      const State state = stage_runner.run(run, keys[index], kept_stages(keys, order, position), hooks, rows);
      record(store, *run_id, state, rows);
      remove_training_state(hooks.files);
      ++(converged(state) ? summary.ok : summary.diverged);
      log_info(fmt::format("{}{}: {}  ({})", counter, run.point.label, summary_of(state),
                           format_duration(seconds_since(begin))));
    } catch (...) {
      const Failure failure = current_failure();
      const bool interrupted = failure.code == ErrorCode::kInterrupted;
      store.fail(*run_id, interrupted ? "interrupted" : "failed", failure.message, error_name(failure.code));
      if (interrupted) throw;
      if (options.fail_fast || failure.code == ErrorCode::kStore) fail(failure.code, "{}", failure.message);
      ++summary.failed;
      log_warning(fmt::format("{}{}: failed ({}): {}", counter, run.point.label, error_name(failure.code),
                              failure.message));
    }
  }
  return summary;
}

}  // namespace gyre
