// The folder of settings: experiments/conf (config.toml and the groups, one folder each) and
// experiments/presets.
#pragma once

#include <filesystem>
#include <map>
#include <string>
#include <string_view>
#include <vector>

#include "config/value.h"

namespace gyre::config {

// Reads each file once, however many points of a sweep use it.
class ConfFiles {
 public:
  explicit ConfFiles(const std::filesystem::path& experiments_dir);

  const Table& main();  // conf/config.toml
  bool has_group(std::string_view group) const;
  std::vector<std::string> groups() const;                           // sorted
  std::vector<std::string> choices(const std::string& group) const;  // sorted
  std::vector<std::string> presets() const;                          // sorted
  // conf/GROUP/CHOICE.toml. kConfig, with the choices that there are, at `asked` when there is no such file.
  const Table& choice(const std::string& group, const std::string& name, const Origin& asked);
  const Table& preset(const std::string& name, const Origin& asked);

  // As the user sees it: relative to the folder that holds experiments/, where it lies in there.
  std::string shown(const std::filesystem::path& file) const;

 private:
  const Table& read(const std::filesystem::path& file);

  std::filesystem::path root_;
  std::map<std::string, Table> read_;
};

}  // namespace gyre::config
