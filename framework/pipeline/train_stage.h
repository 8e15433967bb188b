// Quantization-aware training as a stage, and what is checked of it before anything is loaded.
#pragma once

#include <string>

#include "pipeline/stage.h"

namespace gyre {

// Where the run trains: kConfig when the model has no positions for the window, the training text holds the
// evaluated one, or a prompt fills a window; kInput when the text is too short.
void check_train_text(const RunConfig& config, Inputs& inputs);

// The memory that training takes, a line a row and their sum; empty where nothing is trained.
std::string training_memory_text(const RunConfig& config, Inputs& inputs);

// Replaces the model by the trained one, whose weights are the values of their codes; or sets diverged_at.
void train_stage(State& state, const StageContext& context);

}  // namespace gyre
