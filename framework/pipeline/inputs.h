// What runs read from outside: model files, tokenizers, texts; each opened and digested once per process.
#pragma once

#include <map>
#include <memory>
#include <optional>
#include <string>
#include <vector>

#include "model/llama_config.h"
#include "spec/run.h"
#include "text/corpus.h"
#include "text/tokenizer.h"
#include "train/leak.h"

namespace gyre {

class Inputs {
 public:
  // All take the path or name as it is written in the configuration; errors are kInput.
  const LlamaConfig& config(const std::string& model_path);
  // SHA-256 over the files that make the model: name and bytes of each.
  const std::string& model_digest(const std::string& model_path);
  // How its weights are stored, where that is not plain: "weights dequantized from Q4_1, Q8_0", or empty.
  const std::string& model_note(const std::string& model_path);
  const Tokenizer& tokenizer(const std::string& model_path);
  const Corpus& corpus(const std::string& name_or_path);
  // The whole text as one stream of the model's tokens, with BOS by the rule (auto | none | stream).
  const std::vector<TokenId>& tokens(const std::string& model_path, const std::string& text,
                                     const std::string& bos);
  // What the text, BOS by the rule auto, and the text that eval names have in common.
  const std::optional<SharedTokens>& shared_tokens(const std::string& model_path, const std::string& text,
                                                   const EvalSpec& eval);

 private:
  std::map<std::string, LlamaConfig> configs_;
  std::map<std::string, std::string> model_digests_, model_notes_;
  std::map<std::string, std::unique_ptr<Tokenizer>> tokenizers_;
  std::map<std::string, Corpus> corpora_;
  std::map<std::string, std::vector<TokenId>> streams_;
  std::map<std::string, std::optional<SharedTokens>> shared_;
};

}  // namespace gyre
