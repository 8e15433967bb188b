#include "analysis/orderings.h"

#include <algorithm>

#include "analysis/facts.h"
#include "analysis/keys.h"
#include "analysis/row_pairs.h"
#include "core/error.h"
#include "core/text.h"

namespace gyre::analysis {
namespace {

void check_finished(const Pivot& pivot, const std::string& sweep) {
  const auto finished = std::count_if(pivot.runs.begin(), pivot.runs.end(), [](const auto& run) {
    return run.status == "ok" || run.status == "diverged";
  });
  GYRE_CHECK(finished == std::ssize(pivot.runs), ErrorCode::kInput,
             "{} of {} points of sweep '{}' have finished; its orderings are recorded when all have: run "
             "`gyre sweep` on its file again",
             finished, pivot.runs.size(), sweep);
}

}  // namespace

Orderings record_orderings(const store::RunStore& store, const TableOptions& options,
                           const std::string& command) {
  GYRE_CHECK(!options.sweep.empty(), ErrorCode::kUsage, "orderings are those of one sweep; name it");
  const Pivot pivot = make_pivot(store, options);
  const Table& table = pivot.table;
  check_finished(pivot, options.sweep);
  GYRE_CHECK(table.metric.starts_with("ppl/"), ErrorCode::kUsage,
             "orderings are recorded of perplexities; '{}' is none", table.metric);
  Orderings out{.sweep = options.sweep, .metric = table.metric, .test = options.test, .command = command};
  std::vector<std::string> models, versions;
  for (const auto& run : pivot.runs) {
    add_once(models, short_model_name(run));
    add_once(versions, run.version);
    out.date = std::max(out.date, run.ended_utc.substr(0, 10));
  }
  GYRE_CHECK(models.size() == 1, ErrorCode::kUsage, "sweep '{}' has several models, orderings are of one: {}",
             options.sweep, join(models, ", "));
  out.model = models[0];
  out.version = join(versions, ", ");

  for (std::size_t c = 0; c < table.columns.size(); ++c)
    for (std::size_t r = 0; r < table.rows.size(); ++r)
      if (const Cell& cell = table.rows[r].cells[c]; cell.status == "ok")
        out.cells.push_back({column_name(table, c), row_name(table.rows[r]), cell.value,
                             method_text(*members_of(pivot, r, c).front())});
  for (const auto& pair : row_pairs(pivot, options.test))
    out.pairs.push_back({column_name(table, pair.column), row_name(table.rows[pair.a]),
                         row_name(table.rows[pair.b]), pair.difference.mean, pair.difference.std_error,
                         pair.difference.floor, pair.p_holm, pair.told});
  GYRE_CHECK(!out.pairs.empty(), ErrorCode::kInput,
             "sweep '{}' has no two rows that scored the same text in one setting, and so no ordering",
             options.sweep);
  return out;
}

}  // namespace gyre::analysis
