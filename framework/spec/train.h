// Settings of training: the loop's, which quantization-aware training, learned rotations and pretraining
// share, and what quantization-aware training adds to them.
#pragma once

#include <cstdint>
#include <string>

#include "spec/values.h"

namespace gyre {

// A training loop: how many tokens a step sees and what AdamW does with their gradient. A step is
// `accumulation` passes of `batch` windows; its gradient is the mean over all its targets.
struct LoopSpec {
  std::int64_t steps = 100;
  std::int64_t batch = 4;
  std::int64_t accumulation = 1;
  std::int64_t window = 512;
  double lr = 1e-5;
  std::string schedule = "constant";
  std::int64_t warmup = 0;
  double final_lr = 0;
  double beta1 = 0.9, beta2 = 0.999, epsilon = 1e-8;
  double weight_decay = 0;
  double grad_clip = 1;
  std::int64_t tokens_per_step() const { return batch * accumulation * window; }
  template <class Self, class V>
  static void describe(Self& s, V&& v) {
    v.field("steps", s.steps, "optimizer steps", Limits{.min = 1});
    v.field("batch", s.batch, "windows that pass through the model at once", Limits{.min = 1});
    v.field("accumulation", s.accumulation, "passes whose gradients a step sums up", Limits{.min = 1});
    v.field("window", s.window, "tokens per window; at most the model's positions",
            Limits{.min = 2, .max = 1e6});
    v.field("lr", s.lr, "peak learning rate", Limits{.min = 0, .max = 10});
    v.field("schedule", s.schedule,
            "of every learning rate after the warm-up: constant, or cosine or linear down to final_lr",
            Limits{.one_of = {"constant", "cosine", "linear"}});
    v.field("warmup", s.warmup, "steps in which the rates rise linearly to their peak", Limits{.min = 0});
    v.field("final_lr", s.final_lr, "where cosine and linear end, as a share of the peak",
            Limits{.min = 0, .max = 1});
    v.field("beta1", s.beta1, "AdamW: decay of the mean", Limits{.min = 0, .max = 0.999999});
    v.field("beta2", s.beta2, "AdamW: decay of the mean square", Limits{.min = 0, .max = 0.999999999});
    v.field("epsilon", s.epsilon, "AdamW: added to the root of the mean square", Limits{.min = 1e-30});
    v.field("weight_decay", s.weight_decay, "AdamW: of matrices alone, per step and learning rate",
            Limits{.min = 0, .max = 10});
    v.field("grad_clip", s.grad_clip, "largest norm of a step's whole gradient; 0: not clipped",
            Limits{.min = 0});
  }
};

// Text that a model writes to be trained on.
struct GenerateSpec {
  std::int64_t samples = 0;
  std::int64_t prompt = 32;
  double temperature = 0.7;
  template <class Self, class V>
  static void describe(Self& s, V&& v) {
    v.field("samples", s.samples,
            "windows that the teacher writes, to be trained on in place of the text itself; 0: none",
            Limits{.min = 0});
    v.field("prompt", s.prompt, "tokens of the text that each of them starts from", Limits{.min = 1});
    v.field("temperature", s.temperature, "of the teacher's softmax when it draws a token",
            Limits{.min = 1e-3, .max = 100});
  }
};

// Training after the quantizers are in place. Part of a run's identity only where scheme is not none.
struct TrainSpec {
  std::string scheme = "none";
  std::string path = "unset";
  LoopSpec loop;
  double clip_lr = 1e-3, partition_lr = 1e-3, step_lr = 1e-4;
  bool embeddings = true;
  std::string loss = "cakld";
  std::int64_t teacher_top_k = 0;
  std::int64_t beta_windows = 8;
  std::string dtype = "float32";
  GenerateSpec generate;
  std::int64_t checkpoint_every = 100;
  bool recompute = false;
  bool enabled() const { return scheme != "none"; }
  template <class Self, class V>
  static void describe(Self& s, V&& v) {
    v.field("scheme", s.scheme, "none, or qat: weights and the quantizers' parameters together",
            Limits{.one_of = {"none", "qat"}});
    v.field("path", s.path, "a named text (`gyre list data`) or a UTF-8 file to train on", Limits{});
    LoopSpec::describe(s.loop, v);
    v.field("clip_lr", s.clip_lr, "peak learning rate of learned clips", Limits{.min = 0, .max = 10});
    v.field("partition_lr", s.partition_lr, "peak learning rate of learned partitions",
            Limits{.min = 0, .max = 10});
    v.field("step_lr", s.step_lr, "peak learning rate of learned step sizes", Limits{.min = 0, .max = 10});
    v.field("embeddings", s.embeddings, "whether the embedding and lm_head are trained too", Limits{});
    v.field("loss", s.loss,
            "ce: the next token; kl: from the teacher, forward; kl_reverse; cakld: both, mixed by the "
            "teacher's confidence",
            Limits{.one_of = {"ce", "kl", "kl_reverse", "cakld"}});
    v.field("teacher_top_k", s.teacher_top_k,
            "0: the teacher's whole distribution, computed when needed; else its k most likely tokens and "
            "the rest's mass, computed once a window and kept",
            Limits{.min = 0});
    v.field("beta_windows", s.beta_windows,
            "cakld: windows over which the teacher's mean confidence is taken before the first step",
            Limits{.min = 1});
    v.field("dtype", s.dtype,
            "arithmetic of the passes; weights, quantizers, norms, losses and the optimizer have float32",
            Limits{.one_of = {"float32", "bfloat16"}});
    v.group("generate", s.generate, "text written by the teacher");
    v.field("checkpoint_every", s.checkpoint_every,
            "steps between two saved states; 0: none. Not part of the run's identity", Limits{.min = 0});
    v.field("recompute", s.recompute,
            "keep no activations inside a block but compute them again: the same gradients, less memory. "
            "Not part of the run's identity",
            Limits{});
  }
};

}  // namespace gyre
