// Which model a run works on, and the sizes that it may have. See spec/run.h about describe().
#pragma once

#include <cstdint>
#include <string>

#include "spec/values.h"

namespace gyre {

// Sizes of a model, in Hugging Face's names; 0: not said.
struct ModelShape {
  std::int64_t hidden_size = 0, intermediate_size = 0, num_hidden_layers = 0, num_attention_heads = 0,
               num_key_value_heads = 0, head_dim = 0, vocab_size = 0;
  friend bool operator==(const ModelShape&, const ModelShape&) = default;
  template <class Self, class V>
  static void describe(Self& s, V&& v) {
    const Limits limits{.min = 0};
    v.field("hidden_size", s.hidden_size, "0: any", limits);
    v.field("intermediate_size", s.intermediate_size, "0: any", limits);
    v.field("num_hidden_layers", s.num_hidden_layers, "0: any", limits);
    v.field("num_attention_heads", s.num_attention_heads, "0: any", limits);
    v.field("num_key_value_heads", s.num_key_value_heads, "0: any", limits);
    v.field("head_dim", s.head_dim, "0: any", limits);
    v.field("vocab_size", s.vocab_size, "0: any", limits);
  }
};

struct ModelSpec {
  std::string path = "default";
  std::string dtype = "float32";
  ModelShape shape;
  bool any_shape = false;
  template <class Self, class V>
  static void describe(Self& s, V&& v) {
    v.field("path", s.path,
            "Hugging Face folder, .gguf or llama2.c .bin; 'default' is the embedded tiny model", Limits{});
    v.field("dtype", s.dtype,
            "arithmetic of the forward passes: the evaluation and, for gptq and smoothing, the calibration",
            Limits{.one_of = {"float32", "float16", "bfloat16", "float64"}});
    v.group(
        "shape", s.shape,
        "sizes that the model must have, or the run is refused; recorded are those that it has. Not part of "
        "the run's identity");
    v.field(
        "any_shape", s.any_shape,
        "runs on a model of another shape too: settings made for one model, tried on another. Not part of "
        "the run's identity",
        Limits{});
  }
};

// "hidden_size 4096, num_hidden_layers 32": the sizes that are said.
std::string to_text(const ModelShape& shape);
// Whether every size that is asked for is the one that is there.
bool fits(const ModelShape& asked, const ModelShape& there);

}  // namespace gyre
