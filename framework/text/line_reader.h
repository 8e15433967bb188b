// Lines of a text file, plain or compressed by xz, one after the other: memory does not grow with the file.
#pragma once

#include <cstdint>
#include <filesystem>
#include <memory>
#include <string>

namespace gyre::text {

class LineReader {
 public:
  // path: a file; one whose name ends in .xz is decompressed. kInput when it cannot be opened.
  explicit LineReader(const std::filesystem::path& path);
  ~LineReader();
  LineReader(const LineReader&) = delete;
  LineReader& operator=(const LineReader&) = delete;

  // The next line, without its newline; false at the end. kInput, naming file and line, when the file cannot
  // be read, an xz stream is cut off or damaged, a line is longer than 64 MiB, or one is not UTF-8.
  bool next(std::string& line);
  std::int64_t line() const;         // number of the last one, from 1
  std::uint64_t bytes_read() const;  // of the file as it is stored

 private:
  struct Impl;
  std::unique_ptr<Impl> impl_;
};

}  // namespace gyre::text
