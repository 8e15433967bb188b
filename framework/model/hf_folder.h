// Models out: a Hugging Face folder, as transformers and load_model read it.
#pragma once

#include <torch/torch.h>

#include <cstdint>
#include <filesystem>

#include "model/llama.h"

namespace gyre {

struct HfDetails {
  std::int64_t bos_token_id = -1, eos_token_id = -1;  // -1: none
  double initializer_range = 0.02;
};

// Writes config.json and model.safetensors (float32, float16 or bfloat16) into the folder, which is made
// where it is missing; config.json comes last, so that a folder that has one is whole. Weights are rounded
// once, to nearest. kUnsupported for a model that such a folder cannot hold: folded norms, online rotations,
// quantizers. kRun when a weight is not finite in the dtype.
void save_hf_model(const std::filesystem::path& folder, const Llama& model, torch::ScalarType dtype,
                   const HfDetails& details);

}  // namespace gyre
