// Hydra's override grammar: key=value, +key=value, ++key=value, ~key, ~key=value; key may be a group.
#pragma once

#include <optional>
#include <string>
#include <vector>

#include "config/value.h"

namespace gyre::config {

struct Override {
  enum class Kind {
    kSet,     // key=value: a known key, or a group of the defaults list
    kAdd,     // +key=value: nothing sets it yet; a group not in the defaults list
    kForce,   // ++key=value: either
    kDelete,  // ~key, ~key=value: back to the built-in default; drops a group
  };
  Kind kind = Kind::kSet;
  std::string key;
  std::optional<Value> value;  // nothing for a bare ~key
  Origin origin;

  std::string text() const;  // as one would type it
};

// kConfig at origin when the text is none of the forms.
Override parse_override(const std::string& text, const Origin& origin);
// From a key, with its prefix if any, and a value that came from a file.
Override make_override(const std::string& key, Value value);

// Applies the override to the tree of settings, not to groups.
void apply(const Override& override_, Table& settings);

}  // namespace gyre::config
