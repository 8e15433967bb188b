// Settings to JSON and back, by walking describe(): an object per group, sizes and clips that may be words as
// they are written in TOML.
#pragma once

#include <algorithm>
#include <cmath>
#include <nlohmann/json.hpp>
#include <set>
#include <string>

#include "core/error.h"
#include "spec/limits_text.h"
#include "spec/run.h"

namespace gyre {

class JsonWriter {
 public:
  template <class Spec>
  static nlohmann::json write(const Spec& spec) {
    JsonWriter writer;
    Spec::describe(spec, writer);
    return writer.json_;
  }

  template <class T>
  void field(std::string_view name, const T& value, std::string_view, const Limits&) {
    json_[std::string(name)] = value;
  }
  void field(std::string_view name, const AutoSize& value, std::string_view, const Limits&) {
    json_[std::string(name)] = value.is_auto() ? nlohmann::json("auto") : nlohmann::json(value.value);
  }
  void field(std::string_view name, const Clip& value, std::string_view, const Limits&) {
    json_[std::string(name)] =
        value.method == Clip::Method::kRatio ? nlohmann::json(value.ratio) : nlohmann::json(to_text(value));
  }
  template <class Spec>
  void group(std::string_view name, const Spec& spec, std::string_view) {
    json_[std::string(name)] = write(spec);
  }

 private:
  nlohmann::json json_ = nlohmann::json::object();
};

// Settings that the JSON lacks keep their default: a file of an earlier version. kInput, beginning with
// `source`, for a wrong type, a value outside its limits, or a setting that does not exist.
class JsonReader {
 public:
  template <class Spec>
  static void read(const nlohmann::json& json, const std::string& source, Spec& spec) {
    GYRE_CHECK(json.is_object(), ErrorCode::kInput, "{} is {}, expected an object", source, json.dump());
    JsonReader reader(json, source);
    Spec::describe(spec, reader);
    for (const auto& entry : json.items())
      GYRE_CHECK(reader.known_.contains(entry.key()), ErrorCode::kInput,
                 "{}: no setting is called '{}'; the file is damaged or of a later version", source,
                 entry.key());
  }

  template <class T>
  void field(std::string_view name, T& value, std::string_view, const Limits& limits) {
    const auto* json = find(name);
    if (json == nullptr) return;
    GYRE_CHECK(take(*json, value, limits), ErrorCode::kInput, "{}: {} is {}, expected {}", source_, name,
               json->dump(), expected(value, limits));
  }
  template <class Spec>
  void group(std::string_view name, Spec& spec, std::string_view) {
    const auto* json = find(name);
    if (json != nullptr) read(*json, source_ + "." + std::string(name), spec);
  }

 private:
  JsonReader(const nlohmann::json& json, std::string source) : json_(json), source_(std::move(source)) {}

  const nlohmann::json* find(std::string_view name) {
    known_.emplace(name);
    const auto it = json_.find(std::string(name));
    return it == json_.end() ? nullptr : &*it;
  }

  static bool take(const nlohmann::json& json, std::int64_t& out, const Limits& limits) {
    if (!json.is_number_integer()) return false;
    out = json.get<std::int64_t>();
    return within(static_cast<double>(out), limits);
  }
  static bool take(const nlohmann::json& json, double& out, const Limits& limits) {
    if (!json.is_number()) return false;
    out = json.get<double>();
    return std::isfinite(out) && within(out, limits);
  }
  static bool take(const nlohmann::json& json, bool& out, const Limits&) {
    if (!json.is_boolean()) return false;
    out = json.get<bool>();
    return true;
  }
  static bool take(const nlohmann::json& json, std::string& out, const Limits& limits) {
    if (!json.is_string()) return false;
    out = json.get<std::string>();
    return limits.one_of.empty() || std::ranges::find(limits.one_of, out) != limits.one_of.end();
  }
  static bool take(const nlohmann::json& json, AutoSize& out, const Limits& limits) {
    if (json != "auto") return take(json, out.value, limits);
    out.value = AutoSize::kAuto;
    return true;
  }
  static bool take(const nlohmann::json& json, Clip& out, const Limits&) {
    if (!json.is_number() && !json.is_string()) return false;
    const auto clip = parse_clip(json.is_string() ? json.get<std::string>() : json.dump());
    if (clip) out = *clip;
    return clip.has_value();
  }

  const nlohmann::json& json_;
  std::string source_;
  std::set<std::string, std::less<>> known_;
};

}  // namespace gyre
