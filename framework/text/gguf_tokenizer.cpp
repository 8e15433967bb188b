#include "core/error.h"
#include "format/gguf.h"
#include "text/gguf_vocabulary.h"
#include "text/loaders.h"

namespace gyre::text {

namespace {

GgufVocabulary read_vocabulary(const format::Gguf& file) {
  const auto has = [&](const char* key) { return file.find(key) != nullptr; };
  GgufVocabulary v;
  GYRE_CHECK(has("tokenizer.ggml.model") && has("tokenizer.ggml.tokens"), ErrorCode::kInput,
             "no vocabulary in the metadata; looked for tokenizer.ggml.model and tokenizer.ggml.tokens");
  v.model = file.get_string("tokenizer.ggml.model");
  v.tokens = file.get_strings("tokenizer.ggml.tokens");
  if (has("tokenizer.ggml.pre")) v.pre = file.get_string("tokenizer.ggml.pre");
  if (has("tokenizer.ggml.merges")) v.merges = file.get_strings("tokenizer.ggml.merges");
  if (has("tokenizer.ggml.scores")) v.scores = file.get_floats("tokenizer.ggml.scores");
  if (has("tokenizer.ggml.token_type")) v.types = file.get_ints("tokenizer.ggml.token_type");
  if (has("tokenizer.ggml.bos_token_id")) v.bos = file.get_uint("tokenizer.ggml.bos_token_id");
  if (has("tokenizer.ggml.unknown_token_id")) v.unknown = file.get_uint("tokenizer.ggml.unknown_token_id");
  if (has("tokenizer.ggml.add_bos_token")) v.add_bos = file.get_bool("tokenizer.ggml.add_bos_token");
  if (has("tokenizer.ggml.add_space_prefix"))
    v.add_space_prefix = file.get_bool("tokenizer.ggml.add_space_prefix");
  return v;
}

}  // namespace

std::unique_ptr<Tokenizer> load_gguf_tokenizer(const std::filesystem::path& path) {
  const auto file = format::Gguf::open(path);
  try {
    return make_tokenizer(read_vocabulary(*file));
  } catch (const Error& error) {
    const std::string message = error.what();
    if (message.starts_with(path.string())) throw;
    throw Error(error.code(), path.string() + ": " + message, error.where());
  }
}

}  // namespace gyre::text
