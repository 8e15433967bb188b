#include "spec/quant_rules.h"

#include <fmt/format.h>
#include <fnmatch.h>

#include <algorithm>
#include <array>
#include <charconv>
#include <optional>

#include "core/error.h"
#include "core/text.h"
#include "spec/limits_text.h"

namespace gyre {
namespace {

using std::string_view_literals::operator""sv;
constexpr std::array kLinears{"q_proj"sv,    "k_proj"sv,  "v_proj"sv,   "o_proj"sv,
                              "gate_proj"sv, "up_proj"sv, "down_proj"sv};
constexpr std::array kKey{"key"sv};
constexpr std::array kValue{"value"sv};
constexpr std::string_view kLayers = "layers.";
// Settings of a site that hold for the whole of it.
constexpr std::array kWhole{"solver"sv, "before_rope"sv, "rules"sv};

bool glob(const std::string& pattern, std::string_view text) {
  return ::fnmatch(pattern.c_str(), std::string(text).c_str(), 0) == 0;
}

std::optional<std::int64_t> integer(std::string_view text) {
  std::int64_t value = 0;
  const auto [end, status] = std::from_chars(text.data(), text.data() + text.size(), value);
  if (status != std::errc{} || end != text.data() + text.size()) return std::nullopt;
  return value;
}

bool index_matches(const std::string& index, std::int64_t layer, std::int64_t n_layers) {
  if (const auto number = integer(index)) return *number == layer || *number == layer - n_layers;
  const auto dash = index.find('-', 1);
  if (dash != std::string::npos) {
    const auto first = integer(std::string_view(index).substr(0, dash)),
               last = integer(std::string_view(index).substr(dash + 1));
    if (first && last) return *first <= layer && layer <= *last;
  }
  return glob(index, std::to_string(layer));
}

bool matches(const std::string& pattern, std::int64_t layer, std::string_view role, std::int64_t n_layers) {
  if (!pattern.starts_with(kLayers)) return glob(pattern, role);
  const auto dot = pattern.find('.', kLayers.size());
  const auto index = pattern.substr(kLayers.size(), dot == std::string::npos ? dot : dot - kLayers.size());
  return index_matches(index, layer, n_layers) &&
         (dot == std::string::npos || glob(pattern.substr(dot + 1), role));
}

bool take(const std::string& text, std::int64_t& out, const Limits& limits) {
  const auto value = integer(text);
  if (!value || !within(static_cast<double>(*value), limits)) return false;
  out = *value;
  return true;
}

bool take(const std::string& text, bool& out, const Limits&) {
  out = text == "true";
  return out || text == "false";
}

bool take(const std::string& text, std::string& out, const Limits& limits) {
  out = text;
  return limits.one_of.empty() || std::ranges::find(limits.one_of, text) != limits.one_of.end();
}

bool take(const std::string& text, AutoSize& out, const Limits& limits) {
  if (text != "auto") return take(text, out.value, limits);
  out.value = AutoSize::kAuto;
  return true;
}

bool take(const std::string& text, Clip& out, const Limits&) {
  const auto clip = parse_clip(text);
  if (clip) out = *clip;
  return clip.has_value();
}

// Gives one field of a spec a value that is written as text.
class Assignment {
 public:
  Assignment(const Param& param, std::string_view setting) : param_(param), setting_(setting) {}
  template <class T>
  void field(std::string_view name, T& value, std::string_view, const Limits& limits) {
    if (std::ranges::find(kWhole, name) == kWhole.end()) known_.emplace_back(name);
    if (name != param_.key) return;
    GYRE_CHECK(take(param_.value, value, limits), ErrorCode::kConfig, "{}: {} is '{}'; expected {}", setting_,
               name, param_.value, expected(value, limits));
  }
  const std::vector<std::string>& known() const { return known_; }

 private:
  const Param& param_;
  std::string_view setting_;
  std::vector<std::string> known_;
};

void assign(QuantSpec& spec, const Param& param, std::string_view setting) {
  GYRE_CHECK(std::ranges::find(kWhole, param.key) == kWhole.end(), ErrorCode::kConfig,
             "{}: {} is the same for all layers and roles; set {}{} instead", setting, param.key,
             setting.substr(0, setting.rfind('.') + 1), param.key);
  Assignment assignment(param, setting);
  QuantSpec::describe(spec, assignment);
  const auto& known = assignment.known();
  GYRE_CHECK(std::ranges::find(known, param.key) != known.end(), ErrorCode::kConfig, "{}: unknown key '{}'{}",
             setting, param.key, suggestion(param.key, known));
}

void apply(QuantSpec& spec, const QuantRule& rule, std::string_view setting) {
  bool says_symmetric = false, says_zero_point = false;
  for (const auto& param : rule.settings) {
    assign(spec, param, setting);
    says_symmetric = says_symmetric || param.key == "symmetric";
    says_zero_point = says_zero_point || param.key == "zero_point";
  }
  if (says_zero_point && !says_symmetric) spec.symmetric = spec.zero_point == "unset";
  if (says_symmetric && !says_zero_point && spec.symmetric) spec.zero_point = "unset";
}

std::vector<std::string> trimmed_parts(std::string_view text, char separator) {
  std::vector<std::string> parts;
  for (const auto& part : split(text, separator)) parts.emplace_back(trim(part));
  return parts;
}

std::vector<Param> parse_settings(std::string_view text, const std::string& rule, std::string_view setting) {
  std::vector<Param> settings;
  for (const auto& word : split(text, ' ')) {
    if (trim(word).empty()) continue;
    const auto equals = word.find('=');
    GYRE_CHECK(equals != std::string::npos && equals > 0 && equals + 1 < word.size(), ErrorCode::kConfig,
               "{}: '{}' in '{}' is not key=value", setting, trim(word), rule);
    const auto key = std::string(trim(word.substr(0, equals)));
    GYRE_CHECK(std::ranges::none_of(settings, [&](const Param& p) { return p.key == key; }),
               ErrorCode::kConfig, "{}: {} is set twice in '{}'", setting, key, rule);
    settings.push_back({key, std::string(trim(word.substr(equals + 1)))});
  }
  GYRE_CHECK(!settings.empty(), ErrorCode::kConfig,
             "{}: '{}' sets nothing; expected key=value behind the colon, such as n_bits=4", setting, rule);
  return settings;
}

std::string setting_of(std::string_view site) {
  return std::string(site) + ".rules";
}

}  // namespace

std::vector<QuantRule> parse_rules(std::string_view text, std::string_view setting) {
  std::vector<QuantRule> rules;
  std::string line(text);
  std::ranges::replace_if(
      line, [](char c) { return c == '\n' || c == '\r' || c == '\t'; }, ' ');
  for (const auto& part : trimmed_parts(line, ';')) {
    if (part.empty()) continue;
    const auto colon = part.find(':');
    GYRE_CHECK(colon != std::string::npos && colon > 0, ErrorCode::kConfig,
               "{}: '{}' is no rule; expected 'PATTERN: key=value', rules parted by ';', such as "
               "'down_proj: n_bits=4; layers.0: n_bits=8'",
               setting, part);
    QuantRule rule{trimmed_parts(part.substr(0, colon), ','),
                   parse_settings(part.substr(colon + 1), part, setting), part};
    for (const auto& pattern : rule.patterns)
      GYRE_CHECK(!pattern.empty() && pattern.find(' ') == std::string::npos, ErrorCode::kConfig,
                 "{}: '{}' in '{}' is no pattern; expected a role, layers.N or layers.N.ROLE, parted by ','",
                 setting, pattern, part);
    rules.push_back(std::move(rule));
  }
  return rules;
}

std::span<const std::string_view> roles_of(std::string_view site) {
  if (site == "quant.key") return kKey;
  if (site == "quant.value") return kValue;
  return kLinears;
}

QuantSpec resolve_rules(const QuantSpec& spec, std::int64_t layer, std::string_view role,
                        std::int64_t n_layers) {
  QuantSpec resolved = spec;
  resolved.rules.clear();
  for (const auto& rule : parse_rules(spec.rules, "rules"))
    if (std::ranges::any_of(rule.patterns, [&](const auto& p) { return matches(p, layer, role, n_layers); }))
      apply(resolved, rule, "rules");
  return resolved;
}

void check_rules_text(const QuantSpec& spec, std::string_view site) {
  const auto setting = setting_of(site);
  bool quantizes = spec.enabled();
  for (const auto& rule : parse_rules(spec.rules, setting)) {
    QuantSpec changed = spec;
    apply(changed, rule, setting);
    quantizes = quantizes || changed.enabled();
  }
  GYRE_CHECK(spec.rules.empty() || quantizes, ErrorCode::kConfig,
             "{} is set, but {}.scheme is 'none' and no rule sets scheme: nothing would be quantized",
             setting, site);
}

void check_rules_match(const QuantSpec& spec, std::string_view site, std::int64_t n_layers) {
  const auto roles = roles_of(site);
  for (const auto& rule : parse_rules(spec.rules, setting_of(site)))
    for (const auto& pattern : rule.patterns) {
      bool matched = false;
      for (std::int64_t layer = 0; layer < n_layers && !matched; ++layer)
        matched =
            std::ranges::any_of(roles, [&](auto role) { return matches(pattern, layer, role, n_layers); });
      if (matched) continue;
      const std::vector<std::string> names(roles.begin(), roles.end());
      const auto role = pattern.substr(pattern.rfind('.') + 1);
      const auto near = nearest_name(role, names);
      fail(ErrorCode::kConfig, "{}: '{}' matches nothing{}; there are layers.0 to layers.{}, each with {}",
           setting_of(site), pattern, near && *near != role ? " (did you mean '" + *near + "'?)" : "",
           n_layers - 1, join(names, ", "));
    }
}

}  // namespace gyre
