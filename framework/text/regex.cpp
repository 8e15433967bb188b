#include "text/regex.h"

#define PCRE2_CODE_UNIT_WIDTH 8
#include <pcre2.h>

#include "core/error.h"

namespace gyre::text {

namespace {

constexpr std::string_view kWhiteSpace =
    R"(\x{9}-\x{d}\x{20}\x{85}\x{a0}\x{1680}\x{2000}-\x{200a}\x{2028}\x{2029}\x{202f}\x{205f}\x{3000})";

// Spells \s and \S out.
std::string with_explicit_white_space(std::string_view pattern) {
  std::string out;
  bool in_class = false;
  for (std::size_t i = 0; i < pattern.size(); ++i) {
    const char c = pattern[i];
    if (c == '\\' && i + 1 < pattern.size()) {
      const char escaped = pattern[++i];
      if (escaped == 's') {
        out.append(in_class ? "" : "[").append(kWhiteSpace).append(in_class ? "" : "]");
      } else if (escaped == 'S') {
        GYRE_CHECK(!in_class, ErrorCode::kUnsupported, "pattern {}: \\S inside a class is not supported",
                   pattern);
        out.append("[^").append(kWhiteSpace).append("]");
      } else {
        out.append({c, escaped});
      }
      continue;
    }
    GYRE_CHECK(!(in_class && c == '['), ErrorCode::kUnsupported,
               "pattern {}: a class inside a class is not supported", pattern);
    if (c == '[') in_class = true;
    if (c == ']') in_class = false;
    out.push_back(c);
  }
  return out;
}

std::string pcre2_message(int code) {
  PCRE2_UCHAR text[256];
  pcre2_get_error_message(code, text, sizeof text);
  return reinterpret_cast<const char*>(text);
}

}  // namespace

struct Regex::Code {
  pcre2_code* code;
  explicit Code(pcre2_code* compiled) : code(compiled) {}
  Code(const Code&) = delete;
  Code& operator=(const Code&) = delete;
  ~Code() { pcre2_code_free(code); }
};

Regex::Regex(std::string_view pattern) : pattern_(pattern) {
  const auto text = with_explicit_white_space(pattern);
  int error = 0;
  std::size_t offset = 0;
  // MULTILINE: Oniguruma's ^ and $ match at every line.
  pcre2_code* code = pcre2_compile(reinterpret_cast<PCRE2_SPTR>(text.data()), text.size(),
                                   PCRE2_UTF | PCRE2_UCP | PCRE2_MULTILINE, &error, &offset, nullptr);
  GYRE_CHECK(code, ErrorCode::kUnsupported, "pattern {}: {} (PCRE2, at {})", pattern, pcre2_message(error),
             offset);
  // Without JIT on this platform, matching is the same, only slower.
  pcre2_jit_compile(code, PCRE2_JIT_COMPLETE);
  code_ = std::make_shared<const Code>(code);
}

void Regex::find_all(std::string_view text, std::vector<Match>& matches) const {
  find(text, text.size(), matches);
}

std::optional<std::size_t> Regex::find(std::string_view text) const {
  std::vector<Match> matches;
  find(text, 1, matches);
  return matches.empty() ? std::nullopt : std::optional(matches[0].begin);
}

void Regex::find(std::string_view text, std::size_t most, std::vector<Match>& matches) const {
  matches.clear();
  const std::unique_ptr<pcre2_match_data, decltype(&pcre2_match_data_free)> data(
      pcre2_match_data_create(1, nullptr), &pcre2_match_data_free);
  const auto* subject = reinterpret_cast<PCRE2_SPTR>(text.data());
  const std::size_t* bounds = pcre2_get_ovector_pointer(data.get());
  for (std::size_t at = 0; at < text.size() && matches.size() < most;) {
    // NO_UTF_CHECK: else every match scans the whole text again.
    constexpr std::uint32_t kOptions = PCRE2_NO_UTF_CHECK | PCRE2_NOTEMPTY;
    int count = pcre2_match(code_->code, subject, text.size(), at, kOptions, data.get(), nullptr);
    if (count == PCRE2_ERROR_JIT_STACKLIMIT)
      count =
          pcre2_match(code_->code, subject, text.size(), at, kOptions | PCRE2_NO_JIT, data.get(), nullptr);
    if (count == PCRE2_ERROR_NOMATCH) return;
    GYRE_CHECK(count > 0, ErrorCode::kInput, "pattern {} failed at offset {} of a text: {}", pattern_, at,
               pcre2_message(count));
    matches.push_back({bounds[0], bounds[1]});
    at = bounds[1];
  }
}

}  // namespace gyre::text
