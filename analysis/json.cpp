// JSON in and out; the one source file of this layer that reads nlohmann/json.
#include <cmath>
#include <nlohmann/json.hpp>

#include "analysis/pivot.h"
#include "analysis/render.h"

namespace gyre::analysis {
namespace {

using Json = nlohmann::ordered_json;

Json number(double value) {
  return std::isfinite(value) ? Json(value) : Json(nullptr);
}

Json cell_json(const Table& table, const Row& row, std::size_t column) {
  const Cell& cell = row.cells[column];
  Json keys = Json::object();
  for (std::size_t k = 0; k < table.row_keys.size(); ++k) keys[table.row_keys[k]] = row.names[k];
  for (std::size_t k = 0; k < table.column_keys.size(); ++k)
    keys[table.column_keys[k]] = table.columns[column][k];
  Json out = {{"row", row_name(row)}, {"column", column_name(table, column)}, {"keys", keys}};
  out["run"] = cell.runs.empty() ? Json(nullptr) : Json(cell.runs.front());
  out["runs"] = cell.runs;
  out["status"] = cell.status;
  out["metrics"] = Json::array();
  if (cell.status == "ok")
    out["metrics"].push_back({{"name", table.metric},
                              {"value", number(cell.value)},
                              {"stderr", number(cell.std_error)},
                              {"n", cell.n},
                              {"seeds", cell.n_seeds},
                              {"seed_spread", number(cell.seed_spread)},
                              {"replicas", cell.n_replicas},
                              {"arithmetic_spread", number(cell.arithmetic_spread)}});
  if (cell.standing != Standing::kNone) out["standing"] = standing_name(cell.standing);
  if (cell.versus)
    out[direction(table.metric) < 0 ? "difference" : "ratio"] = {{"value", number(cell.versus->value)},
                                                                 {"stderr", number(cell.versus->std_error)},
                                                                 {"low", number(cell.versus->low)},
                                                                 {"high", number(cell.versus->high)},
                                                                 {"p", number(cell.versus->p)},
                                                                 {"p_holm", number(cell.versus->p_holm)},
                                                                 {"significant", cell.versus->significant}};
  out["seconds"] = Json::object();
  for (const auto& [stage, seconds] : cell.seconds) out["seconds"][stage] = seconds;
  return out;
}

}  // namespace

std::string environment_text(const std::string& json, const std::string& key) {
  const auto parsed = nlohmann::json::parse(json, nullptr, /*allow_exceptions=*/false);
  if (!parsed.is_object() || !parsed.contains(key) || !parsed[key].is_string()) return "";
  return parsed[key].get<std::string>();
}

std::string render_json(const Table& table) {
  Json list = Json::array();
  for (const auto& row : table.rows)
    for (std::size_t c = 0; c < row.cells.size(); ++c)
      if (!row.cells[c].status.empty()) list.push_back(cell_json(table, row, c));
  // A name from a file that is not UTF-8 shows replacement characters rather than failing.
  return list.dump(2, ' ', false, Json::error_handler_t::replace) + "\n";
}

}  // namespace gyre::analysis
