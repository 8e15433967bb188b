#include "analysis/answer.h"

#include <fmt/format.h>

#include <algorithm>
#include <cmath>
#include <optional>

#include "analysis/facts.h"
#include "analysis/keys.h"
#include "analysis/numbers.h"
#include "core/text.h"

namespace gyre::analysis {
namespace {

bool is_perplexity(const SweepView& view) {
  return view.pivot.table.metric.starts_with("ppl/");
}

// "×1.013", or "+1.3 points" where shares are compared.
std::string amount(const SweepView& view, double difference) {
  return is_perplexity(view) ? format_ratio({.value = std::exp(difference)})
                             : fmt::format("{:+.1f} points", 100 * difference);
}

// The best finished cell of a column, full precision aside.
std::optional<std::size_t> best_row(const SweepView& view, std::size_t column) {
  const int sign = direction(view.pivot.table.metric);
  std::optional<std::size_t> best;
  const auto& rows = view.pivot.table.rows;
  for (std::size_t r = 0; r < rows.size(); ++r) {
    if (rows[r].cells[column].status != "ok" || is_full_precision(*first_run(view.pivot, r, column)))
      continue;
    if (!best || sign * rows[r].cells[column].value < sign * rows[*best].cells[column].value) best = r;
  }
  return best;
}

std::optional<std::size_t> row_named(const SweepView& view, const std::string& name) {
  for (std::size_t r = 0; r < view.pivot.table.rows.size(); ++r)
    if (view.pivot.table.rows[r].names.front() == name) return r;
  return std::nullopt;
}

std::string best_text(const SweepView& view, std::size_t row, std::size_t column) {
  const auto& table = view.pivot.table;
  const Cell& cell = table.rows[row].cells[column];
  std::string text = row_name(table.rows[row]) + ": " +
                     (is_perplexity(view) ? "perplexity " : table.metric + " ") + cell.text;
  if (const auto full = row_named(view, kFullPrecision); full && is_perplexity(view))
    for (const auto& other : table.rows[*full].cells)
      if (other.status == "ok")
        text += ", " + format_ratio({.value = cell.value / other.value}) + " full precision";
  if (const auto none = row_named(view, "none"); none && *none != row && is_perplexity(view))
    if (const Cell& other = table.rows[*none].cells[column]; other.status == "ok")
      text += ", " + format_ratio({.value = cell.value / other.value}) + " none";
  return text + ".";
}

std::string noise_text(const Difference& lag) {
  if (!lag.floor_known)
    return fmt::format(
        "; arithmetic noise was not measured, but this is above the {:.0f} % that stand for it",
        100 * kUnknownArithmetic);
  return lag.floor > 0 ? fmt::format("; arithmetic noise is at most {:.2g} %", 100 * std::expm1(lag.floor))
                       : "";
}

// Of a setting in which every model is broken: which is closest to full precision by its KL divergence.
std::string closest_text(const SweepView& view, std::size_t column) {
  struct Row {
    std::string name;
    double value, error;
  };
  std::vector<Row> rows;
  std::string metric_name;
  for (std::size_t r = 0; r < view.pivot.table.rows.size(); ++r) {
    double sum = 0, error = 0, n = 0;
    for (const auto* run : members_of(view.pivot, r, column))
      for (const auto& metric : run->metrics)
        if (metric.name.starts_with("kl/") && std::isfinite(metric.value)) {
          sum += metric.value, error += metric.std_error, n += 1;
          metric_name = metric.name;
        }
    if (n > 0) rows.push_back({row_name(view.pivot.table.rows[r]), sum / n, error / n});
  }
  if (rows.size() < 2) return "";
  std::stable_sort(rows.begin(), rows.end(), [](const Row& a, const Row& b) { return a.value < b.value; });
  const auto text = [](const Row& row) { return row.name + " " + format_with_error(row.value, row.error); };
  return fmt::format(" Closest to full precision by {}: {} nats, then {}.", metric_name, text(rows[0]),
                     text(rows[1]));
}

void judge(const SweepView& view, std::size_t column, Answer& answer) {
  const auto& pivot = view.pivot;
  const auto& rankings = pivot.rankings;
  const auto it =
      std::find_if(rankings.begin(), rankings.end(), [&](const Ranking& r) { return r.column == column; });
  if (it == rankings.end()) {
    const auto& collapsed = pivot.best.collapsed;
    const bool broken = std::find(collapsed.begin(), collapsed.end(), answer.setting) != collapsed.end();
    answer.verdict = broken ? Verdict::kNotReal : Verdict::kNothing;
    answer.is_real = broken ? "No. Even the best perplexity is above 1000: the model is broken here, and the "
                              "order means nothing." +
                                  closest_text(view, column)
                            : "There is nothing to compare it with.";
    return;
  }
  // The closest rival, and those that were not beaten, the closest first.
  std::vector<const Ranking::Other*> rivals, equals;
  std::size_t unpaired = 0;
  for (const auto& other : it->others) {
    if (!other.lag) {
      ++unpaired;
      continue;
    }
    rivals.push_back(&other);
  }
  const auto closer = [](auto* a, auto* b) { return std::abs(a->lag->mean) < std::abs(b->lag->mean); };
  std::stable_sort(rivals.begin(), rivals.end(), closer);
  for (const auto* rival : rivals)
    if (!rival->beaten) equals.push_back(rival);
  const auto name = [&](const Ranking::Other* other) { return row_name(pivot.table.rows[other->row]); };
  const std::string suffix =
      unpaired ? fmt::format(" {} more were not scored on the same text.", unpaired) : "";
  if (rivals.empty()) {
    answer.is_real = "It was not compared: no other point was scored on the same text.";
  } else if (equals.empty()) {
    answer.verdict = Verdict::kReal;
    answer.is_real =
        fmt::format("Yes. It beats {}; {} is {} ({} after Holm over {} comparisons){}.",
                    rivals.size() == 1 ? "the other one" : fmt::format("each of {} others", rivals.size()),
                    rivals.size() == 1 ? name(rivals[0]) : "the closest, " + name(rivals[0]) + ",",
                    amount(view, rivals[0]->lag->mean), format_p(rivals[0]->p_holm), pivot.best.comparisons,
                    noise_text(*rivals[0]->lag)) +
        suffix;
  } else {
    answer.verdict = Verdict::kNotReal;
    const auto& closest = *equals[0];
    std::string why = format_p(closest.p_holm) + " after Holm";
    if (closest.lag->mean == 0)
      why = "equal to the last bit";
    else if (closest.p_holm < kSignificant)
      why += closest.lag->floor_known ? fmt::format(", but arithmetic noise is up to {:.2g} %",
                                                    100 * std::expm1(closest.lag->floor))
                                      : fmt::format(
                                            ", but arithmetic noise is not known here: without replicas, "
                                            "below {:.0f} % nothing counts",
                                            100 * kUnknownArithmetic);
    else if (std::isnan(closest.p_holm))
      why = "too few windows to tell";
    answer.is_real = fmt::format("No. It cannot be told from {} ({}, {})", name(&closest),
                                 amount(view, closest.lag->mean), why);
    if (equals.size() > 1) answer.is_real += fmt::format(" nor from {} more", equals.size() - 1);
    answer.is_real += "." + suffix;
  }
}

// The strongest correlation that is not one with the metric's own kin; null where there is none.
const StatCorrelation* strongest_cause(const std::vector<StatCorrelation>& list) {
  const auto it = std::ranges::find_if(list, [](const auto& entry) { return !is_outcome(entry.stat); });
  return it == list.end() ? nullptr : &*it;
}

std::string statistic_text(const SweepView& view, std::size_t column) {
  const auto& list = view.by_column[column];
  if (std::all_of(view.measurements.begin(), view.measurements.end(),
                  [](const auto& m) { return m.stats.empty(); }))
    return "No tensor statistics were recorded.";
  const auto* cause = strongest_cause(list);
  if (!cause) return "Too few points with statistics (four or more are needed).";
  const auto& top = *cause;
  const auto& c = top.correlation;
  const std::string numbers =
      fmt::format("{} (ρ = {:.2f} [{:.2f}, {:.2f}], n = {}, {} after Holm over {} statistics)",
                  display_name(top.stat), c.rho, c.low, c.high, c.n, format_p(top.p_holm), list.size());
  return top.p_holm < kSignificant ? numbers + "."
                                   : "None that can be told from chance; the strongest is " + numbers + ".";
}

double mean_over(const SweepView& view, std::size_t row, std::size_t column,
                 double (*seconds)(const store::RunRow&)) {
  const auto runs = members_of(view.pivot, row, column);
  double sum = 0;
  for (const auto* run : runs) sum += seconds(*run) / static_cast<double>(runs.size());
  return sum;
}

std::string cost_text(const SweepView& view, std::size_t row, std::size_t column) {
  const auto& run = *first_run(view.pivot, row, column);
  const auto times = [&](std::size_t r) {
    const double before = mean_over(view, r, column, preparation_seconds),
                 all = mean_over(view, r, column, total_seconds);
    return format_duration(before) + " to prepare, " + format_duration(all - before) + " to evaluate";
  };
  std::string text = fmt::format("{:.4g} stored bits per weight, {}; {}", bits_per_weight(run),
                                 online_name(run), times(row));
  if (const auto none = row_named(view, "none");
      none && *none != row && view.pivot.table.rows[*none].cells[column].status == "ok")
    text += " (none: " + times(*none) + ")";
  return text + ".";
}

}  // namespace

std::string format_p(double p) {
  if (std::isnan(p)) return "p not known";
  if (p < 1e-4) return "p < 0.0001";
  return p > 0.995 ? "p = 1" : fmt::format("p = {:.2g}", p);
}

std::vector<Answer> answers(const SweepView& view) {
  std::vector<Answer> list;
  for (std::size_t c = 0; c < view.pivot.table.columns.size(); ++c) {
    const auto best = best_row(view, c);
    if (!best) continue;
    Answer answer{
        .setting = column_name(view.pivot.table, c), .best = best_text(view, *best, c), .best_row = *best};
    judge(view, c, answer);
    answer.statistic = statistic_text(view, c);
    answer.costs = cost_text(view, *best, c);
    list.push_back(std::move(answer));
  }
  return list;
}

std::string overall(const SweepView& view, const std::vector<Answer>& list) {
  if (list.empty()) return "No point of this sweep has finished yet.";
  std::map<std::size_t, std::pair<int, int>> tally;  // row: first, for sure
  for (const auto& answer : list) {
    ++tally[answer.best_row].first;
    tally[answer.best_row].second += answer.verdict == Verdict::kReal;
  }
  std::vector<std::pair<std::size_t, std::pair<int, int>>> order(tally.begin(), tally.end());
  std::stable_sort(order.begin(), order.end(),
                   [](const auto& a, const auto& b) { return a.second > b.second; });
  std::vector<std::string> parts, sure;
  for (const auto& [row, counts] : order) {
    const auto name = row_name(view.pivot.table.rows[row]);
    parts.push_back(fmt::format("{} in {}", name, counts.first));
    if (counts.second > 0) sure.push_back(fmt::format("{} in {}", name, counts.second));
  }
  std::string text = fmt::format("{} {} over {} setting{}: {}; significantly: {}.",
                                 direction(view.pivot.table.metric) < 0 ? "Highest" : "Lowest",
                                 is_perplexity(view) ? "perplexity" : view.pivot.table.metric, list.size(),
                                 list.size() == 1 ? "" : "s", join(parts, ", "),
                                 sure.empty() ? "in none" : join(sure, ", "));
  if (const auto* cause = strongest_cause(view.correlations)) {
    const auto& top = *cause;
    text +=
        fmt::format(" Within settings, {} goes best with the change{} (ρ = {:.2f} [{:.2f}, {:.2f}], n = {}).",
                    display_name(top.stat), view.has_reference ? " from full precision" : "",
                    top.correlation.rho, top.correlation.low, top.correlation.high, top.correlation.n);
  }
  return text;
}

}  // namespace gyre::analysis
