// The visitor of describe() that lists settings as texts, which TOML reads back.
#pragma once

#include <string>
#include <string_view>
#include <vector>

#include "core/text.h"
#include "spec/run.h"

namespace gyre {

class ParamWriter {
 public:
  explicit ParamWriter(std::vector<Param>& out) : out_(out) {}
  void field(std::string_view name, std::int64_t value, std::string_view, const Limits&) {
    add(name, std::to_string(value));
  }
  void field(std::string_view name, double value, std::string_view, const Limits&) {
    add(name, format_number(value));
  }
  void field(std::string_view name, bool value, std::string_view, const Limits&) {
    add(name, value ? "true" : "false");
  }
  void field(std::string_view name, const std::string& value, std::string_view, const Limits&) {
    add(name, quoted_text(value));
  }
  void field(std::string_view name, const AutoSize& value, std::string_view, const Limits&) {
    add(name, value.is_auto() ? quoted_text("auto") : to_text(value));
  }
  void field(std::string_view name, const Clip& value, std::string_view, const Limits&) {
    add(name, value.method == Clip::Method::kRatio ? to_text(value) : quoted_text(to_text(value)));
  }
  template <class Spec>
  void group(std::string_view name, const Spec& spec, std::string_view) {
    const std::string outer = prefix_;
    prefix_ += std::string(name) + ".";
    Spec::describe(spec, *this);
    prefix_ = outer;
  }

 private:
  void add(std::string_view name, std::string value) {
    out_.push_back({prefix_ + std::string(name), std::move(value)});
  }
  std::vector<Param>& out_;
  std::string prefix_;
};

}  // namespace gyre
