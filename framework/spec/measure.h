// What a run measures of its tensors beside the metrics.
#pragma once

#include <cstdint>
#include <string>

#include "spec/values.h"

namespace gyre {

struct MeasureSpec {
  std::string scheme = "none";
  std::int64_t samples = 4;
  std::int64_t window = 512;
  AutoSize group_size{};
  bool enabled() const { return scheme != "none"; }
  template <class Self, class V>
  static void describe(Self& s, V&& v) {
    v.field("scheme", s.scheme,
            "none; statistics: of weights, activations, keys and values, before and after rotation and after "
            "quantization, with output errors and the KL divergence from full precision",
            Limits{.one_of = {"none", "statistics"}});
    v.field("samples", s.samples, "windows measured: the first of eval.dataset",
            Limits{.min = 1, .max = 1e6});
    v.field("window", s.window, "tokens per window; at most the model's positions",
            Limits{.min = 16, .max = 1e6});
    v.field(
        "group_size", s.group_size,
        "neighbours that are normalized together in statistics of weights; -1: a row; auto: largest power of "
        "two <= 128 that divides",
        Limits{.min = 2, .or_minus_one = true});
  }
};

}  // namespace gyre
