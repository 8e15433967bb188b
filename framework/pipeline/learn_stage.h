// The stage that learns R1 and R2, or takes them from the cache folder, where learned rotations lie as files
// so that points, processes and days that ask for the same ones share them.
#pragma once

#include <string>

#include "pipeline/stage.h"

namespace gyre {

// The settings behind learned rotations, beyond those that the stage always reads.
std::vector<std::string_view> learning_settings(const RunConfig& config);

// Before anything is loaded: names, sizes, and that there is something to learn for and to learn on. kConfig
// or kInput.
void check_learning(const RunConfig& config, Inputs& inputs);

// "learn <digest of the text>\n" where rotations are learned on a text, else nothing: part of a run's
// identity.
std::string learning_text_digest(const RunConfig& config, Inputs& inputs);

// Everything that learned rotations are a function of, one `key = value` a line: the model's and the text's
// digests, the rotations, what is quantized meanwhile, and the settings of learning.
std::string learning_identity(const RunConfig& config, Inputs& inputs);

void learn_stage(State& state, const StageContext& context);

}  // namespace gyre
