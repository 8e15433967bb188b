// The registry of published values: experiments/references.
#pragma once

#include <filesystem>

#include "spec/reference.h"

namespace gyre::config {

// models.toml holds [[model]] tables, every other file [[reference]] tables and, where all rows have one,
// their `source`. Files in order of their names, rows in order of writing. kConfig with file:line:column on
// unknown keys, wrong types, ids that repeat, models and presets that there are not, a row with neither or
// both of preset and needs, a value that is none or does not have the digits that it is said to be printed
// with.
References load_references(const std::filesystem::path& experiments_dir);

}  // namespace gyre::config
