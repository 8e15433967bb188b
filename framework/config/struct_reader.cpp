#include "config/struct_reader.h"

#include <optional>

namespace gyre::config {
namespace {

std::optional<double> number(const Value& value) {
  if (const auto* v = std::get_if<double>(&value.data)) return *v;
  if (const auto* v = std::get_if<std::int64_t>(&value.data)) return static_cast<double>(*v);
  return std::nullopt;
}

}  // namespace

bool take(const Value& value, std::int64_t& out, const Limits& limits) {
  const auto* v = std::get_if<std::int64_t>(&value.data);
  if (!v || !within(static_cast<double>(*v), limits)) return false;
  out = *v;
  return true;
}

bool take(const Value& value, double& out, const Limits& limits) {
  const auto v = number(value);
  if (!v || !within(*v, limits)) return false;
  out = *v;
  return true;
}

bool take(const Value& value, bool& out, const Limits&) {
  const auto* v = std::get_if<bool>(&value.data);
  if (v) out = *v;
  return v != nullptr;
}

// On the command line `model.path=7` means the file 7.
bool take(const Value& value, std::string& out, const Limits& limits) {
  if (value.table() || value.array() || (!value.text() && value.raw.empty())) return false;
  const std::string text = value.text() ? *value.text() : value.raw;
  const auto& names = limits.one_of;
  if (!names.empty() && std::find(names.begin(), names.end(), text) == names.end()) return false;
  out = text;
  return true;
}

bool take(const Value& value, AutoSize& out, const Limits& limits) {
  if (value.text() && *value.text() == "auto") {
    out.value = AutoSize::kAuto;
    return true;
  }
  return take(value, out.value, limits);
}

bool take(const Value& value, Clip& out, const Limits&) {
  const auto v = number(value);
  const auto clip = value.text() ? parse_clip(*value.text())
                    : v          ? parse_clip(format_number(*v))
                                 : std::optional<Clip>{};
  if (clip) out = *clip;
  return clip.has_value();
}

std::string near_choice(const Value& value, const Limits& limits) {
  const std::vector<std::string> names(limits.one_of.begin(), limits.one_of.end());
  const auto near = value.text() ? nearest_name(*value.text(), names) : std::nullopt;
  return near ? " (did you mean '" + *near + "'?)" : "";
}

}  // namespace gyre::config
