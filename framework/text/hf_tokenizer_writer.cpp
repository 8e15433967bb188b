#include <nlohmann/json.hpp>

#include "text/bpe_training.h"
#include "text/unicode.h"

namespace gyre::text {
namespace {

using Json = nlohmann::ordered_json;

Json special(TokenId id, std::string_view content) {
  return {{"id", id},        {"content", content},  {"single_word", false}, {"lstrip", false},
          {"rstrip", false}, {"normalized", false}, {"special", true}};
}

Json byte_level() {
  return {{"type", "ByteLevel"}, {"add_prefix_space", false}, {"trim_offsets", true}, {"use_regex", true}};
}

Json pre_tokenizer(bool digits) {
  if (!digits) return byte_level();
  return {
      {"type", "Sequence"},
      {"pretokenizers", Json::array({Json{{"type", "Digits"}, {"individual_digits", true}}, byte_level()})}};
}

Json post_processor() {
  const auto token = [](std::string_view text) {
    return Json{{"SpecialToken", {{"id", text}, {"type_id", 0}}}};
  };
  const auto sequence = [](const char* name) { return Json{{"Sequence", {{"id", name}, {"type_id", 0}}}}; };
  Json tokens;
  tokens[std::string(kBosText)] = {
      {"id", kBosText}, {"ids", Json::array({kBosId})}, {"tokens", Json::array({kBosText})}};
  return {{"type", "TemplateProcessing"},
          {"single", Json::array({token(kBosText), sequence("A")})},
          {"pair", Json::array({token(kBosText), sequence("A"), sequence("B")})},
          {"special_tokens", tokens}};
}

}  // namespace

std::string hf_tokenizer_text(const TrainedBpe& bpe, bool digits) {
  std::vector<std::string> written;
  for (std::size_t id = 0; id < bpe.tokens.size(); ++id)
    written.push_back(id < static_cast<std::size_t>(kFirstByteId) ? bpe.tokens[id]
                                                                  : to_byte_alphabet(bpe.tokens[id]));
  Json vocab = Json::object(), merges = Json::array();
  for (std::size_t id = 0; id < written.size(); ++id) vocab[written[id]] = id;
  for (const auto& [left, right, merged] : bpe.merges)
    merges.push_back(written[static_cast<std::size_t>(left)] + " " +
                     written[static_cast<std::size_t>(right)]);
  const Json file = {{"version", "1.0"},
                     {"truncation", nullptr},
                     {"padding", nullptr},
                     {"added_tokens", Json::array({special(kBosId, kBosText), special(kEosId, kEosText)})},
                     {"normalizer", nullptr},
                     {"pre_tokenizer", pre_tokenizer(digits)},
                     {"post_processor", post_processor()},
                     {"decoder", byte_level()},
                     {"model",
                      {{"type", "BPE"},
                       {"dropout", nullptr},
                       {"unk_token", nullptr},
                       {"continuing_subword_prefix", nullptr},
                       {"end_of_word_suffix", nullptr},
                       {"fuse_unk", false},
                       {"byte_fallback", false},
                       {"ignore_merges", false},
                       {"vocab", vocab},
                       {"merges", merges}}}};
  return file.dump(1) + "\n";
}

std::string hf_tokenizer_config_text(std::int64_t max_length) {
  const Json file = {{"tokenizer_class", "PreTrainedTokenizerFast"},
                     {"bos_token", kBosText},
                     {"eos_token", kEosText},
                     {"add_bos_token", true},
                     {"clean_up_tokenization_spaces", false},
                     {"model_max_length", max_length}};
  return file.dump(1) + "\n";
}

}  // namespace gyre::text
