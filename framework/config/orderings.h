// Recorded orderings: experiments/references/orderings.
#pragma once

#include <filesystem>
#include <string>

#include "spec/orderings.h"

namespace gyre::config {

// The file as to_toml() writes it; `name` is that of a file in references/orderings without ".toml", or a
// path with it. kInput, naming those that there are, without such a file; kConfig with file:line:column for
// unknown keys, wrong types, missing texts, cells or pairs, a repeated cell or pair, a pair of rows that have
// no cell, or one called told that no test told or that is not above its floor.
Orderings load_orderings(const std::string& name, const std::filesystem::path& experiments_dir);

// What sweeps/SWEEP.toml says under `orderings`; "" when it says nothing, or no sweep of that name is defined
// there.
std::string orderings_of_sweep(const std::string& sweep, const std::filesystem::path& experiments_dir);

}  // namespace gyre::config
