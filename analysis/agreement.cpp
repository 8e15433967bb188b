#include "analysis/agreement.h"

#include <fmt/format.h>

#include <algorithm>
#include <cmath>

#include "analysis/facts.h"
#include "core/error.h"
#include "core/text.h"

namespace gyre::analysis {
namespace {

// "ppl@gptq" of "ppl/wikitext2@gptq2048[4 windows]".
std::string protocol_of(const std::string& metric) {
  const auto at = metric.rfind('@');
  if (at == std::string::npos) return metric.substr(0, metric.find('/'));
  return metric.substr(0, metric.find('/')) + metric.substr(at, metric.find_first_of("0123456789[", at) - at);
}

std::optional<std::size_t> index_of(const std::vector<std::string>& names, const std::string& name) {
  const auto it = std::find(names.begin(), names.end(), name);
  return it == names.end() ? std::nullopt : std::optional<std::size_t>(it - names.begin());
}

struct Names {
  std::vector<std::string> rows, columns;
  explicit Names(const Table& table) {
    for (const auto& row : table.rows) rows.push_back(row_name(row));
    for (std::size_t c = 0; c < table.columns.size(); ++c) columns.push_back(column_name(table, c));
  }
};

// What the first of two lists separated by semicolons has alone.
std::string alone_in(const std::string& text, const std::string& other) {
  const auto theirs = split(other, ';');
  std::vector<std::string> out;
  for (const auto& part : split(text, ';'))
    if (std::find(theirs.begin(), theirs.end(), part) == theirs.end()) out.emplace_back(trim(part));
  return out.empty() ? "the defaults" : join(out, ", ");
}

// Names alone do not say that a setting is the same: "W4A16" does not name the groups' size.
void check_methods(const Orderings& there, const Pivot& here, const Names& names) {
  for (const auto& cell : there.cells) {
    const auto row = index_of(names.rows, cell.row), column = index_of(names.columns, cell.setting);
    if (!row || !column || here.members[*row][*column].empty()) continue;
    const auto method = method_text(*members_of(here, *row, *column).front());
    GYRE_CHECK(method == cell.method, ErrorCode::kInput,
               "orderings of {}: ({}, {}) was recorded with {}, and has {} here; give both sweeps the same "
               "settings, or record the orderings anew: {}",
               there.model, cell.row, cell.setting, alone_in(cell.method, method),
               alone_in(method, cell.method), there.command);
  }
  const auto is_here = [&](const Ordering& pair) {
    const auto a = index_of(names.rows, pair.a), b = index_of(names.rows, pair.b),
               column = index_of(names.columns, pair.setting);
    return a && b && column && !here.members[*a][*column].empty() && !here.members[*b][*column].empty();
  };
  const auto& first = there.pairs.front();
  GYRE_CHECK(std::any_of(there.pairs.begin(), there.pairs.end(), is_here), ErrorCode::kInput,
             "orderings of {}: none of the recorded pairs is in this sweep, such as {} and {} in {}; it has "
             "rows {} and settings {}. Name other orderings in the sweep's file, or none",
             there.model, first.a, first.b, first.setting, join(names.rows, ", "), join(names.columns, ", "));
}

void turn(Ordering& pair) {
  std::swap(pair.a, pair.b);
  pair.mean = -pair.mean;
}

void turn(RowPair& pair) {
  std::swap(pair.a, pair.b);
  pair.difference.mean = -pair.difference.mean;
  for (auto& cluster : pair.difference.clusters) cluster.difference = -cluster.difference;
}

Agreement agreement_of(const Ordering& there, const std::optional<RowPair>& here) {
  if (!there.told) return Agreement::kNotToldThere;
  if (!here) return Agreement::kMissing;
  if (!here->told) return Agreement::kNotToldHere;
  return here->difference.mean < 0 ? Agreement::kHolds : Agreement::kReversed;
}

}  // namespace

bool comparable(const Orderings& there, const std::string& metric) {
  return metric.starts_with("ppl/") && protocol_of(there.metric) == protocol_of(metric);
}

bool is_recorded_sweep(const Orderings& there, const Pivot& here, const std::string& sweep) {
  return there.sweep == sweep && std::all_of(here.runs.begin(), here.runs.end(), [&](const auto& run) {
           return short_model_name(run) == there.model;
         });
}

std::vector<JudgedOrdering> judge_orderings(const Orderings& there, const Pivot& here) {
  const Names names(here.table);
  check_methods(there, here, names);
  const auto pairs = row_pairs(here, there.test);
  std::vector<JudgedOrdering> list;
  for (Ordering ordering : there.pairs) {
    if (ordering.mean > 0) turn(ordering);
    std::optional<RowPair> found;
    for (const auto& pair : pairs) {
      if (names.columns[pair.column] != ordering.setting) continue;
      const bool same = names.rows[pair.a] == ordering.a && names.rows[pair.b] == ordering.b;
      const bool other = names.rows[pair.a] == ordering.b && names.rows[pair.b] == ordering.a;
      if (!same && !other) continue;
      found = pair;
      if (other) turn(*found);
    }
    const auto agreement = agreement_of(ordering, found);
    list.push_back({std::move(ordering), std::move(found), agreement});
  }
  return list;
}

std::string agreement_summary(const Orderings& there, const std::vector<JudgedOrdering>& list) {
  const auto count = [&](Agreement which) {
    return std::count_if(list.begin(), list.end(),
                         [&](const auto& judged) { return judged.agreement == which; });
  };
  const auto told = std::ssize(list) - count(Agreement::kNotToldThere);
  const auto is_are = [](auto n) { return n == 1 ? "is" : "are"; };
  const auto holds = count(Agreement::kHolds), reversed = count(Agreement::kReversed),
             not_told = count(Agreement::kNotToldHere), missing = count(Agreement::kMissing);
  std::string text = fmt::format("Of {} ordering{} recorded of {}, {} {} told there", list.size(),
                                 list.size() == 1 ? "" : "s", there.model, told, is_are(told));
  if (told > 0)
    text += fmt::format("; of these {} hold{} here, {} {} reversed, {} {} not told here", holds,
                        holds == 1 ? "s" : "", reversed, is_are(reversed), not_told, is_are(not_told));
  if (missing > 0) text += fmt::format(", and {} could not be compared", missing);
  return text + ".";
}

}  // namespace gyre::analysis
