// Containers put together byte by byte, so that a test can make any part of one wrong.
#pragma once

#include <cstdint>
#include <cstring>
#include <fstream>
#include <optional>
#include <string>
#include <string_view>
#include <vector>

#include "text/text_files.h"

namespace gyre::format {

// A folder of the test's own, files in it written without waiting for the disk.
class ContainerTest : public TextFiles {
 protected:
  std::filesystem::path write(std::string_view name, std::string_view bytes) const {
    std::filesystem::remove(folder_ / name);  // truncating would wait for the disk, too
    std::ofstream(folder_ / name, std::ios::binary)
        .write(bytes.data(), static_cast<std::streamsize>(bytes.size()));
    return folder_ / name;
  }
};

template <typename T>
std::string raw(T value) {
  return {reinterpret_cast<const char*>(&value), sizeof value};
}

template <typename T>
std::string raw_all(const std::vector<T>& values) {
  return {reinterpret_cast<const char*>(values.data()), values.size() * sizeof(T)};
}

// Header with its length in front, then data.
inline std::string safetensors_file(std::string_view header, std::string_view data) {
  return raw(std::uint64_t{header.size()}) + std::string(header) + std::string(data);
}

inline std::string gguf_text(std::string_view text) {
  return raw(std::uint64_t{text.size()}) + std::string(text);
}

// Numbers of the GGUF specification.
enum : std::uint32_t { kU8, kI8, kU16, kI16, kU32, kI32, kF32, kBool, kString, kArray, kU64, kI64, kF64 };
enum : std::uint32_t {
  kGgmlF32 = 0,
  kGgmlF16 = 1,
  kGgmlQ4_0 = 2,
  kGgmlQ4_1 = 3,
  kGgmlQ8_0 = 8,
  kGgmlQ5_K = 13
};

struct GgufFile {
  struct Pair {
    std::string key;
    std::uint32_t type;
    std::string value;
  };
  struct Tensor {
    std::string name;
    std::vector<std::uint64_t> dimensions;  // innermost first, as in the file
    std::uint32_t type;
    std::string data;
    std::optional<std::uint64_t> offset = {};  // else behind the one before
  };
  std::string magic = "GGUF";
  std::uint32_t version = 3;
  std::uint64_t alignment = 32;
  std::vector<Pair> pairs = {};
  std::vector<Tensor> tensors = {};
  std::optional<std::uint64_t> n_pairs = {}, n_tensors = {};

  static std::string array(std::uint32_t type, std::uint64_t count, std::string_view values) {
    return raw(type) + raw(count) + std::string(values);
  }

  std::string bytes() const {
    std::string head =
        magic + raw(version) + raw(n_tensors.value_or(tensors.size())) + raw(n_pairs.value_or(pairs.size()));
    for (const auto& pair : pairs) head += gguf_text(pair.key) + raw(pair.type) + pair.value;
    std::string data;
    for (const auto& tensor : tensors) {
      data.resize((data.size() + alignment - 1) / alignment * alignment);
      head += gguf_text(tensor.name) + raw(static_cast<std::uint32_t>(tensor.dimensions.size())) +
              raw_all(tensor.dimensions) + raw(tensor.type) + raw(tensor.offset.value_or(data.size()));
      data += tensor.data;
    }
    if (!tensors.empty()) head.resize((head.size() + alignment - 1) / alignment * alignment);
    return head + data;
  }
};

// A llama2.c model whose i-th float is i.
struct Llama2cFile {
  std::int32_t dim = 8, hidden_dim = 12, n_layers = 2, n_heads = 4, n_kv_heads = 2, vocab_size = 5,
               seq_len = 3;

  std::string header() const {
    return raw_all<std::int32_t>({dim, hidden_dim, n_layers, n_heads, n_kv_heads, vocab_size, seq_len});
  }
  std::string bytes() const {
    const int vocab = vocab_size < 0 ? -vocab_size : vocab_size, head = dim / n_heads;
    const int layer = 2 * dim + 2 * dim * dim + 2 * n_kv_heads * head * dim + 3 * dim * hidden_dim;
    const int count = vocab * dim * (vocab_size < 0 ? 2 : 1) + n_layers * layer + dim + seq_len * head;
    std::vector<float> values(static_cast<std::size_t>(count));
    for (std::size_t i = 0; i < values.size(); ++i) values[i] = static_cast<float>(i);
    return header() + raw_all(values);
  }
};

}  // namespace gyre::format
