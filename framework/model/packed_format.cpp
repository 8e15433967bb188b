#include "model/packed_format.h"

#include <fmt/format.h>

#include "core/error.h"
#include "model/tensor_loading.h"

namespace gyre::packed {

namespace {
bool is_held(torch::ScalarType dtype) {
  return torch::isFloatingType(dtype) || dtype == torch::kUInt8;
}
}  // namespace

format::DType container_dtype(torch::ScalarType dtype, const std::string& name) {
  const auto found = gyre::container_dtype(dtype);
  GYRE_CHECK(found && is_held(dtype), ErrorCode::kUnsupported,
             "tensor {} is {}, which a packed model cannot hold", name, torch::toString(dtype));
  return *found;
}

torch::ScalarType torch_dtype(format::DType dtype, const std::string& name) {
  const auto found = gyre::torch_dtype(dtype);
  GYRE_CHECK(found && is_held(*found), ErrorCode::kUnsupported,
             "tensor {} is {}, which a packed model does not hold", name, format::dtype_name(dtype));
  return *found;
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
