#include "text/tokenizer.h"

#include "core/error.h"
#include "core/files.h"
#include "text/loaders.h"

namespace gyre {

namespace fs = std::filesystem;

namespace {

// A SentencePiece model is a protobuf that begins with its first piece: tag 0x0A (field 1, length-delimited).
std::unique_ptr<Tokenizer> load_tokenizer_model(const fs::path& path, const text::TokenizerConfig& config) {
  const auto bytes = read_file(path);
  GYRE_CHECK(!bytes.empty(), ErrorCode::kInput, "{}: the file is empty", path.string());
  return bytes.front() == '\x0A' ? text::load_sentencepiece(path, bytes, config)
                                 : text::load_tiktoken(path, bytes, config);
}

}  // namespace

std::unique_ptr<Tokenizer> load_tokenizer(const fs::path& path) {
  GYRE_CHECK(fs::exists(path), ErrorCode::kInput,
             "{}: no such file or folder; expected a model or its tokenizer", path.string());
  if (fs::is_directory(path)) {
    for (const char* name : {"tokenizer.json", "tokenizer.model"})
      if (fs::exists(path / name)) return load_tokenizer(path / name);
    fail(ErrorCode::kInput, "{}: no tokenizer in this folder; looked for tokenizer.json and tokenizer.model",
         path.string());
  }
  const auto extension = path.extension();
  const auto folder = path.has_parent_path() ? path.parent_path() : fs::path(".");
  if (extension == ".gguf") return text::load_gguf_tokenizer(path);
  if (extension == ".bin") return text::load_llama2c_tokenizer(path);
  if (extension == ".json") return text::load_hf_tokenizer(path, text::read_tokenizer_config(folder));
  if (extension == ".model") return load_tokenizer_model(path, text::read_tokenizer_config(folder));
  fail(ErrorCode::kUnsupported,
       "{}: not a tokenizer that gyre reads (a folder, .gguf, llama2.c .bin, tokenizer.json or "
       "tokenizer.model)",
       path.string());
}

}  // namespace gyre
