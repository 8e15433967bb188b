#include "config/conf_files.h"

#include <algorithm>
#include <cctype>

#include "config/toml_reader.h"
#include "core/error.h"
#include "core/text.h"

namespace gyre::config {
namespace fs = std::filesystem;
namespace {

std::vector<std::string> toml_stems(const fs::path& folder) {
  std::vector<std::string> stems;
  std::error_code missing;
  for (const auto& entry : fs::directory_iterator(folder, missing))
    if (entry.path().extension() == ".toml") stems.push_back(entry.path().stem().string());
  std::sort(stems.begin(), stems.end());
  return stems;
}

// Only a name from the folder's own list is ever turned into a path.
void require_listed(const std::string& name, const std::vector<std::string>& known, std::string_view what,
                    const fs::path& folder, const Origin& asked) {
  if (std::find(known.begin(), known.end(), name) != known.end()) return;
  const auto near = known.empty() ? std::nullopt : nearest_name(name, known);
  fail(ErrorCode::kConfig, "{}: unknown {} '{}'{}; {} has: {}", asked.text(), what, name,
       near ? " (did you mean '" + *near + "'?)" : "", folder.string(),
       known.empty() ? "nothing" : join(known, ", "));
}

}  // namespace

ConfFiles::ConfFiles(const fs::path& experiments_dir)
    : root_(fs::absolute(experiments_dir).lexically_normal()) {
  if (!root_.has_filename()) root_ = root_.parent_path();
}

const Table& ConfFiles::main() {
  return read(root_ / "conf" / "config.toml");
}

bool ConfFiles::has_group(std::string_view group) const {
  const bool is_name = !group.starts_with('/') && !group.ends_with('/') &&
                       group.find("//") == std::string_view::npos && !group.empty() &&
                       std::all_of(group.begin(), group.end(), [](unsigned char c) {
                         return std::isalnum(c) || c == '_' || c == '-' || c == '/';
                       });
  std::error_code missing;
  return is_name && fs::is_directory(root_ / "conf" / group, missing);
}

std::vector<std::string> ConfFiles::groups() const {
  std::vector<std::string> names;
  std::error_code missing;
  for (const auto& entry : fs::recursive_directory_iterator(root_ / "conf", missing))
    if (entry.is_directory() && !toml_stems(entry.path()).empty())
      names.push_back(entry.path().lexically_relative(root_ / "conf").generic_string());
  std::sort(names.begin(), names.end());
  return names;
}

std::vector<std::string> ConfFiles::choices(const std::string& group) const {
  return has_group(group) ? toml_stems(root_ / "conf" / group) : std::vector<std::string>{};
}

std::vector<std::string> ConfFiles::presets() const {
  return toml_stems(root_ / "presets");
}

const Table& ConfFiles::choice(const std::string& group, const std::string& name, const Origin& asked) {
  if (!has_group(group))
    fail(ErrorCode::kConfig, "{}: unknown group '{}'{}", asked.text(), group, suggestion(group, groups()));
  const fs::path folder = root_ / "conf" / group;
  require_listed(name, choices(group), "choice of " + group, shown(folder), asked);
  return read(folder / (name + ".toml"));
}

const Table& ConfFiles::preset(const std::string& name, const Origin& asked) {
  const fs::path folder = root_ / "presets";
  require_listed(name, presets(), "experiment", shown(folder), asked);
  return read(folder / (name + ".toml"));
}

std::string ConfFiles::shown(const fs::path& file) const {
  const auto relative = fs::absolute(file).lexically_normal().lexically_relative(root_.parent_path());
  return relative.empty() || *relative.begin() == ".." ? file.generic_string() : relative.generic_string();
}

const Table& ConfFiles::read(const fs::path& file) {
  const auto known = read_.find(file.string());
  if (known != read_.end()) return known->second;
  return read_.emplace(file.string(), read_toml(file, shown(file))).first->second;
}

}  // namespace gyre::config
