// A sweep file as it is written, checked for form but not yet expanded.
#pragma once

#include <filesystem>
#include <string>
#include <vector>

#include "config/conf_files.h"
#include "config/overrides.h"

namespace gyre::config {

// An axis, or several zipped: row i sets every key at once.
struct Axis {
  std::vector<std::vector<Override>> rows;
};

// All conditions must hold; one holds when the setting has any of its values.
struct Exclusion {
  struct Condition {
    std::string key;
    std::vector<Value> any_of;
  };
  std::vector<Condition> conditions;
};

struct SweepFile {
  std::string name, baseline;
  std::string orderings;                      // recorded ones that its report compares with
  std::vector<Override> base;                 // of every point: [base], then `overrides`
  std::vector<std::vector<Override>> points;  // [[point]] overrides = [...]
  std::vector<Axis> axes;                     // [[axis]] and [[zip]] as they stand in the file, then seeds
  std::vector<Exclusion> exclusions;
};

SweepFile read_sweep_file(const std::filesystem::path& path, const ConfFiles& files);

}  // namespace gyre::config
