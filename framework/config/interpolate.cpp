#include "config/interpolate.h"

#include <algorithm>
#include <cstdlib>
#include <vector>

#include "config/toml_reader.h"
#include "core/error.h"
#include "core/text.h"
#include "spec/run.h"

namespace gyre::config {
namespace {

constexpr std::string_view kOpen = "${", kEnvironment = "env:", kMandatory = "???";

// The brace that closes the "${" at `begin`, others inside passed over; npos if there is none.
std::size_t closing_brace(const std::string& text, std::size_t begin) {
  int open = 0;
  for (std::size_t at = begin; at < text.size(); ++at) {
    if (text.compare(at, kOpen.size(), kOpen) == 0) ++open;
    if (text[at] == '}' && --open == 0) return at;
  }
  return std::string::npos;
}

class Resolver {
 public:
  explicit Resolver(const Table& settings) : settings_(settings), defaults_(params(RunConfig{})) {}

  Table table(const Table& from, const std::string& prefix) {
    Table out;
    for (const auto& [key, value] : from.entries()) {
      const std::string path = prefix + key;
      if (value.table())
        out.set(key, {table(*value.table(), path + "."), value.origin, value.raw});
      else
        out.set(key, setting(path, value));
    }
    return out;
  }

 private:
  // The value of one setting, itself resolved.
  Value setting(const std::string& path, const Value& value) {
    const auto* text = value.text();
    if (!text) return value;
    if (*text == kMandatory)
      fail(ErrorCode::kConfig, "{}: {} is mandatory and has no value; set {}=VALUE", value.origin.text(),
           path, path);
    if (text->find(kOpen) == std::string::npos) return value;
    if (std::find(open_.begin(), open_.end(), path) != open_.end())
      fail(ErrorCode::kConfig, "{}: interpolation goes in a circle: {} -> {}", value.origin.text(),
           join(open_, " -> "), path);
    open_.push_back(path);
    Value out = replaced(path, *text, value.origin);
    open_.pop_back();
    return out;
  }

  Value replaced(const std::string& path, const std::string& text, const Origin& origin) {
    std::string out;
    for (std::size_t at = 0;;) {
      const auto begin = text.find(kOpen, at);
      out += text.substr(at, begin - at);
      if (begin == std::string::npos) return {out, origin, out};
      const auto end = closing_brace(text, begin);
      if (end == std::string::npos)
        fail(ErrorCode::kConfig, "{}: {} is '{}', whose '${{' has no closing '}}'", origin.text(), path,
             text);
      const std::string name = text.substr(begin + kOpen.size(), end - begin - kOpen.size());
      Value found = reference(
          path, name.find(kOpen) == std::string::npos ? name : to_text(replaced(path, name, origin)), origin);
      if (begin == 0 && end + 1 == text.size()) {
        found.origin = origin;
        return found;
      }
      if (found.table() || found.array())
        fail(ErrorCode::kConfig, "{}: {} is '{}', but {} cannot stand inside a text", origin.text(), path,
             text, describe(found));
      out += to_text(found);
      at = end + 1;
    }
  }

  Value reference(const std::string& path, const std::string& name, const Origin& origin) {
    if (name.starts_with(kEnvironment)) return environment(path, name.substr(kEnvironment.size()), origin);
    const std::string key = settings_named(name).front();
    if (const Value* value = find_path(settings_, key)) {
      if (value->table())
        fail(ErrorCode::kConfig, "{}: {} refers to '{}', which is a table; name one setting", origin.text(),
             path, name);
      return setting(key, *value);
    }
    std::vector<std::string> known;
    for (const auto& param : defaults_) {
      if (param.key == key) return parse_value(param.value, origin);
      known.push_back(param.key);
    }
    const auto near = nearest_name(name, known);
    fail(ErrorCode::kConfig, "{}: {} refers to '{}', which is no setting{}", origin.text(), path, name,
         near ? " (did you mean '" + *near + "'?)" : "");
  }

  static Value environment(const std::string& path, const std::string& request, const Origin& origin) {
    const auto comma = request.find(',');
    const std::string name = request.substr(0, comma);
    if (const char* value = std::getenv(name.c_str())) return parse_value(value, origin);
    if (comma == std::string::npos)
      fail(ErrorCode::kConfig,
           "{}: {} needs the environment variable {}, which is not set; set it, or write ${{env:{},default}}",
           origin.text(), path, name, name);
    return parse_value(std::string(trim(request.substr(comma + 1))), origin);
  }

  const Table& settings_;
  std::vector<Param> defaults_;
  std::vector<std::string> open_;
};

}  // namespace

Table resolved(const Table& settings) {
  return Resolver(settings).table(settings, "");
}

}  // namespace gyre::config
