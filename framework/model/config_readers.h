// A model's sizes from each container's own description.
#pragma once

#include <filesystem>

#include "format/gguf.h"
#include "format/llama2c.h"
#include "model/llama_config.h"

namespace gyre {

// config.json of a LlamaForCausalLM; keys that transformers gives a default have the same one here.
// kUnsupported, with what was found and what is supported, for anything but plain LLaMA; kInput for missing
// or wrong values.
LlamaConfig read_hf_config(const std::filesystem::path& file);

// The same from a text that came from source; and a text that it reads back to the same sizes. A GGUF's RoPE
// factors are a key of our own, rope_freq_factors.
LlamaConfig parse_hf_config(const std::string& text, const std::string& source);
std::string hf_config_text(const LlamaConfig& config);

// Metadata of a GGUF whose general.architecture is "llama".
LlamaConfig read_gguf_config(const format::Gguf& gguf, const std::string& source);

// Header of a llama2.c v0 file: eps 1e-5 and theta 10000 are llama2.c's own constants.
LlamaConfig read_llama2c_config(const format::Llama2c& file, const std::string& source);

}  // namespace gyre
