// A walk over a model's linears in the order in which data reaches them, on calibration text: the inputs of
// each can be seen, and its weight replaced, before anything behind it is computed.
#pragma once

#include <torch/torch.h>

#include <functional>
#include <optional>
#include <vector>

#include "model/llama.h"
#include "spec/eval.h"

namespace gyre {

// Where the calibration windows of a stream of n_tokens begin: one behind the other from its start, or at
// random places, no two at one, drawn from the name "calibration". kInput when it is shorter than samples x
// window.
std::vector<std::int64_t> calibration_starts(std::int64_t n_tokens, const CalibrationSpec& spec,
                                             std::int64_t seed);
// Those windows, int64 [samples, window].
torch::Tensor calibration_windows(const std::vector<std::int32_t>& tokens, const CalibrationSpec& spec,
                                  std::int64_t seed);
// How many places of the stream they cover: fewer than samples x window where random ones
// overlap.
std::int64_t count_calibration_places(std::int64_t n_tokens, const CalibrationSpec& spec, std::int64_t seed);

// Linears of one block that multiply the same input.
struct SharedInput {
  std::int64_t layer;
  std::vector<LinearRef> linears;
  std::int64_t size() const { return linears[0].linear.weight.size(1); }
};

// Parts linears that read one activation by what they make of it first: online rotation and input quantizer.
std::vector<SharedInput> shared_inputs(std::int64_t layer, const std::vector<LinearRef>& linears);

class InputVisitor {
 public:
  virtual ~InputVisitor() = default;
  // Before the first and after the last input of these linears. complete() may replace their weights and
  // everything else in their slots but what prepare() uses; what the walk computes next sees it.
  virtual void begin(const SharedInput& input) = 0;
  // Inputs of one window as the linears multiply them, [1, window, size]: rotated online and quantized where
  // slots say so.
  virtual void see(const SharedInput& input, const torch::Tensor& x) = 0;
  virtual void complete(const SharedInput& input) = 0;
};

struct WalkOptions {
  // Arithmetic of the passes, and what inputs are seen in; the model's own when not set. The model's weights
  // stay as they are; the replica's noise is of this dtype.
  std::optional<torch::ScalarType> dtype;
  // Where the passes run; the model's own when not set. One layer at a time is there, so that a model may be
  // larger than the device's memory.
  std::optional<torch::Device> device;
  // down_proj's inputs are kept from one pass to the next while they fit, else computed again: the same bits.
  std::int64_t keep_bytes = std::int64_t{1} << 30;
  std::function<void()> on_window;  // count_walk_windows() times
};

// Layer by layer {q, k, v}, {o}, {gate, up}, {down}; lm_head is not visited. Each layer is computed once,
// window by window, in the forward pass's own arithmetic. Host memory: the residual stream and the heads'
// outputs of all windows, and what keep_bytes allows.
void walk_inputs(Llama& model, const torch::Tensor& windows, InputVisitor& visitor,
                 const WalkOptions& options = {});
std::int64_t count_walk_windows(const Llama& model, std::int64_t samples);

}  // namespace gyre
