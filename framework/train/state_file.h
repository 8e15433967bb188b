// The state of a training loop on disk: named tensors and the text that says whose state it is.
#pragma once

#include <torch/torch.h>

#include <filesystem>
#include <string>
#include <utility>
#include <vector>

namespace gyre {

using NamedTensors = std::vector<std::pair<std::string, torch::Tensor>>;

// A safetensors file, replaced atomically: after a crash there is the old state or the new one. fingerprint:
// one `key = value` a line, of everything that the state belongs to. kInput, and nothing written, where path
// holds the state of something else; kResource or kInput when it cannot be written: the old file is then as
// it was.
void save_state(const std::filesystem::path& path, const NamedTensors& tensors,
                const std::string& fingerprint);

// Fills the tensors (in place; their names, shapes and dtypes must be the file's) and returns true; false
// when there is no file. kInput, naming the first line in which they differ, when the file has another
// fingerprint, and when it is damaged. Tensors named in `sized_by_file` take their size from the file and are
// assigned.
bool load_state(const std::filesystem::path& path, NamedTensors& tensors, const std::string& fingerprint,
                const std::vector<std::string>& sized_by_file = {});

}  // namespace gyre
