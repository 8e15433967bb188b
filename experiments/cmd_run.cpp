// gyre run: one point.
#include <fmt/format.h>

#include <CLI/CLI.hpp>

#include "commands.h"
#include "config/compose.h"
#include "core/error.h"
#include "core/files.h"
#include "output.h"
#include "pipeline/runner.h"
#include "pipeline/train_stage.h"

namespace gyre {
namespace {

struct RunOptions {
  std::vector<std::string> overrides;
  std::string output = "md";
  bool cfg = false, dry_run = false;
};

std::string with_origins(const config::Composed& composed) {
  std::vector<std::vector<std::string>> rows;
  for (const auto& [key, value] : params(composed.config)) {
    const auto origin = composed.origins.find(key);
    rows.push_back(
        {key + " = " + value, "# " + (origin == composed.origins.end() ? "default" : origin->second)});
  }
  return columns(rows);
}

std::string for_people(const store::RunRow& run) {
  std::string out = fmt::format("run {}  {}  {}\n", run.digest.substr(0, 12), run.label, run.status);
  for (const auto& m : run.metrics)
    out += m.std_error > 0
               ? fmt::format("  {} = {:.4f} +- {:.4f}  (n = {})\n", m.name, m.value, m.std_error, m.n)
               : fmt::format("  {} = {:.4g} {}\n", m.name, m.value, m.unit);
  return out;
}

int execute(const GlobalOptions& global, const RunOptions& options) {
  const auto composed = config::compose(experiments_dir(), options.overrides);
  if (options.cfg) {
    emit(with_origins(composed), "");
    return 0;
  }
  Inputs inputs;
  const FrozenRun run = freeze(composed, inputs);
  if (options.dry_run) {
    emit(fmt::format("# run {} ({})\n{}{}", run.point.digest, run.point.label,
                     training_memory_text(run.config, inputs), run.point.canonical),
         "");
    return 0;
  }
  store::RunStore store(database_path(global, composed.config.run.db));
  run_points({run}, inputs, store, {.sweep = "", .fail_fast = true});
  const auto row = store.run(run.point.digest);
  emit(options.output == "json" ? run_json(row) : for_people(row), "");
  return 0;
}

}  // namespace

Verb add_run(CLI::App& program, const GlobalOptions& global) {
  auto options = std::make_shared<RunOptions>();
  CLI::App* verb = program.add_subcommand("run", "One run: compose, check, execute, record");
  verb->add_option(
      "overrides", options->overrides,
      "group=name (rotation=gsr), key=value (quant.weight.n_bits=3), +key=, ++key=, ~key, experiment=PRESET");
  verb->add_option("-o,--output", options->output, "format on stdout")->check(CLI::IsMember({"md", "json"}));
  verb->add_flag("--cfg", options->cfg, "print every setting and its origin, run nothing");
  verb->add_flag("--dry-run", options->dry_run,
                 "check everything that needs no weights, print the frozen run, run nothing");
  verb->footer("All settings: docs/CONFIG.md. Choices of a group: gyre list groups.");
  return [options, &global] { return execute(global, *options); };
}

}  // namespace gyre
