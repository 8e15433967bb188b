// Quantization-aware training of a LLaMA: weights and the quantizers' parameters together, by the next token
// or from a teacher.
#pragma once

#include "model/llama.h"
#include "train/loop.h"
#include "train/student.h"

namespace gyre {

struct QatResult {
  LoopResult loop;
  double beta = 0;                // the teacher's mean confidence; 0 where the loss does not read it
  std::int64_t n_parameters = 0;  // trained
  Llama model;                    // Student::finish; empty where training diverged
};

// model: rotated, with its quantizers in their slots, weights' calibrated; its tensors are left as they are,
// and let go as the student takes their place. teacher: the original, for losses that ask for one; may be of
// another dtype. options.fingerprint must name everything that the result depends on. kConfig when the window
// has no positions in the model, or teacher_top_k exceeds the vocabulary.
QatResult train_quantized(Llama model, const Llama* teacher, const TokenWindows& windows,
                          const TrainSpec& spec, const LoopOptions& options);

}  // namespace gyre
