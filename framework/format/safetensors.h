// safetensors: 8 bytes with the header's length, a JSON header {name: {dtype, shape, data_offsets}}, then the
// tensors' bytes without gaps. One file, or shards in a folder with an index.
#pragma once

#include <filesystem>
#include <map>
#include <memory>
#include <span>
#include <string>

#include "format/mapped_tensors.h"

namespace gyre::format {

class Safetensors : public MappedTensors {
 public:
  // Texts that the files carry under __metadata__; of shards the first that has a key.
  const std::map<std::string, std::string>& metadata() const { return metadata_; }

 private:
  friend std::shared_ptr<const Safetensors> open_safetensors(const std::filesystem::path& path);
  explicit Safetensors(const std::filesystem::path& path);
  void read_file(const std::filesystem::path& path);
  void read_shards(const std::filesystem::path& index);
  std::map<std::string, std::string> metadata_;
};

// path: a .safetensors file, an index (.index.json), or a folder that holds model.safetensors or
// model.safetensors.index.json. kInput when a file is missing, truncated or contradicts itself or the index;
// kUnsupported for dtypes other than F64, F32, F16, BF16, I64, I32, I16, I8, U8, BOOL, and for folders whose
// weights are in another format.
std::shared_ptr<const Safetensors> open_safetensors(const std::filesystem::path& path);

// Writes one file, replaced atomically. Tensors are laid out by falling size of their dtype, then by name, so
// that each is aligned and the same tensors give the same bytes. Names must be unique, data as long as shape
// and dtype say. kUnsupported for quantized dtypes, which safetensors has not; kResource or kInput when it
// cannot be written.
void save_safetensors(const std::filesystem::path& path, std::span<const TensorView> tensors,
                      const std::map<std::string, std::string>& metadata = {});

}  // namespace gyre::format
