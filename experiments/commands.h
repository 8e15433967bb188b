// The verbs of the program. Each adds its options to a subcommand and returns what carries it out.
#pragma once

#include <CLI/CLI.hpp>
#include <functional>
#include <string>
#include <vector>

namespace gyre {

struct GlobalOptions {
  std::string db;  // --db, or empty
  bool quiet = false, verbose = false;
};

// Adds one verb to the program; the function returned runs it and gives the exit status.
using Verb = std::function<int()>;
Verb add_run(CLI::App& program, const GlobalOptions& global);
Verb add_sweep(CLI::App& program, const GlobalOptions& global);
Verb add_pretrain(CLI::App& program, const GlobalOptions& global);
Verb add_list(CLI::App& program, const GlobalOptions& global);
Verb add_show(CLI::App& program, const GlobalOptions& global);
Verb add_table(CLI::App& program, const GlobalOptions& global);
Verb add_report(CLI::App& program, const GlobalOptions& global);
Verb add_compare(CLI::App& program, const GlobalOptions& global);
Verb add_doctor(CLI::App& program, const GlobalOptions& global);
Verb add_bench(CLI::App& program, const GlobalOptions& global);

struct VerbRow {
  const char* name;
  Verb (*add)(CLI::App&, const GlobalOptions&);
};

// The database in force: --db > GYRE_DB > configured (run.db, or its default).
std::string database_path(const GlobalOptions& global, const std::string& configured);

}  // namespace gyre
