// Which of another model's recorded orderings hold in a sweep. Private to analysis.
#pragma once

#include <optional>
#include <string>
#include <vector>

#include "analysis/row_pairs.h"
#include "spec/orderings.h"

namespace gyre::analysis {

enum class Agreement { kHolds, kReversed, kNotToldHere, kNotToldThere, kMissing };

// One recorded pair, turned so that a has the lower perplexity there, and the same two rows here, turned
// alike.
struct JudgedOrdering {
  Ordering there;
  std::optional<RowPair> here;  // nothing: no such cells, not finished, collapsed, or not the same text
  Agreement agreement;
};

// Whether both are perplexities under one protocol, whatever the text and the windows.
bool comparable(const Orderings& there, const std::string& metric);

// Whether the recorded sweep is this very one, of the same model.
bool is_recorded_sweep(const Orderings& there, const Pivot& here, const std::string& sweep);

// In the order of the file. Holds: told in both, the same way round; reversed: told in both, the other way
// round. A pair that is not told there claims nothing, whatever is told here. kInput: no recorded pair is in
// the table, or a cell that is has other settings (model, texts and seeds may differ); the message names what
// was found and expected.
std::vector<JudgedOrdering> judge_orderings(const Orderings& there, const Pivot& here);

// "Of 9 orderings recorded of smollm2-135m 5 are told there; of these 3 hold here, ..."
std::string agreement_summary(const Orderings& there, const std::vector<JudgedOrdering>& list);

// Headline, summary, table and notes as HTML. metric: of this side; id: of the table.
std::string agreement_section(const Orderings& there, const std::vector<JudgedOrdering>& list,
                              const std::string& summary, const std::string& metric, const std::string& id);

}  // namespace gyre::analysis
