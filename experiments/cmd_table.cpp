// gyre table: an ablation table out of the database.
#include <CLI/CLI.hpp>

#include "analysis/orderings.h"
#include "analysis/render.h"
#include "analysis/table.h"
#include "commands.h"
#include "core/error.h"
#include "core/text.h"
#include "output.h"

namespace gyre {
namespace {

constexpr const char* kFooter =
    R"(A key is any setting (`gyre show RUN` lists them: quant.weight.n_bits, seed, ...), `rotation` and `bits`, the two
halves of a point's name, or `grid`, the levels of its weights. Runs that differ in seed and replica alone share a cell.
Bold is the best cell of its column, italic what cannot be told from it: paired tests on the same text, corrected for
their number. With --baseline each cell also shows its perplexity over that row's. The notes under the table say which
test, how many windows, seeds and replicas. -o orderings writes how every two rows differ in each setting; put into
experiments/references/orderings, it is what another model's `gyre report` is held against.

Examples:
  gyre table                                          every run of the database
  gyre table quickstart --baseline none               against "not rotated"
  gyre table quickstart --baseline "full precision" -o latex --out table.tex
  gyre table mysweep --rows rotation --columns bits,quant.weight.group_size
  gyre table mysweep --where quant.weight.solver=gptq --where bits=W2A16+gptq --columns quant.weight.group_size,grid
  gyre table mysweep --rows rotation,seed --columns bits --metric speed/evaluate -o csv
  gyre table quickstart -o orderings --out experiments/references/orderings/smollm2-135m_quickstart.toml)";

struct Options {
  analysis::TableOptions table;
  std::vector<std::string> where;  // KEY=VALUE
  std::string output = "md", file;
};

analysis::TableOptions table_of(const Options& options) {
  auto table = options.table;
  for (const auto& word : options.where) {
    const auto equals = word.find('=');
    GYRE_CHECK(equals != std::string::npos && equals > 0, ErrorCode::kUsage,
               "--where takes KEY=VALUE, as in quant.weight.n_bits=2; found '{}'", word);
    table.where.emplace_back(word.substr(0, equals), word.substr(equals + 1));
  }
  return table;
}

// What makes the orderings again, the database aside.
std::string command_of(const analysis::TableOptions& table) {
  const analysis::TableOptions usual;
  std::string command = "gyre table " + shell_word(table.sweep) + " -o orderings";
  if (table.rows != usual.rows) command += " --rows " + shell_word(join(table.rows, ","));
  if (table.columns != usual.columns) command += " --columns " + shell_word(join(table.columns, ","));
  for (const auto& [key, value] : table.where) command += " --where " + shell_word(key + "=" + value);
  if (!table.metric.empty()) command += " --metric " + shell_word(table.metric);
  return table.test == usual.test ? command : command + " --test " + table.test;
}

int execute(const GlobalOptions& global, const Options& options) {
  const auto table = table_of(options);
  if (options.output == "orderings") {
    const store::RunStore store(database_path(global, ExecutionSpec{}.db), /*read_only=*/true);
    emit(to_toml(analysis::record_orderings(store, table, command_of(table))), options.file);
    return 0;
  }
  const auto format = analysis::parse_format(options.output);
  const store::RunStore store(database_path(global, ExecutionSpec{}.db), /*read_only=*/true);
  emit(analysis::render(analysis::make_table(store, table), format), options.file);
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
  verb->add_option("--where", options->where,
                   "only runs whose KEY has this VALUE; again for another key, or another value of the same")
      ->allow_extra_args(false)
      ->type_name("KEY=VALUE");
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
