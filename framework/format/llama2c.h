// Version 0 of llama2.c's model file (the "legacy" one): 7 int32, then float32 weights, each kind stacked
// over the layers. Rows of q and k are in RoPE's interleaved pairs.
#pragma once

#include <cstdint>
#include <filesystem>
#include <memory>

#include "format/mapped_tensors.h"

namespace gyre::format {

struct Llama2cHeader {
  std::int32_t dim, hidden_dim, n_layers, n_heads, n_kv_heads;
  std::int32_t vocab_size;  // as in the file: negative when the output matrix is not tied to the embedding
  std::int32_t seq_len;
};

// Tensors by Hugging Face's names (model.layers.0.self_attn.q_proj.weight), one per layer.
class Llama2c : public MappedTensors {
 public:
  // kInput unless every size is positive, heads divide dim, and the file is exactly as long as the header
  // says; kUnsupported for later versions and for PyTorch's files.
  static std::shared_ptr<const Llama2c> open(const std::filesystem::path& path);

  const Llama2cHeader& header() const { return header_; }

 private:
  explicit Llama2c(const std::filesystem::path& path);
  Llama2cHeader header_{};
};

}  // namespace gyre::format
