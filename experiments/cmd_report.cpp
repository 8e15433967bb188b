// gyre report: what the database says, as one HTML file.
#include <fmt/format.h>

#include <CLI/CLI.hpp>
#include <filesystem>
#include <map>

#include "analysis/report.h"
#include "commands.h"
#include "config/orderings.h"
#include "core/error.h"
#include "core/files.h"
#include "core/progress.h"
#include "output.h"

namespace gyre {
namespace {

constexpr const char* kFooter =
    R"(The file needs no network and no other file: tables sort, and copy as LaTeX and CSV; figures are drawn by gnuplot. At
the top of each sweep it says which rotation is best in each setting, whether the difference is real, which tensor
statistic goes with it, and what it costs. The same database gives the same bytes. Where experiments/sweeps/SWEEP.toml
says `orderings = "NAME"`, it also says which orderings of another model hold in the sweep, and with what significance.

Examples:
  gyre report                                            results/gyre.sqlite into report.html
  gyre report --db results/gyre.sqlite --sweep smollm2_ptq --out smollm2.html
  gyre report --sweep smollm2_ptq --figures figures/     its figures as SVG and PDF for a paper, too)";

struct Options {
  std::string sweep, out = "report.html", figures, orderings;
};

// By sweep: what --orderings names, or the sweep's own file.
std::map<std::string, Orderings> orderings_for(const store::RunStore& store, const Options& options) {
  std::map<std::string, Orderings> out;
  const auto sweeps = options.sweep.empty() ? store.sweeps() : std::vector{options.sweep};
  GYRE_CHECK(options.orderings.empty() || !options.sweep.empty(), ErrorCode::kUsage,
             "--orderings is held against one sweep; name it with --sweep");
  for (const auto& sweep : sweeps) {
    const auto name =
        options.orderings.empty() ? config::orderings_of_sweep(sweep, experiments_dir()) : options.orderings;
    if (!name.empty()) out.emplace(sweep, config::load_orderings(name, experiments_dir()));
  }
  return out;
}

int execute(const GlobalOptions& global, const Options& options) {
  const std::string db = database_path(global, ExecutionSpec{}.db);
  std::string command = "gyre report --db " + shell_word(db);
  if (!options.sweep.empty()) command += " --sweep " + shell_word(options.sweep);
  if (!options.orderings.empty()) command += " --orderings " + shell_word(options.orderings);
  const store::RunStore store(db, /*read_only=*/true);
  const auto report = analysis::make_report(store, {options.sweep, command, orderings_for(store, options)},
                                            !options.figures.empty());
  write_file_atomically(options.out, report.html);
  for (const auto& [name, bytes] : report.files)
    write_file_atomically(std::filesystem::path(options.figures) / name, bytes);
  for (const auto& sentence : report.agreements) log_info(sentence);
  log_info(fmt::format("written: {}{}", options.out,
                       report.files.empty()
                           ? ""
                           : fmt::format(" and {} figures in {}", report.files.size(), options.figures)));
  return 0;
}

}  // namespace

Verb add_report(CLI::App& program, const GlobalOptions& global) {
  auto options = std::make_shared<Options>();
  CLI::App* verb =
      program.add_subcommand("report", "Tables, tests, figures and correlations as one HTML file");
  verb->footer(kFooter);
  verb->add_option("--sweep", options->sweep, "one sweep (default: all of the database, and kernel timings)")
      ->type_name("NAME");
  verb->add_option("--out", options->out, "the HTML file")->type_name("FILE")->capture_default_str();
  verb->add_option("--figures", options->figures, "folder for the figures as SVG and PDF files")
      ->type_name("DIR");
  verb->add_option("--orderings", options->orderings,
                   "another model's recorded orderings to hold against the sweep: a name in "
                   "experiments/references/orderings, or a file (default: what the sweep's file says)")
      ->type_name("NAME");
  return [options, &global] { return execute(global, *options); };
}

}  // namespace gyre
