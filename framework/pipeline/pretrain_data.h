// What a pretraining reads: its texts, the tokenizer trained on them, and their tokens. Tokenizer and tokens
// are made once and kept as files under the digest of all that they depend on.
#pragma once

#include <cstdint>
#include <filesystem>
#include <functional>
#include <string>
#include <vector>

#include "spec/pretrain.h"
#include "text/documents.h"
#include "text/tokenizer.h"

namespace gyre {

struct PretrainTokens {
  std::vector<TokenId> ids;    // each document between begin and end of text
  std::int64_t documents = 0;  // copies counted
  std::uint64_t bytes = 0;     // of their texts, in the style asked for
  std::int64_t listed = 0;     // documents left out: named by data.decontaminated,
  std::int64_t leaked = 0;  // or holding a passage of the evaluated text or of wikitext2-valid (train/leak.h)
};

class PretrainData {
 public:
  // cache: folder of the files. on_step is called between pieces of work and may throw. Digests every file:
  // kInput when one is missing.
  PretrainData(const PretrainSpec& spec, std::filesystem::path cache, std::function<void()> on_step);

  // The files' SHA-256, `name digest` a line: part of the run's identity.
  const std::string& inputs() const { return inputs_; }
  // A folder with tokenizer.json and tokenizer_config.json. kConfig with the numbers when the texts do not
  // support the vocabulary; kInput as read_documents says.
  std::filesystem::path tokenizer() const;
  // Texts in the order of data.sources, a document as often as its weight says. kInput as above, and when
  // nothing is left of them.
  PretrainTokens tokens() const;
  bool tokens_are_made() const { return std::filesystem::exists(tokens_file()); }

 private:
  struct Item {
    text::Document document;
    std::string name;  // for seeds: "0/17", source and document
    std::int64_t copies = 0;
  };
  // Every document that is in the data at least once. Counts what data.decontaminated names.
  void for_each(const std::string& label, std::int64_t& listed,
                const std::function<void(Item&)>& visit) const;
  std::string styled(const Item& item) const;
  std::filesystem::path tokenizer_folder() const { return cache_ / (tokenizer_key_ + ".tokenizer"); }
  std::filesystem::path tokens_file() const { return cache_ / (tokens_key_ + ".tokens.safetensors"); }

  PretrainSpec spec_;
  std::vector<TextSource> sources_;
  std::filesystem::path cache_;
  std::function<void()> on_step_;
  std::vector<std::string> banned_;  // ids, sorted
  std::string inputs_, tokenizer_key_, tokens_key_;
};

}  // namespace gyre
