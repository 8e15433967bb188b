#include "config/orderings.h"

#include <algorithm>
#include <cmath>
#include <set>

#include "config/conf_files.h"
#include "config/file_tables.h"
#include "config/sweep_file.h"

namespace gyre::config {
namespace fs = std::filesystem;
namespace {

fs::path file_of(const std::string& name, const fs::path& folder) {
  if (name.ends_with(".toml")) return name;
  std::vector<std::string> known;
  std::error_code missing;
  for (const auto& entry : fs::directory_iterator(folder, missing))
    if (entry.path().extension() == ".toml") known.push_back(entry.path().stem().string());
  std::sort(known.begin(), known.end());
  GYRE_CHECK(std::find(known.begin(), known.end(), name) != known.end(), ErrorCode::kInput,
             "there are no recorded orderings '{}' in {}{}; `gyre table SWEEP -o orderings --out FILE` "
             "records those of a finished sweep",
             name, folder.string(), known.empty() ? "" : suggestion(name, known));
  return folder / (name + ".toml");
}

void check_texts(const std::vector<std::pair<const char*, const std::string*>>& texts, const Origin& origin) {
  for (const auto& [name, text] : texts)
    check_at(!text->empty(), origin, "{} is missing; record the orderings anew", name);
}

}  // namespace

Orderings load_orderings(const std::string& name, const fs::path& experiments_dir) {
  const ConfFiles files(experiments_dir);
  const fs::path path = file_of(name, experiments_dir / "references" / "orderings");
  const std::string shown = files.shown(path);
  const Table file = read_toml(path, shown);
  refuse_other_keys(file, {"recorded", "cell", "pair"});
  const Value* head = file.find("recorded");
  GYRE_CHECK(head && head->table(), ErrorCode::kConfig,
             "{}: there is no table [recorded]; the file is not one of `gyre table SWEEP -o orderings`",
             shown);
  auto out = read_struct<Orderings>(*head);
  check_texts({{"model", &out.model},
               {"sweep", &out.sweep},
               {"metric", &out.metric},
               {"version", &out.version},
               {"date", &out.date},
               {"command", &out.command}},
              head->origin);

  std::set<std::pair<std::string, std::string>> cells;
  for (const Value& table : tables_of(file, "cell")) {
    const auto cell = read_struct<OrderedCell>(table);
    check_texts({{"setting", &cell.setting}, {"row", &cell.row}}, table.origin);
    check_at(cells.emplace(cell.setting, cell.row).second, table.origin, "cell ({}, {}) is there already",
             cell.row, cell.setting);
    out.cells.push_back(cell);
  }
  std::set<std::tuple<std::string, std::string, std::string>> pairs;
  for (const Value& table : tables_of(file, "pair")) {
    const auto pair = read_struct<Ordering>(table);
    for (const auto* row : {&pair.a, &pair.b})
      check_at(cells.contains({pair.setting, *row}), table.origin, "pair: there is no cell ({}, {})", *row,
               pair.setting);
    const auto [low, high] = std::minmax(pair.a, pair.b);
    check_at(low != high && pairs.emplace(pair.setting, low, high).second, table.origin,
             "pair {}, {} of {}: of a row with itself, or there already", pair.a, pair.b, pair.setting);
    check_at(
        !pair.told || (pair.p_holm < 1 && std::abs(pair.mean) > pair.floor), table.origin,
        "pair {}, {} of {} is called told, with p_holm = {} and a mean of {} above a floor of {}; record "
        "the orderings anew",
        pair.a, pair.b, pair.setting, pair.p_holm, pair.mean, pair.floor);
    out.pairs.push_back(pair);
  }
  GYRE_CHECK(!out.pairs.empty(), ErrorCode::kConfig, "{}: there is no [[pair]]; record the orderings anew",
             shown);
  return out;
}

std::string orderings_of_sweep(const std::string& sweep, const fs::path& experiments_dir) {
  const fs::path name = sweep + ".toml";
  const fs::path path = experiments_dir / "sweeps" / name;
  if (name.filename() != name || !fs::is_regular_file(path)) return "";
  const auto file = read_sweep_file(path, ConfFiles(experiments_dir));
  return file.name == sweep ? file.orderings : "";
}

}  // namespace gyre::config
