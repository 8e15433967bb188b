#include "train/schedule.h"

#include <cmath>
#include <numbers>

#include "core/error.h"

namespace gyre {

double lr_factor(const LoopSpec& spec, std::int64_t step) {
  GYRE_ASSERT(step >= 0 && step < spec.steps);
  if (step < spec.warmup) return static_cast<double>(step + 1) / static_cast<double>(spec.warmup);
  if (spec.schedule == "constant") return 1;
  const double t = static_cast<double>(step - spec.warmup) / static_cast<double>(spec.steps - spec.warmup);
  const double share = spec.schedule == "cosine" ? (1 + std::cos(std::numbers::pi * t)) / 2 : 1 - t;
  return spec.final_lr + (1 - spec.final_lr) * share;
}

void check_loop(const LoopSpec& spec, std::string_view what) {
  GYRE_CHECK(spec.warmup < spec.steps, ErrorCode::kConfig,
             "{0}warmup is {1}, but {0}steps is {2}; the warm-up must end before the training", what,
             spec.warmup, spec.steps);
}

}  // namespace gyre
