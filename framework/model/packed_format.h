// What writing and reading a packed model share.
#pragma once

#include <torch/torch.h>

#include <functional>
#include <string>

#include "format/tensors.h"
#include "model/llama.h"

namespace gyre::packed {

inline constexpr const char* kFormat = "gyre packed 1";

// kUnsupported for others than float64, float32, float16, bfloat16 and uint8.
format::DType container_dtype(torch::ScalarType dtype, const std::string& name);
torch::ScalarType torch_dtype(format::DType dtype, const std::string& name);

// Every slot of an input, key or value quantizer, with its name: "layers.3.q_proj.input", "layers.3.key".
void for_each_input_quantizer(Llama& model,
                              const std::function<void(const std::string&, std::shared_ptr<Quantizer>&)>& fn);

}  // namespace gyre::packed
