// What a run costs and what is set in it, in numbers and words for figures and the report.
#pragma once

#include <string>

#include "analysis/table.h"

namespace gyre::analysis {

// Stored bits per weight of the quantized linears: what the run itself recorded as "bits_per_weight". For
// runs without it n_bits, and per group of weights a scale of 32 bits and an offset (n_bits when integer, 32
// when real); groups that follow from the sizes (`auto`, per channel) are left out where those are not
// recorded. Not quantized: the bits of model.dtype.
double bits_per_weight(const store::RunRow& run);

// "A4 KV4 +R3 +R4", "A16": what is quantized and rotated while the model runs.
std::string online_name(const store::RunRow& run);

// " +R3 +R4", or nothing.
std::string online_rotations(const store::RunRow& run);

// Seconds of all stages but those that measure, and those before `evaluate`: what the method itself costs.
double total_seconds(const store::RunRow& run);
double preparation_seconds(const store::RunRow& run);

// "smollm2-135m.gguf"; "wiki-tiny" for the embedded model.
std::string model_name(const store::RunRow& run);

// The same without ".gguf", for where a model is spoken of.
std::string short_model_name(const store::RunRow& run);

// The method as it differs from the defaults, "quant.weight.n_bits = 3; rotation.r1.scheme = \"gsr\"": all
// settings that are part of the run's identity but those of model, texts, measurements, seed and replica.
std::string method_text(const store::RunRow& run);

// The first 12 digits.
std::string short_digest(const std::string& digest);

}  // namespace gyre::analysis
