// Mixed plans: settings of one quantization site that differ by layer and role, in one text.
//
//   rules    rule ; rule ; ...                      of two that match, the later wins, setting by setting
//   rule     pattern, pattern, ... : key=value key=value ...
//   pattern  ROLE, layers.INDEX or layers.INDEX.ROLE
//
// ROLE is a glob over the site's roles; INDEX a number, -1 (the last layer, -2 the one before), a range 0-3,
// or a glob. Keys are those of QuantSpec that may differ: scheme, n_bits, group_size, symmetric, zero_point,
// clip.
#pragma once

#include <span>
#include <string>
#include <string_view>
#include <vector>

#include "spec/run.h"

namespace gyre {

struct QuantRule {
  std::vector<std::string> patterns;
  std::vector<Param> settings;  // values as written: "4", "lp"
  std::string text;             // the rule as written, trimmed
};

// kConfig, beginning with `setting` ("quant.weight.rules"), where the text is not of that form.
std::vector<QuantRule> parse_rules(std::string_view text, std::string_view setting);

// "q_proj" ... "down_proj" for quant.weight and quant.activation; "key" and "value" for theirs.
std::span<const std::string_view> roles_of(std::string_view site);

// What holds at one place: the spec with every matching rule applied, and no rules left. zero_point without
// symmetric in a rule implies it, and the other way round.
QuantSpec resolve_rules(const QuantSpec& spec, std::int64_t layer, std::string_view role,
                        std::int64_t n_layers);

// Without a model: form, keys, values, and that something is quantized. kConfig.
void check_rules_text(const QuantSpec& spec, std::string_view site);
// With its number of layers: a pattern that matches nothing is kConfig and names what there is.
void check_rules_match(const QuantSpec& spec, std::string_view site, std::int64_t n_layers);

}  // namespace gyre
