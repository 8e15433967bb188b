// Settings of learned rotations: what R1 and R2 of the scheme `learned` are learned for, on what and how.
#pragma once

#include <cstdint>
#include <string>

#include "spec/train.h"
#include "spec/values.h"

namespace gyre {

// What is quantized while rotations are learned, apart from what is evaluated. Each is 'auto', 'same',
// 'none', or settings in the form of a rule, laid over the evaluated site's.
struct LearnQuantSpec {
  std::string weight = "auto", activation = "same", key = "same", value = "same";
  template <class Self, class V>
  static void describe(Self& s, V&& v) {
    v.field("weight", s.weight,
            "auto: as quant.weight, but full precision where quant.weight.solver is gptq; same; none; or "
            "settings laid over quant.weight, 'n_bits=4 clip=minmax'",
            Limits{});
    v.field("activation", s.activation, "same (as quant.activation), none, or settings laid over it",
            Limits{});
    v.field("key", s.key, "the same for quant.key", Limits{});
    v.field("value", s.value, "the same for quant.value", Limits{});
  }
};

// SpinQuant's: 100 steps of 8 windows of 2048 tokens at the rate 1.5, cosine to 0.
LoopSpec learning_loop();

struct LearnSpec {
  std::string objective = "ce";
  std::string optimizer = "sgd";
  std::string retraction = "cayley";
  bool step_bound = true;
  std::string path = "wikitext2-valid";
  LoopSpec loop = learning_loop();
  std::string clipped = "pass";
  std::string dtype = "float32";
  std::int64_t save_every = 10;
  LearnQuantSpec quant;
  template <class Self, class V>
  static void describe(Self& s, V&& v) {
    v.field("objective", s.objective, "what is minimized: a row of `gyre list objectives`", Limits{});
    v.field("optimizer", s.optimizer, "Cayley SGD (SpinQuant's), or Cayley Adam",
            Limits{.one_of = {"sgd", "adam"}});
    v.field("retraction", s.retraction,
            "how a step stays orthogonal: cayley (five fixed-point iterations), exact (the same equation "
            "solved), qr",
            Limits{.one_of = {"cayley", "exact", "qr"}});
    v.field("step_bound", s.step_bound,
            "a step is at most 1 / (largest column sum of its direction); false leaves the rate alone",
            Limits{});
    v.field("path", s.path,
            "text to learn on: a named one (`gyre list data`) or a UTF-8 file; no begin-of-stream token",
            Limits{});
    LoopSpec::describe(s.loop, v);
    v.field("clipped", s.clipped,
            "gradient where a quantizer clipped a value: pass (SpinQuant's rule) or stop",
            Limits{.one_of = {"pass", "stop"}});
    v.field("dtype", s.dtype, "of the rotations and of their products with weights while learning",
            Limits{.one_of = {"float32", "float64"}});
    v.field(
        "save_every", s.save_every,
        "steps between two saved states, from which an interrupted run goes on; changes no result. Not part "
        "of the run's identity",
        Limits{.min = 1});
    v.group("quant", s.quant, "what is quantized while learning");
  }
};

}  // namespace gyre
