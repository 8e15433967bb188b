// gyre report: what the database says, as one HTML file.
#include <fmt/format.h>

#include <CLI/CLI.hpp>
#include <filesystem>

#include "analysis/report.h"
#include "commands.h"
#include "core/files.h"
#include "core/progress.h"
#include "output.h"

namespace gyre {
namespace {

constexpr const char* kFooter =
    R"(The file needs no network and no other file: tables sort, and copy as LaTeX and CSV; figures are drawn by gnuplot. At
the top of each sweep it says which rotation is best in each setting, whether the difference is real, which tensor
statistic goes with it, and what it costs. The same database gives the same bytes.

Examples:
  gyre report                                            results/gyre.sqlite into report.html
  gyre report --db results/gyre.sqlite --sweep smollm2_ptq --out smollm2.html
  gyre report --sweep smollm2_ptq --figures figures/     its figures as SVG and PDF for a paper, too)";

struct Options {
  std::string sweep, out = "report.html", figures;
};

// A word of a shell command.
std::string word(const std::string& text) {
  const bool plain =
      !text.empty() &&
      text.find_first_not_of("abcdefghijklmnopqrstuvwxyzABCDEFGHIJKLMNOPQRSTUVWXYZ0123456789_-./:=+,@%") ==
          std::string::npos;
  if (plain) return text;
  std::string out = "'";
  for (const char c : text) out += c == '\'' ? "'\\''" : std::string(1, c);
  return out + "'";
}

int execute(const GlobalOptions& global, const Options& options) {
  const std::string db = database_path(global, ExecutionSpec{}.db);
  std::string command = "gyre report --db " + word(db);
  if (!options.sweep.empty()) command += " --sweep " + word(options.sweep);
  const store::RunStore store(db, /*read_only=*/true);
  const auto report = analysis::make_report(store, {options.sweep, command}, !options.figures.empty());
  write_file_atomically(options.out, report.html);
  for (const auto& [name, bytes] : report.files)
    write_file_atomically(std::filesystem::path(options.figures) / name, bytes);
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
  return [options, &global] { return execute(global, *options); };
}

}  // namespace gyre
