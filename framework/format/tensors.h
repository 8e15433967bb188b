// Tensors inside a mapped container, without copies. Every offset and size has been checked against the file.
#pragma once

#include <cstddef>
#include <cstdint>
#include <map>
#include <memory>
#include <span>
#include <string>
#include <string_view>
#include <vector>

namespace gyre::format {

enum class DType {
  kF64,
  kF32,
  kF16,
  kBF16,
  kI64,
  kI32,
  kI16,
  kI8,
  kU8,
  kBool,
  kQ4_0,
  kQ4_1,
  kQ5_0,
  kQ5_1,
  kQ8_0,
  kQ4_K,
  kQ6_K
};

const char* dtype_name(DType dtype);  // "F32", "Q4_1"
bool is_quantized(DType dtype);
// Bytes that count values take; kInput when count is no multiple of the dtype's block.
std::uint64_t storage_bytes(DType dtype, std::uint64_t count);

// shape is row-major, outermost first (GGUF's order is reversed on reading).
struct TensorView {
  std::string name;
  DType dtype = DType::kF32;
  std::vector<std::int64_t> shape;
  std::span<const std::byte> data;
  std::int64_t numel() const;
};

// A model container: named tensors. The mapping lives as long as this object.
class TensorSource {
 public:
  virtual ~TensorSource() = default;
  virtual const std::vector<std::string>& names() const = 0;
  virtual bool contains(std::string_view name) const = 0;
  virtual TensorView at(std::string_view name) const = 0;  // kInput with the nearest name when missing
  virtual std::string description() const = 0;             // "SmolLM2.gguf (GGUF v3, 272 tensors)"
  virtual std::vector<std::string> files() const = 0;      // for digests
};

// Values as float32, row-major, in file order; blocks of out may be computed in parallel. Quantized formats
// are dequantized exactly as their definition says (scale in float16, products in float32).
void to_float(const TensorView& tensor, std::span<float> out);

}  // namespace gyre::format
