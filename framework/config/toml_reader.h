// TOML into trees of settings: the one place that knows the TOML library.
#pragma once

#include <filesystem>
#include <string>

#include "config/value.h"

namespace gyre::config {

// A whole file. `shown` is how its name appears in messages and origins. kInput when it cannot be read,
// kConfig with file:line:column when it is not TOML or holds a date or a time, which no setting is.
Table read_toml(const std::filesystem::path& path, const std::string& shown);

// One value of the command line: TOML (3, 0.5, true, "a b", {scheme = "rtn"}), else the bare text itself.
Value parse_value(const std::string& text, const Origin& origin);

}  // namespace gyre::config
