#include "config/read_config.h"

#include <algorithm>
#include <optional>

#include "config/limits_text.h"
#include "core/error.h"
#include "core/text.h"

namespace gyre::config {
namespace {

std::optional<double> number(const Value& value) {
  if (const auto* v = std::get_if<double>(&value.data)) return *v;
  if (const auto* v = std::get_if<std::int64_t>(&value.data)) return static_cast<double>(*v);
  return std::nullopt;
}

// Each takes the value if it has the type and keeps the limits; false otherwise.
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

class Reader {
 public:
  Reader(const Table* table, std::string prefix, Origins& origins)
      : table_(table), prefix_(std::move(prefix)), origins_(origins) {}

  template <class T>
  void field(std::string_view name, T& out, std::string_view, const Limits& limits) {
    known_.emplace_back(name);
    const std::string key = prefix_ + std::string(name);
    const Value* value = table_ ? table_->find(name) : nullptr;
    origins_[key] = value ? value->origin.text() : Origin{}.text();
    if (value && !take(*value, out, limits))
      fail(ErrorCode::kConfig, "{}: {} is {}; expected {}{}", value->origin.text(), key,
           config::describe(*value), expected(out, limits), near_choice(*value, limits));
  }

  template <class Spec>
  void group(std::string_view name, Spec& spec, std::string_view) {
    known_.emplace_back(name);
    const std::string key = prefix_ + std::string(name);
    const Value* value = table_ ? table_->find(name) : nullptr;
    Reader inner(value ? value->table() : nullptr, key + ".", origins_);
    Spec::describe(spec, inner);
    if (value && !value->table())
      fail(ErrorCode::kConfig, "{}: {} is {}; expected a table of {}", value->origin.text(), key,
           config::describe(*value), join(inner.known_, ", "));
    inner.refuse_unknown_keys();
  }

  void refuse_unknown_keys() const {
    if (!table_) return;
    for (const auto& [key, value] : table_->entries())
      if (std::find(known_.begin(), known_.end(), key) == known_.end())
        fail(ErrorCode::kConfig, "{}: unknown key '{}{}'{}", value.origin.text(), prefix_, key,
             suggestion(key, known_));
  }

 private:
  const Table* table_;
  std::string prefix_;
  Origins& origins_;
  std::vector<std::string> known_;
};

// A rule's message begins with a setting; where it was set is put before it.
void check_rules_with_origin(const Composed& composed) try {
  check_rules(composed.config);
} catch (const Error& error) {
  const std::string message = error.what();
  const auto origin = composed.origins.find(message.substr(0, message.find(' ')));
  if (origin == composed.origins.end()) throw;
  throw Error(error.code(), origin->second + ": " + message, error.where());
}

// zero_point tells by itself that levels are not symmetric, where nothing says that they are.
void imply_symmetric(Composed& composed) {
  auto& q = composed.config.quant;
  for (const auto& [spec, site] : {std::pair(&q.weight, "weight"), std::pair(&q.activation, "activation"),
                                   std::pair(&q.key, "key"), std::pair(&q.value, "value")}) {
    const std::string key = std::string("quant.") + site;
    std::string& origin = composed.origins[key + ".symmetric"];
    if (spec->zero_point == "unset" || origin != Origin{}.text()) continue;
    spec->symmetric = false;
    origin = "implied by " + key + ".zero_point";
  }
}

}  // namespace

Composed read_config(const Table& settings) {
  Composed out;
  Reader reader(&settings, "", out.origins);
  RunConfig::describe(out.config, reader);
  reader.refuse_unknown_keys();
  imply_symmetric(out);
  check_rules_with_origin(out);
  return out;
}

}  // namespace gyre::config
