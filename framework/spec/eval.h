// The texts of a run: what it is calibrated on and what it is judged by. See spec/run.h about describe().
#pragma once

#include <cstdint>
#include <string>

#include "spec/values.h"

namespace gyre {

struct CalibrationSpec {
  std::string path = "wikitext2-valid";
  std::int64_t samples = 16;
  std::int64_t window = 512;
  std::string order = "first";
  template <class Self, class V>
  static void describe(Self& s, V&& v) {
    v.field("path", s.path,
            "a named text (`gyre list data`) or a UTF-8 file; also the text of the invariance gate",
            Limits{});
    v.field("samples", s.samples, "windows used (by gptq and by smoothing)", Limits{.min = 1, .max = 1e6});
    v.field("window", s.window, "tokens per window", Limits{.min = 16, .max = 1e6});
    v.field("order", s.order, "the first windows of the text, or random places drawn from the seed",
            Limits{.one_of = {"first", "random"}});
  }
};

struct EvalSpec {
  std::string dataset = "wikitext2";
  std::int64_t window = 2048;
  std::int64_t max_windows = 0;
  std::string bos = "auto";
  template <class Self, class V>
  static void describe(Self& s, V&& v) {
    v.field("dataset", s.dataset, "a named text (`gyre list data`) or a UTF-8 file", Limits{});
    v.field("window", s.window, "tokens per window; at most the model's positions",
            Limits{.min = 2, .max = 1e6});
    v.field("max_windows", s.max_windows, "only the first windows (the metric's name says so); 0: all",
            Limits{.min = 0});
    v.field("bos", s.bos,
            "begin-of-stream token: auto (what the tokenizer adds, once), none, stream (always once)",
            Limits{.one_of = {"auto", "none", "stream"}});
  }
};

}  // namespace gyre
