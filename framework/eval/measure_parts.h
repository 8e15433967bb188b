// What the measurements before and after quantization share. Private to eval.
#pragma once

#include <torch/torch.h>

#include "eval/measure.h"

namespace gyre {

// Every k-th row keeps a tensor of so many values within kMeasuredValues.
inline std::int64_t sampling_step(std::int64_t n_values) {
  return (n_values + kMeasuredValues - 1) / kMeasuredValues;
}

// hidden [1, T, size] after the final norm; float32 [tokens compared, vocab] on the CPU.
inline torch::Tensor compared_logits(const Llama& model, const torch::Tensor& hidden) {
  const auto rows = hidden.squeeze(0).slice(0, 0, std::nullopt, kComparedStride);
  return model.head.forward(rows.contiguous()).to(torch::kCPU, torch::kFloat32);
}

}  // namespace gyre
