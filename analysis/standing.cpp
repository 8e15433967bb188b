// The best cells of each column: those that beat every other one, and those that cannot be told from the
// best.
#include <algorithm>
#include <cmath>

#include "analysis/pivot.h"

namespace gyre::analysis {
namespace {

std::optional<Ranking> contest(Pivot& pivot, std::size_t c, int sign, const std::string& test) {
  const auto& rows = pivot.table.rows;
  std::optional<std::size_t> best;
  std::vector<std::size_t> finished;
  for (std::size_t r = 0; r < rows.size(); ++r) {
    if (rows[r].cells[c].status != "ok") continue;
    finished.push_back(r);
    if (!best || sign * rows[r].cells[c].value < sign * rows[*best].cells[c].value) best = r;
  }
  if (finished.size() < 2 || !pivot.evidence[*best][c]) return std::nullopt;
  if (sign > 0 && rows[*best].cells[c].value > kCollapsed) {
    pivot.best.collapsed.push_back(column_name(pivot.table, c));
    return std::nullopt;
  }
  Ranking ranking{c, *best, {}};
  for (const auto r : finished) {
    if (r == *best) continue;
    const auto& evidence = pivot.evidence[r][c];
    ranking.others.push_back(
        {r,
         evidence ? difference(*evidence, *pivot.evidence[*best][c], test, arithmetic_sd_of_column(pivot, c))
                  : std::nullopt,
         kNoValue, false});
  }
  return ranking;
}

}  // namespace

int direction(const std::string& metric) {
  return metric.starts_with("ppl/") ? 1 : metric.starts_with("acc/") ? -1 : 0;
}

const char* standing_name(Standing standing) {
  return standing == Standing::kBest ? "best" : standing == Standing::kTied ? "tied" : "";
}

std::optional<double> arithmetic_sd_of_column(const Pivot& pivot, std::size_t column) {
  double squares = 0, n = 0;
  for (const auto& row : pivot.evidence)
    if (const auto& evidence = row[column]; evidence && evidence->spread.arithmetic_sd) {
      squares += *evidence->spread.arithmetic_sd * *evidence->spread.arithmetic_sd;
      ++n;
    }
  return n > 0 ? std::optional(std::sqrt(squares / n)) : std::nullopt;
}

void Family::add(const Difference& difference, const std::string& column) {
  ++comparisons;
  clusters.insert(difference.clusters.size());
  by_items |= difference.by_items;
  by_blocks |= !difference.by_items && !difference.by_window;
  by_seed |= difference.by_seed;
  if (!difference.floor_known && std::find(unknown.begin(), unknown.end(), column) == unknown.end())
    unknown.push_back(column);
}

void mark_best(Pivot& pivot, const std::string& test) {
  const int sign = direction(pivot.table.metric);
  if (sign == 0) return;
  std::vector<double> p;
  for (std::size_t c = 0; c < pivot.table.columns.size(); ++c)
    if (auto ranking = contest(pivot, c, sign, test)) {
      for (const auto& other : ranking->others) {
        p.push_back(other.lag ? other.lag->p : kNoValue);
        if (other.lag) pivot.best.add(*other.lag, column_name(pivot.table, c));
      }
      pivot.rankings.push_back(std::move(*ranking));
    }
  if (std::all_of(p.begin(), p.end(), [](double value) { return std::isnan(value); })) return;
  const auto adjusted = holm(p);
  std::size_t next = 0;
  for (auto& [c, best, others] : pivot.rankings) {
    bool wins = true;
    for (auto& other : others) {
      other.p_holm = adjusted[next++];
      other.beaten = other.lag && other.p_holm < kSignificant && other.lag->exceeds_floor() &&
                     sign * other.lag->mean > 0;
      if (other.lag && !other.beaten) pivot.table.rows[other.row].cells[c].standing = Standing::kTied;
      wins &= other.beaten;
    }
    pivot.table.rows[best].cells[c].standing = wins ? Standing::kBest : Standing::kTied;
  }
}

}  // namespace gyre::analysis
