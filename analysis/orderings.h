// Orderings of a finished sweep, for other models' reports.
#pragma once

#include <string>

#include "analysis/table.h"
#include "spec/orderings.h"

namespace gyre::analysis {

// Every two rows of each setting of the table that the options make, under options.test: the mean paired
// difference, its standard error, what arithmetic may be, p after Holm over all of them, and whether the
// difference is told, all as make_table() judges them. Where both perplexities are above 1000 there is no
// pair. `command` is what made the file. kUsage: no sweep named, a metric that is no perplexity, several
// models. kInput: points that have not finished, or no two cells of one setting that pair; besides,
// make_table()'s errors.
Orderings record_orderings(const store::RunStore& store, const TableOptions& options,
                           const std::string& command);

}  // namespace gyre::analysis
