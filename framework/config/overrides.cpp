#include "config/overrides.h"

#include <algorithm>
#include <cctype>

#include "config/toml_reader.h"
#include "core/error.h"
#include "core/text.h"
#include "spec/run.h"

namespace gyre::config {
namespace {

using Kind = Override::Kind;

std::string_view prefix_of(Kind kind) {
  switch (kind) {
    case Kind::kSet:
      return "";
    case Kind::kAdd:
      return "+";
    case Kind::kForce:
      return "++";
    case Kind::kDelete:
      return "~";
  }
  return "";
}

Kind strip_prefix(std::string_view& key) {
  for (const Kind kind : {Kind::kForce, Kind::kAdd, Kind::kDelete})
    if (key.starts_with(prefix_of(kind))) {
      key.remove_prefix(prefix_of(kind).size());
      return kind;
    }
  return Kind::kSet;
}

bool is_key(std::string_view key) {
  const auto allowed = [](unsigned char c) {
    return std::isalnum(c) || c == '_' || c == '-' || c == '.' || c == '/';
  };
  return !key.empty() && std::all_of(key.begin(), key.end(), allowed) && !key.starts_with('.') &&
         !key.ends_with('.') && key.find("..") == std::string_view::npos;
}

std::string known_keys_hint(const std::string& key) {
  std::vector<std::string> known;
  for (const auto& param : params(RunConfig{})) known.push_back(param.key);
  const auto near = nearest_name(key, known);
  return near && *near != key ? " (did you mean '" + *near + "'?)" : "";
}

void erase_setting(const Override& o, const std::string& key, Table& settings) {
  const Value* old = find_path(settings, key);
  if (!old)
    fail(ErrorCode::kConfig, "{}: {}: nothing sets '{}'{}, so there is nothing to delete", o.origin.text(),
         o.text(), key, known_keys_hint(key));
  if (o.value && !same(*old, *o.value))
    fail(ErrorCode::kConfig, "{}: {}: '{}' is {}, set at {}; nothing was deleted", o.origin.text(), o.text(),
         key, describe(*old), old->origin.text());
  erase_path(settings, key);
}

}  // namespace

std::string Override::text() const {
  std::string out = std::string(prefix_of(kind)) + key;
  if (!value) return out;
  const std::string plain = to_text(*value);
  const bool reads_back = same(parse_value(plain, value->origin), *value);
  return out + "=" + (value->text() && !reads_back ? quoted_text(plain) : plain);
}

Override parse_override(const std::string& text, const Origin& origin) {
  if (const auto bad = find_invalid_utf8(text))
    fail(ErrorCode::kConfig, "{}: byte {} of '{}' is not UTF-8; expected UTF-8", origin.text(), *bad + 1,
         text.substr(0, *bad));
  std::string_view rest = text;
  const Kind kind = strip_prefix(rest);
  const auto equals = rest.find('=');
  const std::string_view key = rest.substr(0, equals);
  if (!is_key(key) || (equals == std::string_view::npos && kind != Kind::kDelete))
    fail(ErrorCode::kConfig,
         "{}: '{}' is no override; expected group=name, key=value, +key=value, ++key=value, ~key or "
         "~key=value",
         origin.text(), text);
  Override out{kind, std::string(key), std::nullopt, origin};
  if (equals != std::string_view::npos) out.value = parse_value(std::string(rest.substr(equals + 1)), origin);
  return out;
}

Override make_override(const std::string& key, Value value) {
  std::string_view rest = key;
  const Kind kind = strip_prefix(rest);
  if (!is_key(rest) || kind == Kind::kDelete)
    fail(ErrorCode::kConfig, "{}: '{}' is no key; expected a group or a dotted setting", value.origin.text(),
         key);
  Origin origin = value.origin;
  return {kind, std::string(rest), std::move(value), std::move(origin)};
}

void apply(const Override& o, Table& settings) {
  if (o.kind == Kind::kDelete) {
    for (const auto& key : settings_named(o.key)) erase_setting(o, key, settings);
    return;
  }
  if (o.kind == Kind::kAdd)
    for (const auto& key : settings_named(o.key))
      if (const Value* old = find_path(settings, key))
        fail(ErrorCode::kConfig, "{}: {}: '{}' is already set at {}; use {}=VALUE or ++{}=VALUE",
             o.origin.text(), o.text(), key, old->origin.text(), o.key, o.key);
  Table layer;
  set_path(layer, o.key, *o.value);
  expand_aliases(layer);
  merge(settings, layer);
}

}  // namespace gyre::config
