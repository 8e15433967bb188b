// The stages that read the calibration text: smoothing, and quantization by a solver that looks at inputs.
#pragma once

#include "pipeline/stage.h"

namespace gyre {

// Whether the run's weights go through a solver that needs the linears' inputs.
bool solves_on_inputs(const RunConfig& config);
// The settings behind calibration inputs, beyond those that made the model; replicas among them.
std::vector<std::string_view> calibration_settings(const RunConfig& config);

// Where the run reads calibration windows: kConfig when the model has no positions for them or when they hold
// evaluated text, kInput when the text is too short.
void check_calibration(const RunConfig& config, Inputs& inputs);

void smooth_stage(State& state, const StageContext& context);
// Replaces every weight, by whichever solver, and adds what that cost to the state's metrics.
void quantize_stage(State& state, const StageContext& context);

}  // namespace gyre
