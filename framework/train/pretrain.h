// Training of a LLaMA from scratch, by the next token.
#pragma once

#include <vector>

#include "model/llama.h"
#include "spec/pretrain.h"
#include "train/loop.h"
#include "train/memory.h"

namespace gyre {

LlamaConfig config_of(const NewModelSpec& spec);

// Before the first step, float32 on the CPU: matrices normal with init_std (o_proj and down_proj with
// init_std / sqrt(2 layers), as in GPT-2), gains 1. Each tensor has a stream of its own, "init/NAME".
Llama new_llama(const NewModelSpec& spec, std::int64_t seed);

struct PretrainResult {
  LoopResult loop;
  std::int64_t n_parameters = 0;
  Llama model;  // float32; empty where training diverged
};

// model: float32, on the device where it is trained; its tensors are left as they are.
PretrainResult pretrain(Llama model, const TokenWindows& windows, const PretrainLoopSpec& spec,
                        const LoopOptions& options);

// What it needs in memory, as training_memory counts it.
std::vector<MemoryRow> pretrain_memory(const PretrainSpec& spec);

}  // namespace gyre
