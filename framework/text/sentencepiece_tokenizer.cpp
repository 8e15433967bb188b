// tokenizer.model in SentencePiece's own format, by its library.
#include <sentencepiece_processor.h>

#include "core/digest.h"
#include "core/error.h"
#include "text/loaders.h"
#include "text/unicode.h"

namespace gyre::text {

namespace {

class SentencePieceTokenizer final : public Tokenizer {
 public:
  SentencePieceTokenizer(const std::filesystem::path& path, std::string_view bytes,
                         const TokenizerConfig& config) {
    const auto status = processor_.LoadFromSerializedProto({bytes.data(), bytes.size()});
    GYRE_CHECK(status.ok(), ErrorCode::kInput, "{}: not a readable SentencePiece model ({})", path.string(),
               status.ToString());
    kind_ = "SentencePiece";
    digest_ = sha256_hex(std::string(bytes) + config.bytes);
    if (processor_.bos_id() >= 0) bos_ = processor_.bos_id();
    // The library adds no BOS by itself; the models that ship such a file are run with one.
    adds_bos_ = config.add_bos_token.value_or(bos_.has_value());
    GYRE_CHECK(!adds_bos_ || bos_, ErrorCode::kInput,
               "{}: tokenizer_config.json asks for add_bos_token, but the model has no BOS piece",
               path.string());
  }

  std::vector<TokenId> encode(std::string_view text) const override {
    require_utf8(text, "text");
    std::vector<int> ids;
    const auto status = processor_.Encode({text.data(), text.size()}, &ids);
    GYRE_CHECK(status.ok(), ErrorCode::kInput, "SentencePiece refused a text of {} bytes: {}", text.size(),
               status.ToString());
    return ids;
  }
  std::int64_t vocab_size() const override { return processor_.GetPieceSize(); }

 private:
  sentencepiece::SentencePieceProcessor processor_;
};

}  // namespace

std::unique_ptr<Tokenizer> load_sentencepiece(const std::filesystem::path& path, std::string_view bytes,
                                              const TokenizerConfig& config) {
  return std::make_unique<SentencePieceTokenizer>(path, bytes, config);
}

}  // namespace gyre::text
