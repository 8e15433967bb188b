// Notes on what a table's marks mean: test, numbers, and which of the three uncertainties is known.
#include <fmt/format.h>

#include <algorithm>
#include <cmath>

#include "analysis/keys.h"
#include "analysis/numbers.h"
#include "analysis/pivot.h"
#include "core/text.h"

namespace gyre::analysis {
namespace {

// "paired Student t over 8 windows and Welch's t over seeds, whichever is larger"
std::string test_text(const Family& family, const std::string& test) {
  const std::string count = fmt::format("{}", fmt::join(family.clusters, " or "));
  std::string text;
  if (family.by_items)
    text = fmt::format("exact McNemar over {} items", count);
  else
    text =
        fmt::format("{} over {} {}",
                    test == "wilcoxon" ? "Wilcoxon's signed rank (exact; zeros dropped)" : "paired Student t",
                    count, family.by_blocks ? "blocks of one window, which are not independent" : "windows");
  if (family.by_seed) text += ", and Welch's t over seeds where there are several (the larger p counts)";
  return text + fmt::format(", two-sided, Holm over {} comparison{}, p < {}", family.comparisons,
                            family.comparisons == 1 ? "" : "s", kSignificant);
}

std::string best_note(const Pivot& pivot, const TableOptions& options) {
  const auto marked = [](const Row& row) {
    return std::any_of(row.cells.begin(), row.cells.end(),
                       [](const Cell& cell) { return cell.standing != Standing::kNone; });
  };
  if (std::none_of(pivot.table.rows.begin(), pivot.table.rows.end(), marked)) return "";
  return "Bold: the best cell of its column, better than each of the others; italic: not told from the best "
         "one. Test: " +
         test_text(pivot.best, options.test) + ".";
}

std::string baseline_note(const Pivot& pivot, const TableOptions& options) {
  if (options.baseline.empty()) return "";
  const std::string where = options.baseline.starts_with(kFullPrecision) ? "" : " in the same column";
  std::string note =
      direction(pivot.table.metric) < 0
          ? fmt::format("In brackets: points of per cent above row '{}'{}; ± the standard error",
                        options.baseline, where)
          : fmt::format(
                "×: perplexity over that of row '{}'{}, e^d with d the mean paired difference of NLL per "
                "target "
                "over blocks of 128 targets; ± its standard error with the blocks of a window kept together",
                options.baseline, where);
  if (pivot.versus.comparisons > 0)
    note += "; †: a difference (" + test_text(pivot.versus, options.test) + ")";
  return note + "; n/a where blocks do not pair; nothing where both have collapsed (above 1000).";
}

void add_arithmetic_notes(const Pivot& pivot, std::vector<std::string>& notes) {
  std::vector<std::string> spreads;
  std::int64_t replicas = 0;
  for (std::size_t c = 0; c < pivot.table.columns.size(); ++c)
    if (const auto sd = arithmetic_sd_of_column(pivot, c))
      spreads.push_back(column_name(pivot.table, c) + fmt::format(" {:.2g}", *sd));
  for (const auto& row : pivot.table.rows)
    for (const auto& cell : row.cells) replicas = std::max(replicas, cell.n_replicas);
  if (!spreads.empty())
    notes.push_back(
        fmt::format("Arithmetic: standard deviation of the mean NLL over up to {} replicas: {}. A difference "
                    "below twice the "
                    "spread is not marked, whatever the test says.",
                    replicas, join(spreads, ", ")));
  auto unknown = pivot.best.unknown;
  for (const auto& column : pivot.versus.unknown)
    if (std::find(unknown.begin(), unknown.end(), column) == unknown.end()) unknown.push_back(column);
  if (!unknown.empty())
    notes.push_back(fmt::format(
        "Arithmetic uncertainty is not known in {}: there are no replicas, and 4-bit activations, keys or "
        "values and "
        "GPTQ amplify rounding to several per cent. Differences below {:.0f} % are not marked there.",
        join(unknown, ", "), 100 * kUnknownArithmetic));
}

// Rows of random matrices or signs that one seed alone stands for.
std::string seed_note(const Pivot& pivot) {
  std::vector<std::string> rows;
  for (std::size_t r = 0; r < pivot.table.rows.size(); ++r)
    for (std::size_t c = 0; c < pivot.table.columns.size(); ++c) {
      if (pivot.table.rows[r].cells[c].n_seeds != 1) continue;
      const auto runs = members_of(pivot, r, c);
      const bool is_random = std::any_of(runs.begin(), runs.end(), [](const auto* run) {
        for (const char* site : {"r1", "r2", "r3", "r4"})
          if (const std::string prefix = std::string("rotation.") + site;
              setting(*run, prefix + ".scheme") == "random" ||
              (setting(*run, prefix + ".random_signs") == "true" &&
               setting(*run, prefix + ".scheme") != "none"))
            return true;
        return false;
      });
      const auto name = row_name(pivot.table.rows[r]);
      if (is_random && std::find(rows.begin(), rows.end(), name) == rows.end()) rows.push_back(name);
    }
  return rows.empty() ? ""
                      : "Seed uncertainty is not known for " + join(rows, "; ") +
                            ": one seed (add a seed axis to the sweep).";
}

bool has_blanks(const Table& table) {
  for (const auto& row : table.rows)
    for (const auto& cell : row.cells)
      if (cell.status.empty()) return true;
  return false;
}

}  // namespace

std::vector<std::string> uncertainty_notes(const Pivot& pivot, const TableOptions& options) {
  std::vector<std::string> notes;
  const auto add = [&](std::string note) {
    if (!note.empty()) notes.push_back(std::move(note));
  };
  add(baseline_note(pivot, options));
  add(best_note(pivot, options));
  add_arithmetic_notes(pivot, notes);
  add(seed_note(pivot));
  if (!pivot.best.collapsed.empty())
    add("Not ranked, as even the best perplexity is above 1000 (the model is broken): " +
        join(pivot.best.collapsed, ", ") + ".");
  if (has_blanks(pivot.table)) add(pivot.table.metric.empty() ? "" : "Blank: there is no such point.");
  return notes;
}

}  // namespace gyre::analysis
