#include "config/references.h"

#include <fmt/format.h>

#include <algorithm>
#include <cmath>
#include <map>

#include "config/conf_files.h"
#include "config/file_tables.h"

namespace gyre::config {
namespace fs = std::filesystem;
namespace {

class Registry {
 public:
  explicit Registry(const ConfFiles& files) : presets_(files.presets()) {}

  void add_models(const Table& file) {
    refuse_other_keys(file, {"model"});
    for (const Value& table : tables_of(file, "model")) {
      auto model = read_struct<ReferenceModel>(table);
      check_at(!model.name.empty() && !to_text(model.shape).empty(), table.origin,
               "a model needs a name and a shape");
      check_at(find_model(model.name) == nullptr, table.origin, "model '{}' is there already", model.name);
      check_preset(model.full_precision, table.origin);
      out_.models.push_back(std::move(model));
    }
  }

  void add_rows(const Table& file) {
    refuse_other_keys(file, {"source", "reference"});
    const Value* source = file.find("source");
    check_at(!source || source->text(), source ? source->origin : Origin{}, "source is no text");
    for (const Value& table : tables_of(file, "reference")) {
      auto row = read_struct<Reference>(table);
      if (row.source.empty() && source) row.source = *source->text();
      check_row(row, table.origin);
      out_.rows.push_back(std::move(row));
    }
  }

  References take() && { return std::move(out_); }

 private:
  const ReferenceModel* find_model(const std::string& name) const {
    for (const auto& model : out_.models)
      if (model.name == name) return &model;
    return nullptr;
  }

  void check_preset(const std::string& name, const Origin& origin) const {
    check_at(std::find(presets_.begin(), presets_.end(), name) != presets_.end(), origin,
             "there is no preset '{}'{}", name, suggestion(name, presets_));
  }

  void check_row(const Reference& row, const Origin& origin) {
    for (const auto& [name, text] :
         {std::pair("id", &row.id), std::pair("source", &row.source), std::pair("location", &row.location),
          std::pair("certainty", &row.certainty), std::pair("model", &row.model),
          std::pair("metric", &row.metric)})
      check_at(!text->empty(), origin, "reference '{}' has no {}", row.id, name);
    const auto [first, fresh] = ids_.emplace(row.id, origin);
    check_at(fresh, origin, "id '{}' is taken, at {}", row.id, first->second.text());
    check_at(find_model(row.model) != nullptr, origin, "reference '{}': models.toml has no model '{}'",
             row.id, row.model);
    check_at(row.preset.empty() != row.needs.empty(), origin,
             "reference '{}' must have either a preset or, where gyre cannot run it, needs", row.id);
    if (!row.preset.empty()) check_preset(row.preset, origin);
    check_at((row.value > 0) == row.printed.empty(), origin,
             "reference '{}' must have either a value or the word that is printed in its place", row.id);
    check_at((row.printed == "Inf") == (row.above > 0), origin,
             "reference '{}': above belongs to printed = \"Inf\": from where on the source prints it",
             row.id);
    const double last = row.value * std::pow(10.0, static_cast<double>(row.digits));
    check_at(std::abs(last - std::round(last)) < 1e-6 * std::max(1.0, last), origin,
             "reference '{}': {} is not printed with {} digits after the point", row.id, row.value,
             row.digits);
  }

  std::vector<std::string> presets_;
  std::map<std::string, Origin> ids_;
  References out_;
};

}  // namespace

References load_references(const fs::path& experiments_dir) {
  const ConfFiles files(experiments_dir);
  const fs::path folder = experiments_dir / "references", models = folder / "models.toml";
  std::vector<fs::path> rows;
  std::error_code missing;
  for (const auto& entry : fs::directory_iterator(folder, missing))
    if (entry.path().extension() == ".toml" && entry.path() != models) rows.push_back(entry.path());
  std::sort(rows.begin(), rows.end());
  Registry registry(files);
  registry.add_models(read_toml(models, files.shown(models)));
  for (const auto& path : rows) registry.add_rows(read_toml(path, files.shown(path)));
  return std::move(registry).take();
}

}  // namespace gyre::config
