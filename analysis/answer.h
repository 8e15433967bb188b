// What a sweep says, in words: for each setting the best rotation, whether the difference is real, which
// statistic goes with it, and what it costs. Private to analysis.
#pragma once

#include <string>
#include <vector>

#include "analysis/sweep_view.h"

namespace gyre::analysis {

enum class Verdict { kReal, kNotReal, kNothing };

struct Answer {
  std::string setting;  // the column
  std::string best;     // "gsr: perplexity 24.53 ± 0.50, ×1.221 full precision, ×0.951 none"
  Verdict verdict = Verdict::kNothing;
  std::string is_real = {}, statistic = {}, costs = {};
  std::size_t best_row = 0;
};

// One a column that has a finished cell beside full precision's.
std::vector<Answer> answers(const SweepView& view);

// One sentence over all settings: who is best how often, and how often for sure.
std::string overall(const SweepView& view, const std::vector<Answer>& list);

std::string format_p(double p);  // "p = 0.012", "p < 0.0001"

}  // namespace gyre::analysis
