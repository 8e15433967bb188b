// gyre sweep: every point is composed, checked and frozen before the first one starts; the same command
// continues.
#include <fmt/format.h>

#include <CLI/CLI.hpp>

#include "commands.h"
#include "config/compose.h"
#include "core/error.h"
#include "core/files.h"
#include "core/progress.h"
#include "output.h"
#include "pipeline/plan.h"
#include "pipeline/runner.h"

namespace gyre {
namespace {

struct SweepOptions {
  std::string file, output = "md";
  std::vector<std::string> overrides;
  bool dry_run = false, retry = false, fail_fast = false;
};

std::string plan_text(const config::Sweep& sweep, const std::vector<FrozenRun>& runs) {
  std::vector<std::vector<std::string>> rows = {{"#", "run", "point", "settings"}};
  for (std::size_t i = 0; i < runs.size(); ++i) {
    std::string settings;
    for (const auto& text : sweep.points[i].overrides) settings += (settings.empty() ? "" : " ") + text;
    rows.push_back(
        {std::to_string(i + 1), runs[i].point.digest.substr(0, 12), runs[i].point.label, settings});
  }
  return fmt::format("sweep {}: {} points\n", sweep.name, runs.size()) + columns(rows);
}

std::string results_text(const std::vector<store::RunRow>& runs) {
  std::vector<std::vector<std::string>> rows = {{"run", "point", "status", "metric", "value"}};
  for (const auto& run : runs) {
    const bool has_metric = !run.metrics.empty();
    rows.push_back({run.digest.substr(0, 12), run.label, run.status, has_metric ? run.metrics[0].name : "-",
                    has_metric
                        ? fmt::format("{:.4f} +- {:.4f}", run.metrics[0].value, run.metrics[0].std_error)
                        : run.error});
  }
  return columns(rows);
}

int execute(const GlobalOptions& global, const SweepOptions& options) {
  const auto sweep = config::load_sweep(options.file, experiments_dir(), options.overrides);
  Inputs inputs;
  std::vector<FrozenRun> runs;
  for (const auto& point : sweep.points) runs.push_back(freeze(point.composed, inputs));
  if (options.dry_run) {
    emit(plan_text(sweep, runs), "");
    return 0;
  }
  store::RunStore store(database_path(global, runs.front().config.run.db));
  const RunSummary summary =
      run_points(runs, inputs, store,
                 {.sweep = sweep.name, .retry_diverged = options.retry, .fail_fast = options.fail_fast});
  const auto rows = store.runs(sweep.name);
  emit(options.output == "json" ? runs_json(rows) : results_text(rows), "");
  log_info(fmt::format("sweep {}: {} ok, {} diverged, {} failed, {} left to another process; database {}",
                       sweep.name, summary.ok, summary.diverged, summary.failed, summary.held_elsewhere,
                       store.path().string()));
  if (summary.failed > 0) log_info("failed points stay in the plan: the same command tries them again");
  return summary.failed > 0 ? exit_code(ErrorCode::kRun) : 0;
}

}  // namespace

Verb add_sweep(CLI::App& program, const GlobalOptions& global) {
  auto options = std::make_shared<SweepOptions>();
  CLI::App* verb =
      program.add_subcommand("sweep", "A grid of runs from a TOML file; run it again to continue");
  verb->add_option("file", options->file, "sweep file, e.g. experiments/sweeps/quickstart.toml")->required();
  verb->add_option("overrides", options->overrides, "key=value for every point, over the file's");
  verb->add_option("-o,--output", options->output, "format on stdout")->check(CLI::IsMember({"md", "json"}));
  verb->add_flag("--dry-run", options->dry_run, "check and print the plan, run nothing");
  verb->add_flag("--retry", options->retry, "run diverged points again");
  verb->add_flag("--fail-fast", options->fail_fast, "stop at the first point that fails");
  return [options, &global] { return execute(global, *options); };
}

}  // namespace gyre
