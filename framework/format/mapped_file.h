// A file's bytes in memory, read-only, unmapped by the destructor.
#pragma once

#include <cstddef>
#include <filesystem>
#include <span>
#include <string>

namespace gyre::format {

class MappedFile {
 public:
  // kInput when path is missing, no regular file or not readable; kResource when there is no room to map it.
  explicit MappedFile(const std::filesystem::path& path);
  ~MappedFile();
  MappedFile(const MappedFile&) = delete;
  MappedFile& operator=(const MappedFile&) = delete;

  std::span<const std::byte> bytes() const { return bytes_; }
  const std::string& path() const { return path_; }

 private:
  std::string path_;
  std::span<const std::byte> bytes_;
};

}  // namespace gyre::format
