// What the readers share: mapped files and checked views into them, by name. A reader derives from this and
// only ever adds.
#pragma once

#include <filesystem>
#include <map>
#include <memory>
#include <optional>
#include <span>
#include <string>
#include <string_view>
#include <vector>

#include "format/mapped_file.h"
#include "format/tensors.h"

namespace gyre::format {

// a * b, or nothing when it does not fit.
std::optional<std::uint64_t> checked_product(std::uint64_t a, std::uint64_t b);

class MappedTensors : public TensorSource {
 public:
  const std::vector<std::string>& names() const override {
    return names_;
  }  // in the order of the files' bytes
  bool contains(std::string_view name) const override { return views_.contains(name); }
  TensorView at(std::string_view name) const override;
  std::string description() const override { return description_; }
  std::vector<std::string> files() const override { return files_; }

 protected:
  // path: what the user named.
  explicit MappedTensors(const std::filesystem::path& path) : path_(path.string()) {}

  const std::string& path() const { return path_; }
  // A file of this container that is not mapped (an index).
  void add_file(const std::filesystem::path& path) { files_.push_back(path.string()); }
  const MappedFile& map(const std::filesystem::path& path);
  // kInput when the shape's sizes or their product pass 2^63 - 1, when the innermost size is no multiple of
  // the dtype's block, or when there are too many dimensions. Returns the bytes that such a tensor takes.
  static std::uint64_t checked_bytes(const std::string& file, std::string_view name, DType dtype,
                                     std::span<const std::uint64_t> shape);
  // data must have as many bytes as checked_bytes says. kInput when the name is empty, not UTF-8 or taken.
  void add(const std::string& file, std::string_view name, DType dtype, std::span<const std::uint64_t> shape,
           std::span<const std::byte> data);
  // "model.gguf (GGUF v3, 272 tensors)" from "GGUF v3".
  void describe(std::string_view kind);

 private:
  struct Entry {
    TensorView view;
    std::size_t file;  // index into files_
  };
  std::string path_, description_;
  std::vector<std::string> files_;
  std::vector<std::unique_ptr<MappedFile>> mappings_;
  std::vector<std::string> names_;
  std::map<std::string, Entry, std::less<>> views_;
};

}  // namespace gyre::format
