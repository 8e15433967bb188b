#include "text/hf_steps.h"

#include <nlohmann/json.hpp>

#include "core/error.h"

namespace gyre::text {

using nlohmann::json;

namespace {

[[noreturn]] void refuse(std::string_view part, const std::string& found, std::string_view known) {
  fail(ErrorCode::kUnsupported, "{} '{}' is not supported (supported: {})", part, found, known);
}

bool flag(const json& node, const char* name, bool otherwise) {
  return node.contains(name) && !node[name].is_null() ? node[name].get<bool>() : otherwise;
}

// {"String": s} or {"Regex": r}; a plain string is its escape, so that it matches itself.
std::string pattern_text(const json& pattern) {
  if (pattern.contains("Regex")) return pattern["Regex"].get<std::string>();
  if (!pattern.contains("String")) refuse("pattern", pattern.dump(), "String, Regex");
  return "\\Q" + pattern["String"].get<std::string>() + "\\E";
}

void read_split(const json& node, PreTokenizer& out) {
  const auto behavior = node.at("behavior").get<std::string>();
  SplitBehavior parsed{};
  if (behavior == "Isolated")
    parsed = SplitBehavior::kIsolated;
  else if (behavior == "Removed")
    parsed = SplitBehavior::kRemoved;
  else if (behavior == "MergedWithNext")
    parsed = SplitBehavior::kMergedWithNext;
  else
    refuse("pre_tokenizer Split behavior", behavior, "Isolated, Removed, MergedWithNext");
  out.split(Regex(pattern_text(node.at("pattern"))), parsed, flag(node, "invert", false));
}

void read_metaspace(const json& node, PreTokenizer& out) {
  const auto mark = node.at("replacement").get<std::string>();
  GYRE_CHECK(!mark.empty(), ErrorCode::kInput, "pre_tokenizer Metaspace: replacement is empty");
  const auto scheme = node.value("prepend_scheme", flag(node, "add_prefix_space", true) ? "always" : "never");
  out.replace(" ", mark);
  if (scheme == "always")
    out.add_prefix(mark, PreTokenizer::Prefix::kAlways);
  else if (scheme == "first")
    out.add_prefix(mark, PreTokenizer::Prefix::kFirst);
  else if (scheme != "never")
    refuse("pre_tokenizer Metaspace prepend_scheme", scheme, "always, first, never");
  if (flag(node, "split", true)) out.split(Regex("\\Q" + mark + "\\E"), SplitBehavior::kMergedWithNext);
}

}  // namespace

void read_normalizer(const json& node, Normalizer& out) {
  if (node.is_null()) return;
  const auto type = node.at("type").get<std::string>();
  if (type == "Sequence") {
    for (const auto& step : node.at("normalizers")) read_normalizer(step, out);
  } else if (type == "Prepend") {
    out.prepend(node.at("prepend").get<std::string>());
  } else if (type == "Replace") {
    const auto& pattern = node.at("pattern");
    if (!pattern.contains("String")) refuse("normalizer Replace pattern", pattern.dump(), "String");
    auto from = pattern["String"].get<std::string>();
    GYRE_CHECK(!from.empty(), ErrorCode::kInput, "normalizer Replace: the pattern is empty");
    out.replace(std::move(from), node.at("content").get<std::string>());
  } else if (type == "NFC") {
    GYRE_CHECK(out.empty(), ErrorCode::kUnsupported, "normalizer NFC is supported only as the first step");
    out.require_nfc();
  } else {
    refuse("normalizer", type, "Sequence, Prepend, Replace, NFC");
  }
}

bool read_pre_tokenizer(const json& node, PreTokenizer& out) {
  if (node.is_null()) return false;
  const auto type = node.at("type").get<std::string>();
  if (type == "Sequence") {
    bool bytes = false;
    for (const auto& step : node.at("pretokenizers")) {
      GYRE_CHECK(!bytes, ErrorCode::kUnsupported,
                 "pre_tokenizer Sequence: a step after ByteLevel is not supported");
      bytes = read_pre_tokenizer(step, out);
    }
    return bytes;
  }
  if (type == "Split") {
    read_split(node, out);
  } else if (type == "Digits") {
    const bool single = flag(node, "individual_digits", false);
    out.split(Regex(single ? kDigitPattern : R"(\p{N}+)"), SplitBehavior::kIsolated);
  } else if (type == "ByteLevel") {
    if (flag(node, "add_prefix_space", true)) out.add_prefix(" ", PreTokenizer::Prefix::kAlways);
    if (flag(node, "use_regex", true)) out.split(Regex(kGpt2Pattern), SplitBehavior::kIsolated);
    return true;
  } else if (type == "Metaspace") {
    read_metaspace(node, out);
  } else {
    refuse("pre_tokenizer", type, "Sequence, Split, Digits, ByteLevel, Metaspace");
  }
  return false;
}

std::optional<TokenId> read_leading_token(const json& node) {
  if (node.is_null()) return std::nullopt;
  const auto type = node.at("type").get<std::string>();
  std::optional<TokenId> leading;
  if (type == "Sequence") {
    for (const auto& step : node.at("processors"))
      if (const auto token = read_leading_token(step)) leading = token;
  } else if (type == "TemplateProcessing") {
    for (const auto& item : node.at("single")) {
      if (item.contains("Sequence")) break;
      const auto name = item.at("SpecialToken").at("id").get<std::string>();
      const auto& ids = node.at("special_tokens").at(name).at("ids");
      GYRE_CHECK(
          !leading && ids.size() == 1, ErrorCode::kUnsupported,
          "post_processor TemplateProcessing puts several tokens in front of a text; one is supported");
      leading = ids[0].get<TokenId>();
    }
  } else if (type != "ByteLevel") {
    refuse("post_processor", type, "Sequence, TemplateProcessing, ByteLevel");
  }
  return leading;
}

}  // namespace gyre::text
