// Learning R1 and R2: Cayley descent on an objective, from their inits, with a state that survives a crash.
// Liu et al., "SpinQuant: LLM quantization with learned rotations", ICLR 2025, section 3.
#pragma once

#include <torch/torch.h>

#include <filesystem>
#include <functional>
#include <memory>
#include <string>
#include <vector>

#include "model/surgery.h"
#include "spec/learn.h"
#include "train/loop.h"
#include "train/rotation_gradient.h"
#include "train/windows.h"

namespace gyre {

struct LearnTask {
  const Llama* folded = nullptr;  // as it comes from fold_norms, not rotated
  RotationPlan rotations;         // all sites; those of the scheme `learned` are learned
  QuantPlan quant;                // while learning (learning_plan)
  LearnSpec spec;
  std::int64_t seed = 0;
  const TokenWindows* windows = nullptr;  // null only where the objective reads no text
};

struct LearnOptions {
  std::filesystem::path state;  // file of the state; empty: none is kept
  std::string fingerprint;      // see state_file.h
  std::string label;            // for progress
  std::function<void()>
      on_piece;  // between layers; may throw. The state is saved before kInterrupted goes on
  // Points since the last call, those of a continued state first: "loss", "lr", "grad_norm" (before
  // clipping), "orthogonality" (max |R R^T - I| after the step).
  std::function<void(const std::vector<TrainPoint>&)> on_points;
};

// The learned factors, float64, orthogonal to 1e-12: r1 [n, b, b], r2 [layers, m, c, c]; undefined where that
// site is not learned.
struct LearnedFactors {
  torch::Tensor r1, r2;
};

struct LearnResult {
  LearnedFactors factors;
  bool diverged = false;   // at `steps`, whose update was not made: not finite, or far from orthogonal
  std::string reason;      // of the divergence
  std::int64_t steps = 0;  // done, those before a resumption included
  std::int64_t resumed_at = 0;
  std::vector<double> losses;      // a step each, before its update, on that step's windows
  double loss_after = 0;           // on the first step's windows, to be held against losses[0]
  double orthogonality_error = 0;  // before the correction
  double seconds = 0;              // of the steps of this process
};

// Steps from the saved state where there is one. A continued learning gives the bits of an uninterrupted one
// on the CPU. kInput when the state belongs to something else; kConfig when the objective reads text and
// windows is null.
LearnResult learn_rotations(const LearnTask& task, const LearnOptions& options);

// Sets the factors in the rotations of the scheme `learned`, and leaves the others.
void apply_factors(Rotations& rotations, const LearnedFactors& factors);

}  // namespace gyre
