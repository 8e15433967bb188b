// Hydra's shape in TOML: defaults list, groups, overrides, interpolation; every value remembers where it came
// from.
#pragma once

#include <filesystem>
#include <map>
#include <string>
#include <vector>

#include "core/error.h"
#include "spec/run.h"

namespace gyre::config {

// Where a value came from: "experiments/conf/quant/w4a16.toml:3:1", "command line", "default".
using Origins = std::map<std::string, std::string>;

struct Composed {
  RunConfig config;
  Origins origins;  // of every setting, by dotted key
};
// The error with its setting's origin in front, where its message begins with a setting of known origin.
Error with_origin(const Error& error, const Origins& origins);

// Composes experiments/conf/config.toml (conf_dir/config.toml), the groups it names, presets
// (experiment=NAME) and the overrides, in Hydra's grammar: group=name, key=value, +key=value, ++key=value,
// ~key. Later overrides win; all of them win over every file. Unknown keys, wrong types and values out of
// range give kConfig with file:line:column (or "command line: ...") and the nearest known name. A mandatory
// value left at "???" is an error naming it.
Composed compose(const std::filesystem::path& experiments_dir, const std::vector<std::string>& overrides);

// The folders of conf/ that hold choices, and the choices of one of them; sorted.
std::vector<std::string> groups(const std::filesystem::path& experiments_dir);
std::vector<std::string> group_choices(const std::filesystem::path& experiments_dir,
                                       const std::string& group);
// What experiment=NAME may name; sorted.
std::vector<std::string> presets(const std::filesystem::path& experiments_dir);

// One sweep file, expanded: single points first, then the grid of axes and zipped axes in file order, the
// last varying fastest (seeds faster still), without what is excluded.
struct SweepPoint {
  Composed composed;
  std::vector<std::string> overrides;  // what sets this point apart from the others, for --dry-run
};
struct Sweep {
  std::string name;      // key `name`, else the file's stem
  std::string baseline;  // optional: the row of a table that the others are compared with, such as "none"
  std::vector<SweepPoint> points;
};
// extra: overrides of the command line, applied to every point, after the file's own. kConfig with
// file:line:column on a malformed file, on any point that does not compose, on two points that are the same
// run, and on no points at all.
Sweep load_sweep(const std::filesystem::path& file, const std::filesystem::path& experiments_dir,
                 const std::vector<std::string>& extra);

// docs/CONFIG.md, generated from the describe() lists.
std::string config_reference();

}  // namespace gyre::config
