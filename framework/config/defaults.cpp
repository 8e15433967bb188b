#include "config/defaults.h"

#include <algorithm>
#include <iterator>
#include <set>

#include "core/error.h"
#include "core/text.h"

namespace gyre::config {
namespace {

using Kind = Override::Kind;
constexpr std::string_view kSelf = "_self_";

struct Choice {
  std::string name;
  Origin origin;
  bool may_be_new = false, must_be_new = false, removed = false;
};

struct Item {
  std::string group, name;  // name only: of the same group
  bool self = false;
  Origin origin;
};

const std::string& text_or_fail(const Value& value, std::string_view what) {
  if (const auto* text = value.text()) return *text;
  fail(ErrorCode::kConfig, "{}: {} is {}, expected a text", value.origin.text(), what, describe(value));
}

std::vector<Item> defaults_of(const Table& file, const std::string& own_group) {
  std::vector<Item> items;
  bool has_self = false;
  if (const Value* list = file.find("defaults")) {
    if (!list->array())
      fail(ErrorCode::kConfig, "{}: defaults is {}, expected a list such as [\"rotation/gsr\", \"_self_\"]",
           list->origin.text(), describe(*list));
    for (const Value& entry : *list->array()) {
      const std::string& text = text_or_fail(entry, "an item of defaults");
      const auto slash = text.rfind('/');
      Item item{own_group, text, text == kSelf, entry.origin};
      if (slash != std::string::npos)
        item = {text.substr(0, slash), text.substr(slash + 1), false, entry.origin};
      if (!item.self && item.group.empty())
        fail(ErrorCode::kConfig, "{}: '{}' names no group; expected \"group/choice\" or \"_self_\"",
             entry.origin.text(), text);
      if (item.self && has_self)
        fail(ErrorCode::kConfig, "{}: \"_self_\" appears twice in defaults", entry.origin.text());
      has_self = has_self || item.self;
      items.push_back(std::move(item));
    }
  }
  if (!has_self) items.push_back({{}, std::string(kSelf), true, {}});
  return items;
}

// Puts the settings of `from` below `prefix`. Keys in quotes may hold dots, so a file can say a thing twice
// without TOML's noticing.
void place(Table& out, const std::string& prefix, const Table& from) {
  for (const auto& [key, value] : from.entries()) {
    const std::string path = prefix + key;
    for (auto dot = path.find('.'); dot != std::string::npos; dot = path.find('.', dot + 1)) {
      const Value* above = find_path(out, path.substr(0, dot));
      if (above && !above->table())
        fail(ErrorCode::kConfig, "{}: '{}' lies in '{}', which is {} at {}", value.origin.text(), path,
             path.substr(0, dot), describe(*above), above->origin.text());
    }
    const Value* old = find_path(out, path);
    if (old && !(old->table() && value.table()))
      fail(ErrorCode::kConfig, "{}: '{}' is set a second time; the first is at {}", value.origin.text(), path,
           old->origin.text());
    if (!value.table()) {
      set_path(out, path, value);
      continue;
    }
    if (!old) set_path(out, path, Value{Table{}, value.origin, {}});
    place(out, path + ".", *value.table());
  }
}

// The file's settings where its package puts them: under the group's name if the file says nothing.
Table placed(const Table& file, const std::string& group) {
  std::string package = group;
  std::replace(package.begin(), package.end(), '/', '.');
  if (const Value* given = file.find("_package_")) {
    const std::string& text = text_or_fail(*given, "_package_");
    if (text != "_group_") package = text == "_global_" ? "" : text;
  }
  Table content = file;
  content.erase("defaults");
  content.erase("_package_");
  Table out;
  place(out, package.empty() ? "" : package + ".", content);
  expand_aliases(out);
  return out;
}

class Walk {
 public:
  Walk(ConfFiles& files, std::map<std::string, Choice>& chosen) : files_(files), chosen_(chosen) {}

  // Groups in `skip` are left to a later walk.
  void file(const Table& table, const std::string& group, bool on_top, const std::set<std::string>& skip) {
    for (const Item& item : defaults_of(table, group)) {
      if (item.self) {
        (on_top ? top_ : below_).push_back(placed(table, group));
      } else if (item.group == group) {
        enter(group, item.name, item.origin, on_top, skip);
      } else {
        visited_.insert(item.group);
        if (!skip.contains(item.group)) listed(item, skip);
      }
    }
  }

  void appended(const std::string& group, const Choice& choice) {
    choices_[group] = choice.name;
    enter(group, choice.name, choice.origin, true, {});
  }

  bool has_visited(const std::string& group) const { return visited_.contains(group); }

  Layers layers() && {
    std::move(top_.begin(), top_.end(), std::back_inserter(below_));
    return {std::move(below_), std::move(choices_)};
  }

 private:
  void listed(const Item& item, const std::set<std::string>& skip) {
    const auto choice = chosen_.find(item.group);
    if (choice == chosen_.end()) {
      choices_[item.group] = item.name;
      enter(item.group, item.name, item.origin, false, skip);
      return;
    }
    const Choice& asked = choice->second;
    if (!asked.removed) {
      choices_[item.group] = asked.name;
      enter(item.group, asked.name, asked.origin, true, skip);
    } else if (!asked.name.empty() && asked.name != item.name) {
      fail(ErrorCode::kConfig, "{}: ~{}={}: the defaults list has {}/{}; nothing was deleted",
           asked.origin.text(), item.group, asked.name, item.group, item.name);
    }
  }

  void enter(const std::string& group, const std::string& name, const Origin& origin, bool on_top,
             const std::set<std::string>& skip) {
    const std::string id = group + "/" + name;
    if (std::find(open_.begin(), open_.end(), id) != open_.end())
      fail(ErrorCode::kConfig, "{}: defaults go in a circle: {} -> {}", origin.text(), join(open_, " -> "),
           id);
    const Table& table = files_.choice(group, name, origin);
    open_.push_back(id);
    file(table, group, on_top, skip);
    open_.pop_back();
  }

  ConfFiles& files_;
  std::map<std::string, Choice>& chosen_;
  std::vector<Table> below_, top_;
  std::map<std::string, std::string> choices_;
  std::set<std::string> visited_;
  std::vector<std::string> open_;
};

std::string name_of(const Override& o) {
  return o.value->raw.empty() || o.value->text() ? to_text(*o.value) : o.value->raw;
}

std::map<std::string, Choice> collect(const ConfFiles& files, const std::vector<Override>& overrides) {
  std::map<std::string, Choice> chosen;
  for (const Override& o : overrides) {
    if (!is_choice(files, o)) continue;
    Choice& choice = chosen[o.key];
    choice.origin = o.origin;
    choice.name = o.value ? name_of(o) : "";
    choice.removed = o.kind == Kind::kDelete;
    choice.may_be_new = choice.may_be_new || o.kind == Kind::kForce || o.kind == Kind::kAdd;
    choice.must_be_new = choice.must_be_new || o.kind == Kind::kAdd;
  }
  return chosen;
}

void check_presence(const std::string& group, const Choice& choice, bool listed) {
  if (choice.must_be_new && listed)
    fail(ErrorCode::kConfig, "{}: group '{}' is in the defaults list already; use {}={}",
         choice.origin.text(), group, group, choice.name);
  if (!choice.may_be_new && !listed)
    fail(ErrorCode::kConfig, "{}: group '{}' is not in the defaults list{}", choice.origin.text(), group,
         choice.removed ? "" : "; use +" + group + "=" + choice.name);
}

}  // namespace

bool is_choice(const ConfFiles& files, const Override& o) {
  return (o.key == "experiment" || files.has_group(o.key)) && !(o.value && o.value->table());
}

Layers default_layers(ConfFiles& files, const std::vector<Override>& overrides) {
  auto chosen = collect(files, overrides);
  const auto experiment = chosen.extract("experiment");
  const Table* preset = nullptr;
  if (!experiment.empty() && !experiment.mapped().removed)
    preset = &files.preset(experiment.mapped().name, experiment.mapped().origin);

  std::set<std::string> of_preset;
  if (preset)
    for (const Item& item : defaults_of(*preset, ""))
      if (!item.self) of_preset.insert(item.group);

  Walk walk(files, chosen);
  walk.file(files.main(), "", false, of_preset);
  if (preset) walk.file(*preset, "", false, {});
  for (const auto& [group, choice] : chosen) {
    const bool listed = walk.has_visited(group);
    check_presence(group, choice, listed);
    if (!listed && !choice.removed) walk.appended(group, choice);
  }
  Layers layers = std::move(walk).layers();
  if (preset) layers.choices["experiment"] = experiment.mapped().name;
  return layers;
}

}  // namespace gyre::config
