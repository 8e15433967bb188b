// Perplexity in the GPTQ lineage's protocol: non-overlapping windows of one token stream, the tail dropped,
// mean over windows of the mean NLL over window - 1 targets, exponentiated.
#pragma once

#include <functional>
#include <string>
#include <vector>

#include "model/llama.h"
#include "spec/eval.h"

namespace gyre {

struct NllBlock {  // up to 128 consecutive targets of one window
  std::int64_t window = 0, block = 0;
  double sum = 0;  // nats
  std::int64_t n = 0;
};

struct Perplexity {
  std::string name;      // "ppl/wikitext2@gptq2048", "ppl/wikitext2@gptq2048[4 windows]"
  double value = 0;      // nan or inf when it diverged
  double std_error = 0;  // of value: cluster (per window) standard error of the mean NLL, by the delta
                         // method; over blocks when there is one window, not-a-number when there is one block
  std::int64_t n_targets = 0, n_windows = 0;
  std::vector<NllBlock> blocks;
};

// tokens: the whole stream, BOS included where the rule asks. on_window: called after each window (progress,
// checks). The NLL is accumulated in float32 per row and float64 over rows, over the vocabulary in chunks.
// kConfig when window exceeds the model's positions; kInput when the stream is shorter than one window.
Perplexity perplexity(const Llama& model, const std::vector<std::int32_t>& tokens, const EvalSpec& spec,
                      const std::string& dataset_name,
                      const std::function<void(std::int64_t done, std::int64_t total)>& on_window);

// What models with different tokenizers can be compared by: bits of the perplexity per token, times the
// tokens of the whole stream over the bytes of its text.
struct BitsPerByte {
  std::string name;  // "bits_per_byte/wikitext2@gptq2048[4 windows]"
  double value = 0, std_error = 0;
};
BitsPerByte bits_per_byte(const Perplexity& ppl, std::size_t n_tokens, std::size_t n_bytes);

}  // namespace gyre
