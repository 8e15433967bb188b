// The settings of `gyre pretrain`: one TOML file, and words KEY=VALUE over it.
#pragma once

#include <filesystem>
#include <string>
#include <vector>

#include "config/compose.h"
#include "spec/pretrain.h"

namespace gyre::config {

struct PretrainFile {
  PretrainSpec spec;
  Origins origins;  // of every setting, by dotted key
};

// ${env:NAME,default} in texts is the environment. kConfig with file:line:column (or "command line") on
// unknown keys, wrong types, values out of range, mandatory values that are missing, and what check_pretrain
// says.
PretrainFile load_pretrain(const std::filesystem::path& file, const std::vector<std::string>& overrides);

}  // namespace gyre::config
