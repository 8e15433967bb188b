// gyre show: one run, whole.
#include <fmt/format.h>

#include <CLI/CLI.hpp>
#include <cmath>

#include "commands.h"
#include "core/text.h"
#include "output.h"

namespace gyre {
namespace {

std::string for_people(const store::RunRow& run) {
  std::string out = fmt::format("run      {}\npoint    {}\nsweep    {}\nstatus   {}\n", run.digest, run.label,
                                run.sweep.empty() ? "-" : run.sweep, run.status);
  if (!run.error.empty()) out += "error    " + run.error + "\n";
  out += fmt::format("version  {}\nstarted  {}\nended    {}\nmachine  {}\n\nmetrics\n", run.version,
                     run.started_utc, run.ended_utc.empty() ? "-" : run.ended_utc, run.environment);
  for (const auto& m : run.metrics)
    out += fmt::format("  {} = {}{}  (n = {}) {}\n", m.name, format_number(m.value),
                       std::isnan(m.std_error) ? "" : " +- " + format_number(m.std_error), m.n, m.unit);
  out += "\nstages\n";
  for (const auto& s : run.stages)
    out += fmt::format(
        "  {:<15} {:>9}  {}{}\n", s.name, s.reused ? "shared" : format_duration(s.seconds),
        s.key.substr(0, 12),
        s.peak_bytes > 0 ? "  peak " + format_bytes(static_cast<std::uint64_t>(s.peak_bytes)) : "");
  out += "\nsettings\n";
  for (const auto& [key, value] : run.params) out += "  " + key + " = " + value + "\n";
  return out;
}

}  // namespace

Verb add_show(CLI::App& program, const GlobalOptions& global) {
  struct Options {
    std::string run, output = "md";
  };
  auto options = std::make_shared<Options>();
  CLI::App* verb = program.add_subcommand("show", "Everything that is recorded of one run");
  verb->add_option("run", options->run, "digest (the first digits are enough), as `gyre list runs` prints it")
      ->required();
  verb->add_option("-o,--output", options->output, "format on stdout")->check(CLI::IsMember({"md", "json"}));
  return [options, &global] {
    const store::RunStore store(database_path(global, ExecutionSpec{}.db), /*read_only=*/true);
    const auto run = store.run(options->run);
    emit(options->output == "json" ? run_json(run) : for_people(run), "");
    return 0;
  };
}

}  // namespace gyre
