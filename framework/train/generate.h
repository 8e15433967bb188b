// Text that a model writes by itself, to train another on (LLM-QAT, Liu et al., 2023).
#pragma once

#include <cstdint>
#include <functional>
#include <vector>

#include "model/llama.h"
#include "spec/train.h"

namespace gyre {

// `spec.samples` windows of `window` tokens, one after the other: each a prompt of spec.prompt tokens from a
// place of the text that the seed draws ("generate/prompts"), then tokens drawn from the model's softmax at
// the spec's temperature, by numbers from the sample's own name ("generate/sample/7"). An end-of-text token
// ends nothing. model: plain, without rotations or quantizers. on_batch is called now and then. kInput when
// the text is shorter than a prompt, kConfig when the prompt fills the window.
std::vector<std::int32_t> generate_text(const Llama& model, const std::vector<std::int32_t>& text,
                                        const GenerateSpec& spec, std::int64_t window, std::int64_t seed,
                                        const std::function<void(std::int64_t n_samples)>& on_batch = {});

}  // namespace gyre
