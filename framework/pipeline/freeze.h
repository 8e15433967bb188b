// A composed configuration becomes a run: everything that can be checked without weights is checked, and the
// identity (configuration and input digests) is fixed.
#pragma once

#include <string>
#include <vector>

#include "config/compose.h"
#include "pipeline/inputs.h"
#include "store/run_store.h"

namespace gyre {

struct FrozenRun {
  RunConfig config;
  store::Point point;         // digest, canonical text, label, settings
  std::string inputs_digest;  // of the model's files and the texts
};

// Scheme names against the tables, sizes against the model, window against its positions, texts and tokenizer
// exist. Errors carry the setting's file:line:column where there is one.
FrozenRun freeze(const config::Composed& composed, Inputs& inputs);

// "gsr", "none", "hadamard (signs)": the row of an ablation table, from R1 (from the others when R1 is none).
std::string rotation_label(const RotationPlan& plan);

}  // namespace gyre
