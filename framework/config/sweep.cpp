#include <fmt/format.h>

#include <algorithm>
#include <map>
#include <optional>

#include "config/compose_point.h"
#include "config/defaults.h"
#include "config/sweep_file.h"
#include "config/toml_reader.h"
#include "core/error.h"
#include "core/text.h"

namespace gyre::config {
namespace {

constexpr std::size_t kMostPoints = 100'000;

std::vector<std::string> texts(const std::vector<Override>& overrides) {
  std::vector<std::string> out;
  for (const Override& o : overrides) out.push_back(o.text());
  return out;
}

std::string name_of(const std::vector<std::string>& overrides) {
  return overrides.empty() ? "without overrides" : "'" + join(overrides, " ") + "'";
}

// Every combination of one row of each axis; the last axis varies fastest.
std::vector<std::vector<Override>> grid(const std::vector<Axis>& axes, const std::string& file) {
  std::size_t n = 1;
  for (const Axis& axis : axes) {
    n *= axis.rows.size();
    GYRE_CHECK(n <= kMostPoints, ErrorCode::kConfig, "{}: the axes make more than {} points", file,
               kMostPoints);
  }
  std::vector<std::vector<Override>> points(n);
  for (std::size_t i = 0; i < n; ++i) {
    std::size_t stride = n;
    for (const Axis& axis : axes) {
      stride /= axis.rows.size();
      const auto& row = axis.rows[i / stride % axis.rows.size()];
      points[i].insert(points[i].end(), row.begin(), row.end());
    }
  }
  return points;
}

// The value that the overrides themselves give to the key, the last one winning; null when they delete it or
// set it within a table.
const Value* value_in(const std::vector<Override>& overrides, const std::string& key) {
  for (auto o = overrides.rbegin(); o != overrides.rend(); ++o)
    for (const auto& named : settings_named(o->key)) {
      if (named == key)
        return o->kind != Override::Kind::kDelete && !o->value->table() ? &*o->value : nullptr;
      if (key.starts_with(named + ".") && (o->kind == Override::Kind::kDelete || o->value->table()))
        return nullptr;
    }
  return nullptr;
}

Value value_in(const ComposedPoint& point, const std::string& key) {
  const auto choice = point.choices.find(key);
  if (choice != point.choices.end()) return {choice->second, {}, {}};
  for (const auto& param : params(point.composed.config))
    if (param.key == key) return parse_value(param.value, {});
  return {std::string(), {}, {}};
}

bool holds(const Exclusion::Condition& condition, const Value& value) {
  return std::any_of(condition.any_of.begin(), condition.any_of.end(),
                     [&](const Value& wanted) { return same(wanted, value); });
}

// What the point's own overrides say; nothing when only the composed configuration can tell.
std::optional<bool> excluded_early(const Exclusion& exclusion, const std::vector<Override>& overrides) {
  bool all_known = true;
  for (const auto& condition : exclusion.conditions) {
    const Value* value = value_in(overrides, condition.key);
    if (value && !holds(condition, *value)) return false;
    all_known = all_known && value;
  }
  return all_known ? std::optional(true) : std::nullopt;
}

bool excluded(const Exclusion& exclusion, const ComposedPoint& point) {
  return std::all_of(exclusion.conditions.begin(), exclusion.conditions.end(),
                     [&](const auto& condition) { return holds(condition, value_in(point, condition.key)); });
}

class Expansion {
 public:
  Expansion(const SweepFile& sweep, ConfFiles& files, std::string file, const std::vector<std::string>& extra)
      : sweep_(sweep), files_(files), file_(std::move(file)) {
    for (const auto& text : extra) extra_.push_back(parse_override(text, Origin{"command line"}));
  }

  void add(const std::vector<Override>& own, bool may_be_excluded) {
    std::vector<Override> all = sweep_.base;
    all.insert(all.end(), own.begin(), own.end());
    all.insert(all.end(), extra_.begin(), extra_.end());
    // A combination may be excluded because it does not compose, so that is asked first.
    const auto early = [&](const Exclusion& e) { return excluded_early(e, all).value_or(false); };
    if (may_be_excluded && std::any_of(sweep_.exclusions.begin(), sweep_.exclusions.end(), early)) return;
    ComposedPoint point = composed(all, texts(own));
    const auto late = [&](const Exclusion& e) { return excluded(e, point); };
    if (may_be_excluded && std::any_of(sweep_.exclusions.begin(), sweep_.exclusions.end(), late)) return;
    refuse_repetition(point, texts(own));
    points_.push_back({std::move(point.composed), texts(own)});
  }

  std::vector<SweepPoint> points() && { return std::move(points_); }

 private:
  ComposedPoint composed(const std::vector<Override>& all, const std::vector<std::string>& own) {
    try {
      return compose_point(files_, all);
    } catch (const Error& error) {
      if (own.empty()) throw;
      throw Error(error.code(), fmt::format("{} (at the point {})", error.what(), name_of(own)),
                  error.where());
    }
  }

  void refuse_repetition(const ComposedPoint& point, const std::vector<std::string>& own) {
    const auto [it, fresh] = seen_.emplace(canonical_text(point.composed.config), points_.size());
    GYRE_CHECK(fresh, ErrorCode::kConfig,
               "{}: the points {} and {} are the same run; drop one, or the override that makes them alike",
               file_, name_of(points_[it->second].overrides), name_of(own));
  }

  const SweepFile& sweep_;
  ConfFiles& files_;
  std::string file_;
  std::vector<Override> extra_;
  std::vector<SweepPoint> points_;
  std::map<std::string, std::size_t> seen_;
};

}  // namespace

Sweep load_sweep(const std::filesystem::path& file, const std::filesystem::path& experiments_dir,
                 const std::vector<std::string>& extra) {
  ConfFiles files(experiments_dir);
  const SweepFile sweep = read_sweep_file(file, files);
  const std::string shown = files.shown(file);
  Expansion expansion(sweep, files, shown, extra);
  for (const auto& own : sweep.points) expansion.add(own, false);
  if (sweep.points.empty() || !sweep.axes.empty())
    for (const auto& own : grid(sweep.axes, shown)) expansion.add(own, true);
  Sweep out{sweep.name, sweep.baseline, std::move(expansion).points()};
  GYRE_CHECK(!out.points.empty(), ErrorCode::kConfig, "{}: [[exclude]] leaves no point", shown);
  return out;
}

}  // namespace gyre::config
