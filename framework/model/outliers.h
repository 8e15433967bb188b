// Outlier channels put into a model on purpose, without changing what it computes: a channel's values grow by
// a power of two where they are made, and the weights that read them shrink by it.
#pragma once

#include <cstdint>

#include "model/llama.h"

namespace gyre {

struct OutlierPlan {
  std::int64_t norm_channels = 0;  // of the residual stream: behind each norm, the same in every layer
  std::int64_t mlp_channels = 0;   // of each layer's down_proj input, drawn a layer each
  std::int64_t exponent = 4;       // channels are 2^exponent times as large
};

// Gains of the norms that feed q, k, v and gate, up are multiplied, the weights' columns divided; up_proj's
// rows (and biases) multiplied, down_proj's columns divided. Factors are powers of two: logits are the same,
// bit for bit, as long as no weight leaves the dtype's normal range. Folding the norms takes the first kind
// back out of the model, as it takes any gain; the second kind stays, whatever R1 is. Channels come from
// derive_seed(seed, "outliers/..."). kConfig when there are fewer channels than asked for; kUnsupported for a
// model with folded norms or online rotations at down_proj.
void inject_outliers(Llama& model, const OutlierPlan& plan, std::int64_t seed);

}  // namespace gyre
