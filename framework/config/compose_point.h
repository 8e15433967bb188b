// Composition for callers that compose many configurations from the same files.
#pragma once

#include <map>
#include <string>
#include <vector>

#include "config/compose.h"
#include "config/conf_files.h"
#include "config/overrides.h"

namespace gyre::config {

struct ComposedPoint {
  Composed composed;
  std::map<std::string, std::string> choices;  // by group, and "experiment"
};

ComposedPoint compose_point(ConfFiles& files, const std::vector<Override>& overrides);

}  // namespace gyre::config
