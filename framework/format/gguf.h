// GGUF, the container of llama.cpp: typed metadata, then tensors, some of them in ggml's block formats.
#pragma once

#include <cstdint>
#include <filesystem>
#include <map>
#include <memory>
#include <string>
#include <string_view>
#include <vector>

#include "format/mapped_tensors.h"

namespace gyre::format {

// The file's own numbers for the types of metadata.
enum class GgufType : std::uint32_t {
  kU8,
  kI8,
  kU16,
  kI16,
  kU32,
  kI32,
  kF32,
  kBool,
  kString,
  kArray,
  kU64,
  kI64,
  kF64
};

// One value or an array of them, as it lies in the file; strings with their lengths in front.
struct GgufValue {
  GgufType type = GgufType::kU8;  // of the elements, for an array; never kArray
  bool is_array = false;
  std::uint64_t count = 1;
  std::span<const std::byte> data;
};

class Gguf : public MappedTensors {
 public:
  // Version 3 (and 2, which is laid out the same), little-endian. kInput when the file is truncated or
  // contradicts itself; kUnsupported for other versions, big-endian files, parts of a split model, nested
  // arrays, and ggml types other than F64 F32 F16 BF16 I64 I32 I16 I8 Q4_0 Q4_1 Q5_0 Q5_1 Q8_0 Q4_K Q6_K.
  static std::shared_ptr<const Gguf> open(const std::filesystem::path& path);

  // nullptr when there is no such key.
  const GgufValue* find(std::string_view key) const;

  // kInput, naming file and key, when the key is missing or its value is of another kind: integers of any
  // width that are not negative; any number; arrays of integers, of floats, of strings. Strings must be
  // UTF-8.
  std::string get_string(std::string_view key) const;
  bool get_bool(std::string_view key) const;
  std::uint64_t get_uint(std::string_view key) const;
  double get_double(std::string_view key) const;
  std::vector<std::string> get_strings(std::string_view key) const;
  std::vector<float> get_floats(std::string_view key) const;
  std::vector<std::int64_t> get_ints(std::string_view key) const;

 private:
  explicit Gguf(const std::filesystem::path& path);
  void read();
  const GgufValue& value(std::string_view key, bool is_array, std::string_view expected) const;
  [[noreturn]] void refuse(std::string_view key, const GgufValue& value, std::string_view expected) const;
  std::map<std::string, GgufValue, std::less<>> metadata_;
};

}  // namespace gyre::format
