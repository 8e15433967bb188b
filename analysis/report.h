// The report: one HTML file that opens without a network, and its figures as files.
#pragma once

#include <map>
#include <string>
#include <utility>
#include <vector>

#include "spec/orderings.h"
#include "store/run_store.h"

namespace gyre::analysis {

struct ReportOptions {
  std::string sweep = {};    // "": every sweep of the database, or its runs where there are none
  std::string command = {};  // that makes this report again, for under tables and figures
  // By sweep: what another model showed, for a section on which of it holds here. Not shown for the sweep
  // that it was recorded of.
  std::map<std::string, Orderings> orderings = {};
};

struct Report {
  std::string html;
  // File names ("smollm2-ptq-pareto.svg") and bytes; only when asked for.
  std::vector<std::pair<std::string, std::string>> files;
  std::vector<std::string> agreements;  // how many of the recorded orderings hold, a sentence a section
};

// The same bytes for the same database and options. kInput: no such sweep, a database without runs and kernel
// timings, orderings of another protocol or other settings than the sweep's, or gnuplot missing.
Report make_report(const store::RunStore& store, const ReportOptions& options, bool with_files);

}  // namespace gyre::analysis
