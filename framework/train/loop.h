// The training loop: batches in an order of their own, AdamW, checkpoints, divergence. What is trained is its
// caller's: a student of quantization-aware training, a rotation, a model from scratch.
#pragma once

#include <torch/torch.h>

#include <filesystem>
#include <functional>
#include <string>
#include <vector>

#include "spec/train.h"
#include "train/optimizer.h"
#include "train/windows.h"

namespace gyre {

struct TrainBatch {
  torch::Tensor windows;      // int64 [batch, window]
  std::int64_t position = 0;  // of the first one in the endless order of TokenWindows
};

struct LoopTask {
  std::vector<ParameterGroup> groups;
  // Mean loss over the batch's targets; adds `weight` times its gradient to the parameters' grad().
  std::function<double(const TrainBatch& batch, double weight)> accumulate;
  std::function<void()> after_step;  // or null: what keeps parameters in their set (a retraction)
};

// A point of what training logs as it goes: "loss" (mean over the step's targets), "lr", "grad_norm" (before
// clipping).
struct TrainPoint {
  std::string name;
  std::int64_t step = 0;
  double value = 0;
};

struct LoopOptions {
  std::string label;                 // for progress
  std::filesystem::path checkpoint;  // file of the state; empty: none is kept
  std::int64_t checkpoint_every = 0;
  std::string fingerprint;        // see state_file.h
  std::function<void()> on_step;  // may throw; the state is saved before kInterrupted goes on
  std::function<void(const std::vector<TrainPoint>&)> on_points;  // or null: the points since the last call
};

struct LoopResult {
  bool diverged = false;   // loss or gradient were not finite at `steps`, whose update was not made
  std::int64_t steps = 0;  // done, those before a resumption included
  std::vector<double> losses, norms;  // a step each
  std::int64_t resumed_at = 0;        // first step of this process
  double seconds = 0;                 // of the steps of this process
};

// Trains from the saved state where there is one, else from the parameters as they are. A continued training
// gives the bits of an uninterrupted one where the task's arithmetic is reproducible. A state that cannot be
// written (disk full) is warned about; the last good one stays and training goes on. kInput when the state
// belongs to something else.
LoopResult run_loop(const LoopSpec& spec, const TokenWindows& windows, const LoopTask& task,
                    const LoopOptions& options);

}  // namespace gyre
