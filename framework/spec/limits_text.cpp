#include "spec/limits_text.h"

#include <cmath>

#include "core/text.h"

namespace gyre {
namespace {

std::string range(std::string noun, const Limits& limits) {
  const bool low = std::isfinite(limits.min), high = std::isfinite(limits.max);
  if (low && high)
    noun += " from " + format_number(limits.min) + " to " + format_number(limits.max);
  else if (low)
    noun += " of at least " + format_number(limits.min);
  else if (high)
    noun += " of at most " + format_number(limits.max);
  return noun;
}

}  // namespace

std::string expected(std::int64_t, const Limits& limits) {
  return range("an integer", limits) + (limits.or_minus_one ? " or -1" : "");
}

std::string expected(double, const Limits& limits) {
  return range("a number", limits) + (limits.or_minus_one ? " or -1" : "");
}

std::string expected(bool, const Limits&) {
  return "true or false";
}

std::string expected(const std::string&, const Limits& limits) {
  if (limits.one_of.empty()) return "a text";
  std::string out = limits.one_of.size() > 1 ? "one of " : "";
  for (const auto& name : limits.one_of)
    out += (&name == limits.one_of.data() ? "'" : ", '") + std::string(name) + "'";
  return out;
}

std::string expected(const AutoSize&, const Limits& limits) {
  return range("an integer", limits) + (limits.or_minus_one ? ", -1" : "") + " or 'auto'";
}

std::string expected(const Clip&, const Limits&) {
  return "'minmax', 'lp', 'mse' or a ratio in (0, 1]";
}

bool within(double value, const Limits& limits) {
  if (!std::isfinite(value)) return false;
  return (limits.or_minus_one && value == -1) || (value >= limits.min && value <= limits.max);
}

}  // namespace gyre
