// The stages that gather tensor statistics: of the original and of the rotated model, shared by all points
// that share those, and of the quantized one.
#pragma once

#include "pipeline/stage.h"

namespace gyre {

bool measures(const RunConfig& config);

// Where the run measures: kConfig when the model has no positions for its windows or a group does not divide,
// kInput when the text is too short.
void check_measure(const RunConfig& config, Inputs& inputs);

void measure_original(State& state, const StageContext& context);
// Keeps the model as the reference for output errors. Where nothing was rotated or smoothed, the original's
// statistics stand for it.
void measure_rotated(State& state, const StageContext& context);
// Fills State::tensor_stats, and adds output errors and the KL divergence to the metrics.
void measure_stage(State& state, const StageContext& context);

// Records codes into the state's measurement; null where nothing is measured.
CodeObserver code_observer(State& state, const StageContext& context);

}  // namespace gyre
