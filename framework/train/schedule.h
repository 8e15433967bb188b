// Learning rates over the steps of a training loop.
#pragma once

#include "spec/train.h"

namespace gyre {

// What every group's peak rate is multiplied with at step 0..steps-1: (step + 1) / warmup in the warm-up;
// then, with t = (step - warmup) / (steps - warmup), 1 (constant), final_lr + (1 - final_lr) (1 + cos(pi t))
// / 2 (cosine) or final_lr + (1 - final_lr) (1 - t) (linear).
double lr_factor(const LoopSpec& spec, std::int64_t step);

// Settings of a loop that do not go together; `what` ("train.") stands before the settings in messages.
// kConfig.
void check_loop(const LoopSpec& spec, std::string_view what);

}  // namespace gyre
