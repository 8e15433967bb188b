// What a training needs in memory, by arithmetic from sizes and settings: before anything is loaded.
#pragma once

#include <string>
#include <vector>

#include "model/llama_config.h"
#include "spec/run.h"

namespace gyre {

struct MemoryRow {
  std::string what;
  double bytes = 0;
};

// Weights of a model of these sizes; lm_head counted apart from the embedding where `untied`.
double count_parameters(const LlamaConfig& config, bool untied);

// Largest together, at the end of a pass: weights being trained, their gradients and moments, quantizers'
// parameters with theirs, the teacher, weights as they were quantized for the backward pass, activations (an
// estimate, of what autograd keeps), logits. Nothing is counted twice and allocators' slack is left out.
std::vector<MemoryRow> training_memory(const LlamaConfig& config, const RunConfig& run);

}  // namespace gyre
