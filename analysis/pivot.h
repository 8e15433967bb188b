// What the steps of make_table share: the table beside the runs that its cells were made of. Private to
// analysis.
#pragma once

#include <optional>
#include <set>
#include <string>
#include <vector>

#include "analysis/evidence.h"
#include "analysis/table.h"

namespace gyre::analysis {

inline constexpr const char* kFullPrecision = "full precision";
inline constexpr double kSignificant = 0.05;  // family-wise
// Above this a perplexity says that the model is broken, not how badly.
inline constexpr double kCollapsed = 1000;

// The comparisons of one kind that a table makes, for its notes.
struct Family {
  std::int64_t comparisons = 0;
  std::set<std::size_t> clusters;  // their numbers
  bool by_items = false, by_blocks = false, by_seed = false;
  std::vector<std::string> unknown;    // columns where the arithmetic is not known
  std::vector<std::string> collapsed;  // columns that are not ranked
  void add(const Difference& difference, const std::string& column);
};

// The cells of one column against its best one.
struct Ranking {
  struct Other {
    std::size_t row;
    std::optional<Difference> lag;  // behind the best; nothing when the two do not pair
    double p_holm;
    bool beaten;
  };
  std::size_t column, best;  // best: row
  std::vector<Other> others;
};

struct Pivot {
  Table table;
  std::vector<store::RunRow> runs;
  // [row][column]: indices into runs; what the finished ones of them show.
  std::vector<std::vector<std::vector<std::size_t>>> members;
  std::vector<std::vector<std::optional<Evidence>>> evidence;
  std::vector<Ranking> rankings;  // of the columns that have one
  Family best, versus;
};

// All that make_table() does, with what it rests on.
Pivot make_pivot(const store::RunStore& store, const TableOptions& options);

// 1: lower is better, -1: higher is better, 0: neither.
int direction(const std::string& metric);

std::vector<const store::RunRow*> members_of(const Pivot& pivot, std::size_t row, std::size_t column);
Cell make_cell(const std::vector<const store::RunRow*>& members, const std::string& metric);  // cells.cpp
void gather_evidence(const store::RunStore& store, Pivot& pivot);                             // cells.cpp

// Root mean square over the cells of a column that have replicas.
std::optional<double> arithmetic_sd_of_column(const Pivot& pivot, std::size_t column);

// Fills Cell::standing (standing.cpp).
void mark_best(Pivot& pivot, const std::string& test);

// Fills Cell::versus and its text (baseline.cpp).
void compare_with_baseline(Pivot& pivot, const TableOptions& options);

// Title and notes (notes.cpp); the notes on tests and uncertainty (uncertainty_notes.cpp).
void describe(Pivot& pivot, const TableOptions& options);
std::vector<std::string> uncertainty_notes(const Pivot& pivot, const TableOptions& options);

// The text that a run's environment (a JSON object) has under a key; "" when it has none (json.cpp).
std::string environment_text(const std::string& json, const std::string& key);

// The run's value of a metric; null when it has none.
const store::MetricRow* find_metric(const store::RunRow& run, const std::string& name);

const char* standing_name(Standing standing);  // "best", "tied", ""
std::string row_name(const Row& row);          // "gsr", "gsr, 1"

}  // namespace gyre::analysis
