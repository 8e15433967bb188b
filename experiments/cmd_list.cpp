// gyre list: what there is to choose from, and what has been run.
#include <fmt/format.h>

#include <CLI/CLI.hpp>
#include <algorithm>
#include <filesystem>

#include "commands.h"
#include "config/compose.h"
#include "config/references.h"
#include "core/error.h"
#include "core/files.h"
#include "output.h"
#include "pipeline/stage.h"
#include "quant/quantizer.h"
#include "quant/solver.h"
#include "rotation/rotation.h"
#include "text/corpus.h"
#include "train/losses.h"
#include "train/rotation_objectives.h"

namespace gyre {
namespace fs = std::filesystem;
namespace {

using Rows = std::vector<std::vector<std::string>>;

Rows list_rotations(const std::string&) {
  Rows rows = {{"scheme", "settings", "what it is"},
               {"none", "", "no rotation; norms stay unfolded when R1 is none"}};
  for (const auto& s : rotation_schemes()) {
    std::string settings = s.uses_block_size ? "block_size " : "";
    if (s.uses_random_signs) settings += "random_signs ";
    if (s.uses_seed) settings += "seed";
    rows.push_back({std::string(s.name), settings, std::string(s.summary)});
  }
  return rows;
}

Rows list_quantizers(const std::string&) {
  Rows rows = {{"scheme", "what it is"}};
  for (const auto& s : quant_schemes()) rows.push_back({std::string(s.name), std::string(s.summary)});
  return rows;
}

Rows list_solvers(const std::string&) {
  Rows rows = {{"solver", "what it is"}};
  for (const auto& s : solvers()) rows.push_back({std::string(s.name), std::string(s.summary)});
  return rows;
}

Rows list_objectives(const std::string&) {
  Rows rows = {{"objective", "what it is"}};
  for (const auto& o : rotation_objectives()) rows.push_back({std::string(o.name), std::string(o.summary)});
  return rows;
}

Rows list_losses(const std::string&) {
  Rows rows = {{"loss", "what it is"}};
  for (const auto& l : losses()) rows.push_back({std::string(l.name), std::string(l.summary)});
  return rows;
}

Rows list_data(const std::string&) {
  Rows rows = {{"name", "file", "what it is"}};
  for (const auto& c : corpora())
    rows.push_back({std::string(c.name), asset_path(c.file).string(), std::string(c.summary)});
  return rows;
}

Rows list_stages(const std::string&) {
  Rows rows = {{"stage", "reads (with solver gptq)"}};
  RunConfig gptq;
  gptq.quant.weight.scheme = "rtn";
  gptq.quant.weight.solver = "gptq";
  for (const auto& s : stages()) {
    std::string reads;
    for (const auto r : s.reads) reads += std::string(r) + " ";
    if (s.reads_too) {
      reads += "(";
      for (const auto r : s.reads_too(gptq)) reads += std::string(r) + " ";
      reads.back() = ')';
    }
    rows.push_back({std::string(s.name), reads});
  }
  return rows;
}

Rows list_groups(const std::string&) {
  Rows rows = {{"group", "choices (group=choice)"}};
  for (const auto& entry : fs::directory_iterator(experiments_dir() / "conf")) {
    if (!entry.is_directory()) continue;
    std::vector<std::string> names;
    for (const auto& file : fs::directory_iterator(entry.path()))
      if (file.path().extension() == ".toml") names.push_back(file.path().stem().string());
    std::sort(names.begin(), names.end());
    rows.push_back({entry.path().filename().string(), fmt::format("{}", fmt::join(names, " "))});
  }
  std::sort(rows.begin() + 1, rows.end());
  return rows;
}

Rows list_presets(const std::string&) {
  Rows rows = {{"experiment", "published values that it reproduces"}};
  const auto published_rows = config::load_references(experiments_dir()).rows;
  for (const auto& name : config::presets(experiments_dir())) {
    std::string values;
    for (const auto& row : published_rows)
      if (row.preset == name)
        values += fmt::format("{}{} {}", values.empty() ? "" : ", ", row.model, published(row));
    rows.push_back({name, values.empty() ? "none" : values});
  }
  return rows;
}

Rows list_references(const std::string&) {
  Rows rows = {{"reference", "model", "metric", "value", "certainty", "experiment"}};
  for (const auto& row : config::load_references(experiments_dir()).rows)
    rows.push_back({row.id, row.model, row.metric, published(row), row.certainty,
                    row.preset.empty() ? "none yet: needs " + row.needs : row.preset});
  return rows;
}

Rows list_sweeps(const std::string& db) {
  Rows rows = {{"sweep file", ""}};
  std::vector<fs::path> files;
  for (const auto& file : fs::directory_iterator(experiments_dir() / "sweeps"))
    if (file.path().extension() == ".toml") files.push_back(file.path());
  std::sort(files.begin(), files.end());
  for (const auto& file : files) rows.push_back({file.string(), ""});
  if (fs::exists(db)) {
    const store::RunStore store(db, /*read_only=*/true);
    for (const auto& name : store.sweeps()) {
      const auto runs = store.runs(name);
      const auto ok = std::count_if(runs.begin(), runs.end(), [](const auto& r) { return r.status == "ok"; });
      rows.push_back({"in " + db + ": " + name, fmt::format("{} of {} points ok", ok, runs.size())});
    }
  }
  return rows;
}

Rows list_runs(const std::string& db) {
  Rows rows = {{"run", "sweep", "point", "status", "metric", "value", "ended"}};
  const store::RunStore store(db, /*read_only=*/true);
  for (const auto& run : store.runs("")) {
    const bool has = !run.metrics.empty();
    rows.push_back({run.digest.substr(0, 12), run.sweep.empty() ? "-" : run.sweep, run.label, run.status,
                    has ? run.metrics[0].name : "-", has ? fmt::format("{:.4f}", run.metrics[0].value) : "-",
                    run.ended_utc});
  }
  return rows;
}

struct ListRow {
  const char* name;
  const char* summary;
  Rows (*make)(const std::string& db);
};
constexpr ListRow kLists[] = {
    {"rotations", "rotation schemes", list_rotations},
    {"quantizers", "quantizer schemes", list_quantizers},
    {"solvers", "solvers of weights (quant.weight.solver)", list_solvers},
    {"objectives", "what rotations are learned for (learn.objective)", list_objectives},
    {"losses", "what models are trained for (train.loss)", list_losses},
    {"data", "named texts", list_data},
    {"groups", "configuration groups and their choices", list_groups},
    {"presets", "papers' settings, for experiment=NAME", list_presets},
    {"references", "published values", list_references},
    {"sweeps", "sweep files and sweeps in the database", list_sweeps},
    {"runs", "runs in the database", list_runs},
    {"stages", "the stages of a run", list_stages},
};

}  // namespace

Verb add_list(CLI::App& program, const GlobalOptions& global) {
  auto what = std::make_shared<std::string>();
  std::vector<std::string> names;
  for (const auto& row : kLists) names.emplace_back(row.name);
  CLI::App* verb = program.add_subcommand("list", fmt::format("What there is: {}", fmt::join(names, ", ")));
  verb->add_option("what", *what, "one of the lists; without it, all but runs")->check(CLI::IsMember(names));
  return [what, &global] {
    const auto db = database_path(global, ExecutionSpec{}.db);
    for (const auto& row : kLists) {
      if (what->empty() ? std::string_view(row.name) == "runs" : *what != row.name) continue;
      if (what->empty()) emit(fmt::format("{} ({})\n", row.name, row.summary), "");
      emit(columns(row.make(db)) + (what->empty() ? "\n" : ""), "");
    }
    return 0;
  };
}

}  // namespace gyre
