// A quantized model in one safetensors file: the codes of its weights, what turns them into values,
// everything else in its dtype, and the settings that make it run. What is read is what was written, bit for
// bit.
//
// Tensors, by the names of Hugging Face's weights. A quantized W [out, in] with L = 2^n_bits levels in
// groups:
//   W.codes       U8  [out, ceil(in * n_bits / 8)]  (model/packed_codes.h)
//   W.codebook    F16 [out, groups, L], or
//   W.scale       F16 or F32 [out, groups] with W.offset (the same), or with
//   W.zero_point  U8  [out, ceil(groups * n_bits / 8)] where it differs from group to group
// A learned parameter of an input, key or value quantizer: "layers.3.q_proj.input.step", "layers.3.key.step".
// Metadata, each a text: format; model (config.json's keys); run (settings in JSON); weights (JSON: n_bits,
// group_size, dtype and a zero_point that all groups share, by W's name).
#pragma once

#include <filesystem>

#include "model/llama.h"
#include "spec/run.h"

namespace gyre {

// Bytes of a packed model, or what they would be.
struct Footprint {
  std::int64_t n_quantized = 0, n_rest = 0;  // values in quantized weights, and in all other tensors
  double code_bytes = 0;                     // of quantized weights
  double parameter_bytes = 0;                // scales, offsets, zero points, codebooks, learned steps
  double rest_bytes = 0;
  double fp16_bytes = 0;  // of the model as it came, 16 bits a value, a tied head counted once

  double bytes() const { return code_bytes + parameter_bytes + rest_bytes; }
  double bits_per_weight() const;  // of the quantized weights
  double ratio_to_fp16() const { return fp16_bytes / bytes(); }
};

// By arithmetic from sizes and settings, without weights; what is not quantized takes rest_bits a value.
// config: as the model came, before anything was folded or untied.
Footprint footprint(const LlamaConfig& config, const RunConfig& run, double rest_bits = 16);

// Writes a model whose weight quantizers are still in their slots: after training, before quantize_weights.
// A weight without a quantizer goes in as it is. run: the run's configuration; its run.* is left out.
// Replaced atomically; kResource when the disk is full, and an older file is then as it was. kRun when an
// input quantizer has not been calibrated. fp16_bytes is counted with tied as the model came.
Footprint save_packed(const std::filesystem::path& path, Llama& model, const RunConfig& run, bool tied);

struct PackedModel {
  Llama model;  // weights dequantized, rotations and quantizers in their slots; on the CPU
  RunConfig run;
};
// kInput, naming file and tensor or setting, for anything missing, misshapen, superfluous, out of range or
// not finite; kUnsupported for another version of the format.
PackedModel load_packed(const std::filesystem::path& path);

}  // namespace gyre
