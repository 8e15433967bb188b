#include "pipeline/inputs.h"

#include <algorithm>

#include "core/digest.h"
#include "core/error.h"
#include "model/checkpoint.h"

namespace gyre {
namespace fs = std::filesystem;
namespace {

// Of a folder: what determines the function that it computes, i.e. sizes, weights and tokenizer.
std::vector<fs::path> model_files(const fs::path& path) {
  if (!fs::is_directory(path)) return {path};
  std::vector<fs::path> files;
  for (const auto& entry : fs::directory_iterator(path)) {
    const auto name = entry.path().filename().string();
    if (entry.is_regular_file() &&
        (name == "config.json" || name.starts_with("tokenizer") || name.ends_with(".safetensors")))
      files.push_back(entry.path());
  }
  std::sort(files.begin(), files.end());
  return files;
}

}  // namespace

const LlamaConfig& Inputs::config(const std::string& model_path) {
  const auto [it, fresh] = configs_.try_emplace(model_path);
  if (fresh) try {
      it->second = read_config(resolve_model_path(model_path));
    } catch (...) {
      configs_.erase(it);
      throw;
    }
  return it->second;
}

const std::string& Inputs::model_digest(const std::string& model_path) {
  auto it = model_digests_.find(model_path);
  if (it == model_digests_.end()) {
    Sha256 sha;
    for (const auto& file : model_files(resolve_model_path(model_path)))
      sha.update(file.filename().string()).update("\n").update(file_digest(file)).update("\n");
    it = model_digests_.emplace(model_path, sha.hex()).first;
  }
  return it->second;
}

const std::string& Inputs::model_note(const std::string& model_path) {
  auto it = model_notes_.find(model_path);
  if (it == model_notes_.end())
    it = model_notes_.emplace(model_path, storage_note(resolve_model_path(model_path))).first;
  return it->second;
}

const Tokenizer& Inputs::tokenizer(const std::string& model_path) {
  auto it = tokenizers_.find(model_path);
  if (it == tokenizers_.end()) {
    auto tokenizer = load_tokenizer(resolve_model_path(model_path));
    const auto embedded = config(model_path).vocab_size;
    GYRE_CHECK(
        tokenizer->vocab_size() <= embedded, ErrorCode::kInput,
        "{}: the tokenizer has {} ids, but the embedding only {} rows; the two belong to different models",
        model_path, tokenizer->vocab_size(), embedded);
    it = tokenizers_.emplace(model_path, std::move(tokenizer)).first;
  }
  return *it->second;
}

const Corpus& Inputs::corpus(const std::string& name_or_path) {
  auto it = corpora_.find(name_or_path);
  if (it == corpora_.end()) it = corpora_.emplace(name_or_path, load_corpus(name_or_path)).first;
  return it->second;
}

const std::vector<TokenId>& Inputs::tokens(const std::string& model_path, const std::string& text,
                                           const std::string& bos) {
  const std::string key = model_path + "\n" + text + "\n" + bos;
  auto it = streams_.find(key);
  if (it == streams_.end()) {
    const Tokenizer& coder = tokenizer(model_path);
    std::vector<TokenId> ids;
    if (bos == "stream" || (bos == "auto" && coder.adds_bos())) {
      GYRE_CHECK(coder.bos(), ErrorCode::kConfig,
                 "eval.bos is '{}', but the tokenizer of {} has no begin-of-stream token; use eval.bos=none",
                 bos, model_path);
      ids.push_back(*coder.bos());
    }
    const auto encoded = coder.encode(corpus(text).text);
    ids.insert(ids.end(), encoded.begin(), encoded.end());
    it = streams_.emplace(key, std::move(ids)).first;
  }
  return it->second;
}

const std::optional<SharedTokens>& Inputs::shared_tokens(const std::string& model_path,
                                                         const std::string& text, const EvalSpec& eval) {
  const std::string key = model_path + "\n" + text + "\n" + eval.dataset + "\n" + eval.bos;
  auto it = shared_.find(key);
  if (it == shared_.end())
    it = shared_
             .emplace(key, find_shared_tokens(tokens(model_path, text, "auto"),
                                              tokens(model_path, eval.dataset, eval.bos)))
             .first;
  return it->second;
}

}  // namespace gyre
