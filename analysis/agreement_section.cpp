#include <fmt/format.h>

#include <cmath>

#include "analysis/agreement.h"
#include "analysis/answer.h"
#include "analysis/html.h"
#include "analysis/numbers.h"

namespace gyre::analysis {
namespace {

std::string verdict_text(const JudgedOrdering& judged) {
  switch (judged.agreement) {
    case Agreement::kHolds:
      return "holds";
    case Agreement::kReversed:
      return "reversed";
    case Agreement::kNotToldThere:
      return "not told there";
    case Agreement::kMissing:
      return "not compared here";
    case Agreement::kNotToldHere:
      break;
  }
  const auto& difference = judged.here->difference;
  if (!(judged.here->p_holm < kSignificant)) return "not told here";
  return fmt::format(
      "not told here: below the {:.2g} % that {}", 100 * std::expm1(difference.floor),
      difference.floor_known ? "arithmetic may be" : "stand for arithmetic, which is not known");
}

HtmlCell ratio_cell(double logarithm, double std_error) {
  const double value = std::exp(logarithm);
  return number_cell(value, format_ratio({.value = value, .std_error = value * std_error}));
}

HtmlCell p_cell(double p) {
  return number_cell(p, std::isnan(p) ? "not known" : p < 1e-4 ? "< 0.0001" : fmt::format("{:.2g}", p));
}

void add_here(std::vector<HtmlCell>& row, const JudgedOrdering& judged, const std::string& metric) {
  if (!judged.here) {
    row.insert(row.end(), 4, number_cell(kNoValue, ""));
    return;
  }
  const auto& pair = judged.there;
  const auto& found = judged.here->difference;
  const auto interval = bootstrap_interval(
      found.clusters, "orderings/" + metric + "/" + pair.setting + "/" + pair.a + "/" + pair.b);
  const auto bound = [](double value) {
    return number_cell(std::exp(value), std::isnan(value) ? "" : fmt::format("{:.3f}", std::exp(value)));
  };
  row.push_back(ratio_cell(found.mean, found.std_error));
  row.push_back(bound(interval.low));
  row.push_back(bound(interval.high));
  row.push_back(p_cell(judged.here->p_holm));
}

}  // namespace

std::string agreement_section(const Orderings& there, const std::vector<JudgedOrdering>& list,
                              const std::string& summary, const std::string& metric, const std::string& id) {
  HtmlTable html{
      id,
      fmt::format("Perplexity of the first row over that of the second, the first being the lower one on {}; "
                  "± standard error; 95 % interval from the bootstrap over windows; p two-sided, after Holm "
                  "over all pairs of rows on each side.",
                  there.model),
      {"setting", "pair", there.model, "p there", "here", "low", "high", "p here", "verdict"},
      {},
      "",
      ""};
  for (const auto& judged : list) {
    const auto& pair = judged.there;
    std::vector<HtmlCell> row = {text_cell(pair.setting), text_cell(pair.a + " below " + pair.b),
                                 ratio_cell(pair.mean, pair.std_error), p_cell(pair.p_holm)};
    add_here(row, judged, metric);
    row.push_back(text_cell(verdict_text(judged)));
    row.back().classes = judged.agreement == Agreement::kHolds      ? "best"
                         : judged.agreement == Agreement::kReversed ? "empty"
                                                                    : "tied";
    html.rows.push_back(std::move(row));
  }
  return "<h3>Which of " + html_text(there.model) + "'s orderings hold here?</h3>\n<p class=\"summary\">" +
         html_text(summary) + "</p>\n" + html_table(html) + "<ul class=\"notes\"><li>" +
         html_text(fmt::format("Told: p < {} and more than arithmetic may be, by the rules of the table "
                               "above. Holds: told on both models, the same way round; reversed: told on "
                               "both, the other way round.",
                               kSignificant)) +
         "</li>\n<li>" +
         html_text(fmt::format("There: {} of {}, sweep {}, gyre {}, {}.", there.metric, there.model,
                               there.sweep, there.version, there.date)) +
         "</li></ul>\n" + html_source(there.command, {});
}

}  // namespace gyre::analysis
