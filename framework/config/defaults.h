// The defaults list: which files make up a configuration, in which order.
#pragma once

#include <map>
#include <string>
#include <vector>

#include "config/conf_files.h"
#include "config/overrides.h"

namespace gyre::config {

struct Layers {
  std::vector<Table> tables;                   // settings, the later lies over the earlier
  std::map<std::string, std::string> choices;  // by group, and "experiment"
};

// True for an override of the defaults list: group=name, experiment=NAME.
bool is_choice(const ConfFiles& files, const Override& override_);

// The layers of a configuration: what config.toml's `defaults` lists, in that order ("_self_" is the file
// itself, last where it is not named), then the preset, then what the overrides choose, so that a choice made
// there holds over every file. Group files may have defaults of their own; an item without a slash is of the
// same group. A preset's own list replaces the groups that it names. Overrides that are no choices are passed
// over.
Layers default_layers(ConfFiles& files, const std::vector<Override>& overrides);

}  // namespace gyre::config
