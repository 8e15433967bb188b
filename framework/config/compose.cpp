#include "config/compose.h"

#include <algorithm>

#include "config/compose_point.h"
#include "config/defaults.h"
#include "config/interpolate.h"
#include "config/read_config.h"
#include "core/error.h"
#include "core/text.h"

namespace gyre::config {

namespace {

// Words that begin with no setting are refused here, where the groups are known that may have been meant.
void check_known(const ConfFiles& files, const Override& o) {
  std::vector<std::string> tops, all;
  for (const auto& param : params(RunConfig{})) {
    all.push_back(param.key);
    const std::string top = param.key.substr(0, param.key.find('.'));
    if (tops.empty() || tops.back() != top) tops.push_back(top);
  }
  if (std::find(tops.begin(), tops.end(), o.key.substr(0, o.key.find('.'))) != tops.end()) return;
  const auto groups = files.groups();
  if (std::find(groups.begin(), groups.end(), o.key) != groups.end())
    fail(ErrorCode::kConfig, "{}: {} is a group, but no table of settings; expected one of: {}",
         o.origin.text(), o.key, join(files.choices(o.key), ", "));
  for (auto* names : {&tops, &all}) {
    names->insert(names->end(), groups.begin(), groups.end());
    names->push_back("experiment");
  }
  fail(ErrorCode::kConfig, "{}: unknown key '{}'{}", o.origin.text(), o.key,
       suggestion(o.key, nearest_name(o.key, all) ? all : tops));
}

}  // namespace

ComposedPoint compose_point(ConfFiles& files, const std::vector<Override>& overrides) {
  Layers layers = default_layers(files, overrides);
  Table settings;
  for (const Table& layer : layers.tables) merge(settings, layer);
  for (const Override& o : overrides) {
    if (is_choice(files, o)) continue;
    check_known(files, o);
    apply(o, settings);
  }
  return {read_config(resolved(settings)), std::move(layers.choices)};
}

Composed compose(const std::filesystem::path& experiments_dir, const std::vector<std::string>& overrides) {
  ConfFiles files(experiments_dir);
  std::vector<Override> parsed;
  for (const auto& text : overrides) parsed.push_back(parse_override(text, Origin{"command line"}));
  return compose_point(files, parsed).composed;
}

std::vector<std::string> groups(const std::filesystem::path& experiments_dir) {
  return ConfFiles(experiments_dir).groups();
}

std::vector<std::string> group_choices(const std::filesystem::path& experiments_dir,
                                       const std::string& group) {
  return ConfFiles(experiments_dir).choices(group);
}

std::vector<std::string> presets(const std::filesystem::path& experiments_dir) {
  return ConfFiles(experiments_dir).presets();
}

}  // namespace gyre::config
