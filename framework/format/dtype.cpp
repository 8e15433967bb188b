// Names and sizes of the dtypes.
#include <limits>

#include "core/error.h"
#include "format/tensors.h"

namespace gyre::format {
namespace {

// A block is the smallest piece that can be stored; one value for plain dtypes.
struct Layout {
  const char* name;
  std::uint64_t block_values, block_bytes;
};

Layout layout(DType dtype) {
  switch (dtype) {
    case DType::kF64:
      return {"F64", 1, 8};
    case DType::kF32:
      return {"F32", 1, 4};
    case DType::kF16:
      return {"F16", 1, 2};
    case DType::kBF16:
      return {"BF16", 1, 2};
    case DType::kI64:
      return {"I64", 1, 8};
    case DType::kI32:
      return {"I32", 1, 4};
    case DType::kI16:
      return {"I16", 1, 2};
    case DType::kI8:
      return {"I8", 1, 1};
    case DType::kU8:
      return {"U8", 1, 1};
    case DType::kBool:
      return {"BOOL", 1, 1};
    case DType::kQ4_0:
      return {"Q4_0", 32, 18};
    case DType::kQ4_1:
      return {"Q4_1", 32, 20};
    case DType::kQ5_0:
      return {"Q5_0", 32, 22};
    case DType::kQ5_1:
      return {"Q5_1", 32, 24};
    case DType::kQ8_0:
      return {"Q8_0", 32, 34};
    case DType::kQ4_K:
      return {"Q4_K", 256, 144};
    case DType::kQ6_K:
      return {"Q6_K", 256, 210};
  }
  GYRE_ASSERT(false);
}

}  // namespace

const char* dtype_name(DType dtype) {
  return layout(dtype).name;
}

bool is_quantized(DType dtype) {
  return layout(dtype).block_values > 1;
}

std::uint64_t storage_bytes(DType dtype, std::uint64_t count) {
  const auto [name, block_values, block_bytes] = layout(dtype);
  GYRE_CHECK(count % block_values == 0, ErrorCode::kInput, "{} values of {}, which is stored in blocks of {}",
             count, name, block_values);
  const auto blocks = count / block_values;
  GYRE_CHECK(blocks <= std::numeric_limits<std::uint64_t>::max() / block_bytes, ErrorCode::kInput,
             "{} values of {} are more bytes than can be counted", count, name);
  return blocks * block_bytes;
}

std::int64_t TensorView::numel() const {
  std::int64_t count = 1;
  for (const auto size : shape) count *= size;
  return count;
}

}  // namespace gyre::format
