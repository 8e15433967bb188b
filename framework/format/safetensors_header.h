// The JSON header of a safetensors file. Private to framework/format.
#pragma once

#include <array>
#include <cstdint>
#include <map>
#include <string>
#include <string_view>
#include <vector>

namespace gyre::format {

struct SafetensorsHeader {
  struct Entry {
    std::string name, dtype = {};
    std::vector<std::uint64_t> shape = {};
    std::array<std::uint64_t, 2> offsets = {};  // begin and end, from the end of the header; unchecked
  };
  std::vector<Entry> entries;  // unique names, as written
  std::map<std::string, std::string> metadata;
};

// Reads as it parses, so that a hostile header never becomes a tree in memory. kInput, naming file and
// tensor, for anything but objects of dtype, shape and data_offsets, with every key once.
SafetensorsHeader parse_safetensors_header(std::string_view json, const std::string& file);

}  // namespace gyre::format
