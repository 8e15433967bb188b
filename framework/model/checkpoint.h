// Checkpoints in: Hugging Face folders, GGUF v3, llama2.c v0.
#pragma once

#include <filesystem>
#include <string>

#include "model/llama.h"

namespace gyre {

struct LoadedModel {
  Llama model;
  std::string
      description;     // "SmolLM2-135M-Instruct.Q4_1.gguf: 30 layers, hidden 576, ... 134.5 M parameters"
  std::string digest;  // SHA-256 over config and tensor bytes in sorted name order
  std::string note;    // "weights dequantized from Q4_1, Q8_0", or empty
};

// Only the sizes, without reading weights: for checks before a sweep starts.
LlamaConfig read_config(const std::filesystem::path& path);

// What LoadedModel::note says, without reading weights.
std::string storage_note(const std::filesystem::path& path);

// Tensor by tensor, converted to dtype as read: never two full copies. Missing, misshapen, superfluous or
// non-finite tensors give kInput with names; architectures other than plain LLaMA kUnsupported with what was
// found.
LoadedModel load_model(const std::filesystem::path& path, torch::ScalarType dtype, torch::Device device);

// "default" -> the embedded model; everything else as given.
std::filesystem::path resolve_model_path(const std::string& path);

}  // namespace gyre
