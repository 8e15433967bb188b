// A run is a chain of stages. Each declares what it reads; its key is the SHA-256 of its name, version, those
// settings and the key of the stage before it, so that equal keys mean equal results and a result is made
// once.
#pragma once

#include <torch/torch.h>

#include <filesystem>
#include <functional>
#include <memory>
#include <optional>
#include <span>
#include <string>
#include <string_view>
#include <vector>

#include "eval/invariance.h"
#include "eval/measure.h"
#include "eval/perplexity.h"
#include "model/surgery.h"
#include "pipeline/inputs.h"
#include "store/run_store.h"

namespace gyre {

struct LearnedFactors;  // train/learn_rotation.h

struct Verification {
  std::string name;  // "invariance/rotate"
  bool passed = false;
  double value = 0;
  std::string detail;
};

// What measuring hands on, where it is on.
struct MeasureState {
  torch::Tensor windows;  // int64 [samples, window]
  torch::Tensor logits;   // of the original (measure_shape)
  std::shared_ptr<const std::vector<TensorStat>> original, rotated;
  std::shared_ptr<const Llama> reference;    // before quantization
  std::shared_ptr<const WeightCodes> codes;  // as the solver chose them
};

// What the stages hand on. Copies share tensors.
struct State {
  Llama model;
  std::shared_ptr<const GateReference> gate;      // of the model as loaded
  std::shared_ptr<const LearnedFactors> learned;  // for rotations of the scheme `learned`, or null
  std::shared_ptr<Rotation> r1;
  std::vector<Verification> verifications;
  std::vector<store::MetricRow> metrics;    // beside the perplexity
  std::optional<std::int64_t> diverged_at;  // the step at which training did; no stage follows then
  std::optional<Perplexity> perplexity;
  MeasureState measure;
  std::vector<store::TensorStatRow> tensor_stats;
  std::vector<std::pair<std::string, std::vector<store::SampleRow>>>
      samples;  // of metrics but the perplexity
};

// What a run leaves beside its rows.
struct RunFiles {
  std::filesystem::path
      training_state;            // of a training that is interrupted; removed when the run is finished
  std::filesystem::path packed;  // the trained model as codes; empty: none is written
  std::filesystem::path cache;   // folder of what runs share: learned rotations
  std::string fingerprint;       // of the run: program, inputs and settings, one a line
};

struct StageContext {
  const RunConfig& config;
  Inputs& inputs;
  torch::Device device;
  std::string label;              // for progress
  std::function<void()> on_step;  // between pieces of long work: heartbeat, interruption
  std::function<void(const std::vector<store::CurveRow>&)> on_curve;  // points of a training, as it goes
  RunFiles files;
};

struct Stage {
  std::string_view name;
  int version;                          // raised when its result changes for the same input
  std::vector<std::string_view> reads;  // settings by prefix: "rotation.r1", "eval."
  // Settings that it reads for some configurations only, or null.
  std::vector<std::string_view> (*reads_too)(const RunConfig&);
  bool (*enabled)(const RunConfig&);
  void (*run)(State&, const StageContext&);  // replaces parts of the state, never writes into shared tensors
};

// load, measure_original, fold_norms, learn_rotation, rotate, install_online, smooth, measure_rotated,
// calibrate, quantize, attach, train, evaluate, measure.
std::span<const Stage> stages();

}  // namespace gyre
