// gyre table: an ablation table out of the database.
#include <CLI/CLI.hpp>

#include "analysis/orderings.h"
#include "analysis/render.h"
#include "analysis/table.h"
#include "commands.h"
#include "core/text.h"
#include "output.h"

namespace gyre {
namespace {

constexpr const char* kFooter =
    R"(A key is any setting (`gyre show RUN` lists them: quant.weight.n_bits, seed, ...), or `rotation`
and `bits`, the two halves of a point's name. Runs that differ in seed and replica alone share a cell.
Bold is the best cell of its column, italic what cannot be told from it: paired tests on the same text, corrected for
their number. With --baseline each cell also shows its perplexity over that row's. The notes under the table say which
test, how many windows, seeds and replicas. -o orderings writes how every two rows differ in each setting; put into
experiments/references/orderings, it is what another model's `gyre report` is held against.

Examples:
  gyre table                                          every run of the database
  gyre table quickstart --baseline none               against "not rotated"
  gyre table quickstart --baseline "full precision" -o latex --out table.tex
  gyre table mysweep --rows rotation --columns bits,quant.weight.group_size
  gyre table mysweep --rows rotation,seed --columns bits --metric speed/evaluate -o csv
  gyre table quickstart -o orderings --out experiments/references/orderings/smollm2-135m_quickstart.toml)";

struct Options {
  analysis::TableOptions table;
  std::string output = "md", file;
};

// What makes the orderings again, the database aside.
std::string command_of(const analysis::TableOptions& table) {
  const analysis::TableOptions usual;
  std::string command = "gyre table " + shell_word(table.sweep) + " -o orderings";
  if (table.rows != usual.rows) command += " --rows " + shell_word(join(table.rows, ","));
  if (table.columns != usual.columns) command += " --columns " + shell_word(join(table.columns, ","));
  if (!table.metric.empty()) command += " --metric " + shell_word(table.metric);
  return table.test == usual.test ? command : command + " --test " + table.test;
}

int execute(const GlobalOptions& global, const Options& options) {
  if (options.output == "orderings") {
    const store::RunStore store(database_path(global, ExecutionSpec{}.db), /*read_only=*/true);
    emit(to_toml(analysis::record_orderings(store, options.table, command_of(options.table))), options.file);
    return 0;
  }
  const auto format = analysis::parse_format(options.output);
  const store::RunStore store(database_path(global, ExecutionSpec{}.db), /*read_only=*/true);
  emit(analysis::render(analysis::make_table(store, options.table), format), options.file);
  return 0;
}

}  // namespace

Verb add_table(CLI::App& program, const GlobalOptions& global) {
  auto options = std::make_shared<Options>();
  CLI::App* verb =
      program.add_subcommand("table", "An ablation table: settings down and across, a metric inside");
  verb->footer(kFooter);
  auto& table = options->table;
  verb->add_option("sweep", table.sweep, "sweep, as `gyre list sweeps` prints it (default: every run)");
  verb->add_option("--rows", table.rows,
                   "keys, joined by commas, whose values name the rows (default: rotation)")
      ->delimiter(',')
      ->allow_extra_args(false)
      ->type_name("KEY");
  verb->add_option("--columns", table.columns,
                   "keys, joined by commas, whose values name the columns (default: bits)")
      ->delimiter(',')
      ->allow_extra_args(false)
      ->type_name("KEY");
  verb->add_option("--metric", table.metric,
                   "what the cells show (default: the perplexity that the runs have)");
  verb->add_option("--baseline", table.baseline, "row to compare with, by its name")->type_name("ROW");
  verb->add_option("--test", table.test, "of differences over windows: t (Student, paired) or wilcoxon")
      ->check(CLI::IsMember({"t", "wilcoxon"}));
  verb->add_option("-o,--output", options->output,
                   "format: md, csv, json, latex; orderings: every two rows against each other, for other "
                   "models' reports")
      ->check(CLI::IsMember({"md", "csv", "json", "latex", "orderings"}));
  verb->add_option("--out", options->file, "write to a file instead of stdout")->type_name("FILE");
  return [options, &global] { return execute(global, *options); };
}

}  // namespace gyre
