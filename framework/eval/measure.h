// Statistics of a model's tensors on some text: of weights, and of what its linears read and its cache holds.
// Each is defined in docs/CONVENTIONS.md.
//
// Memory: an accumulator of about 130 kB a tensor that is streamed, logits of every fourth token, and one
// window's activations; nothing grows with the number of windows but the logits. Of a tensor with more than
// kMeasuredValues values every k-th row is taken, k the least that keeps within it.
#pragma once

#include <torch/torch.h>

#include <functional>
#include <map>
#include <string>
#include <vector>

#include "eval/code_use.h"
#include "eval/value_statistics.h"
#include "model/llama.h"
#include "spec/measure.h"
#include "spec/quant.h"

namespace gyre {

inline constexpr std::int64_t kMeasuredValues = std::int64_t{1} << 22;
// Tokens of a window at which outputs and logits are compared: 0, 4, 8, ...
inline constexpr std::int64_t kComparedStride = 4;

struct TensorStat {
  std::int64_t layer = -1;  // -1: of all layers
  std::string tensor;       // role of a linear (of the first one of those that read an input), "key", "value"
  std::string site;  // weight, activation, key, value; activation_token0, ...: of each window's first token
  NamedValue stat;
};

// The first windows of a stream, int64 [samples, window]; kInput when it is too short.
torch::Tensor measured_windows(const std::vector<std::int32_t>& tokens, const MeasureSpec& spec,
                               const std::string& text);

struct ShapeMeasurement {
  std::vector<TensorStat> stats;
  torch::Tensor logits;  // float32 [tokens compared, vocab], CPU; where asked for
};
// Before quantization: linears' weights but lm_head's; inputs as the linears multiply them, rotated online;
// keys and values as they are cached. on_step: count_measure_steps() times.
ShapeMeasurement measure_shape(Llama& model, const torch::Tensor& windows, const MeasureSpec& spec,
                               bool keep_logits, const std::function<void()>& on_step);
std::int64_t count_measure_steps(const Llama& model, const torch::Tensor& windows);

// Codes of weights, as they are chosen, by name of the linear ("layers.3.q_proj").
using WeightCodes = std::map<std::string, CodeUse>;

struct Measured {
  double value = 0;
  double std_error = 0;  // over windows; nan for one window
  std::int64_t n = 0;
  std::vector<std::pair<double, std::int64_t>> windows;  // sum and count of each
};
struct QuantizedMeasurement {
  std::vector<TensorStat> stats;
  // Mean over linears of |x (Q - W)^T|^2 / |x W^T|^2: W the reference's weight, Q the model's, x the input
  // before its quantizer, in the model as it is. n: linears.
  Measured output_error;
  // The same with the input quantized too, over all tokens but each window's first.
  Measured layer_error;
  // KL(reference || model) of the next token in nats, over the tokens compared. n: tokens.
  Measured kl;
};
// The model as it is evaluated. reference: the same model before quantization, in the same basis; logits: of
// the original, from measure_shape.
QuantizedMeasurement measure_quantized(Llama& model, const Llama& reference, const torch::Tensor& logits,
                                       const torch::Tensor& windows, const QuantPlan& plan,
                                       const WeightCodes& codes, const std::function<void()>& on_step);

// Mean KL(p || q) a row of logits [n, vocab], float64 [n] on the CPU, computed in float64.
torch::Tensor kl_of_logits(const torch::Tensor& p, const torch::Tensor& q);

}  // namespace gyre
