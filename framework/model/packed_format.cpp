#include "model/packed_format.h"

#include <fmt/format.h>

#include "core/error.h"

namespace gyre::packed {

format::DType container_dtype(torch::ScalarType dtype, const std::string& name) {
  switch (dtype) {
    case torch::kFloat64:
      return format::DType::kF64;
    case torch::kFloat32:
      return format::DType::kF32;
    case torch::kFloat16:
      return format::DType::kF16;
    case torch::kBFloat16:
      return format::DType::kBF16;
    case torch::kUInt8:
      return format::DType::kU8;
    default:
      fail(ErrorCode::kUnsupported, "tensor {} is {}, which a packed model cannot hold", name,
           torch::toString(dtype));
  }
}

torch::ScalarType torch_dtype(format::DType dtype, const std::string& name) {
  switch (dtype) {
    case format::DType::kF64:
      return torch::kFloat64;
    case format::DType::kF32:
      return torch::kFloat32;
    case format::DType::kF16:
      return torch::kFloat16;
    case format::DType::kBF16:
      return torch::kBFloat16;
    case format::DType::kU8:
      return torch::kUInt8;
    default:
      fail(ErrorCode::kUnsupported, "tensor {} is {}, which a packed model does not hold", name,
           format::dtype_name(dtype));
  }
}

void for_each_input_quantizer(
    Llama& model, const std::function<void(const std::string&, std::shared_ptr<Quantizer>&)>& fn) {
  model.for_each_linear([&](LinearRef ref) { fn(ref.name() + ".input", ref.linear.input_quantizer); });
  for (std::size_t i = 0; i < model.blocks.size(); ++i) {
    fn(fmt::format("layers.{}.key", i), model.blocks[i].attention.key_quantizer);
    fn(fmt::format("layers.{}.value", i), model.blocks[i].attention.value_quantizer);
  }
}

}  // namespace gyre::packed
