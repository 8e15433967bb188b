// Title and notes: what a reader needs to know to believe the numbers, from the runs' own settings.
#include <fmt/format.h>

#include <algorithm>
#include <filesystem>
#include <functional>
#include <set>

#include "analysis/facts.h"
#include "analysis/keys.h"
#include "analysis/pivot.h"
#include "core/text.h"

namespace gyre::analysis {
namespace {

using Runs = std::vector<store::RunRow>;

// Distinct texts over the runs, in their order.
std::vector<std::string> distinct(const Runs& runs,
                                  const std::function<std::string(const store::RunRow&)>& text) {
  std::vector<std::string> out;
  for (const auto& run : runs)
    if (auto value = text(run); !value.empty() && std::find(out.begin(), out.end(), value) == out.end())
      out.push_back(std::move(value));
  return out;
}

std::string values_of(const Runs& runs, const std::string& key) {
  return join(distinct(runs, [&](const auto& run) { return setting(run, key); }), ", ");
}

std::string title(const Pivot& pivot) {
  const Table& table = pivot.table;
  std::string what = "No results yet";
  if (table.metric.starts_with("ppl/"))
    what = "Perplexity";
  else if (!table.metric.empty())
    what = table.metric;
  for (const auto& run : pivot.runs)
    if (const auto* metric = find_metric(run, table.metric); metric && !metric->unit.empty()) {
      what += " (" + metric->unit + ")";
      break;
    }
  const auto models = distinct(pivot.runs, model_name);
  const auto texts = distinct(pivot.runs, [](const auto& run) {
    return std::filesystem::path(setting(run, "eval.dataset")).filename().string();
  });
  if (!models.empty()) what += " of " + join(models, ", ");
  if (!texts.empty()) what += " on " + join(texts, ", ");
  return what + ", by " + join(table.row_keys, ", ") + " and " + join(table.column_keys, ", ");
}

std::string metric_note(const Pivot& pivot) {
  std::set<std::int64_t> counts, windows;
  bool seeds = false, replicas = false;
  for (const auto& row : pivot.table.rows)
    for (const auto& cell : row.cells) {
      if (cell.status == "ok") counts.insert(cell.n);
      seeds |= cell.n_seeds > 1;
      replicas |= cell.n_replicas > 1;
    }
  for (const auto& row : pivot.evidence)
    for (const auto& evidence : row) {
      if (!evidence) continue;
      std::set<std::int64_t> seen;
      for (const auto& block : evidence->samples) seen.insert(block.window);
      windows.insert(static_cast<std::int64_t>(seen.size()));
    }
  const bool is_perplexity = pivot.table.metric.starts_with("ppl/");
  std::string note = fmt::format("Metric {}: {} {}", pivot.table.metric, fmt::join(counts, " or "),
                                 is_perplexity ? "targets" : "values");
  if (!windows.empty() && is_perplexity) {
    const bool one = windows == std::set<std::int64_t>{1};
    note +=
        fmt::format(" in {} window{}; ± is the standard error from the text ({})", fmt::join(windows, " or "),
                    one ? "" : "s", one ? "over its blocks" : "windows as clusters");
  }
  if (is_perplexity) note += "; lower is better";
  if (seeds) note += ". [n seeds, sd]: mean over seeds and their standard deviation";
  if (replicas)
    note += ". [n replicas, sd]: the same seed in other arithmetic, standard deviation within a seed";
  return note + ".";
}

std::string model_note(const Pivot& pivot) {
  const auto notes =
      distinct(pivot.runs, [](const auto& run) { return environment_text(run.environment, "model_note"); });
  std::string note = "Model: " + join(distinct(pivot.runs, model_name), ", ");
  if (!notes.empty()) note += " (" + join(notes, "; ") + ")";
  const bool is_gguf = std::any_of(pivot.runs.begin(), pivot.runs.end(), [](const auto& run) {
    return setting(run, "model.path").ends_with(".gguf");
  });
  note += ", evaluated in " + values_of(pivot.runs, "model.dtype");
  return note + (is_gguf ? "; full precision means the file's weights, dequantized." : ".");
}

// "rtn, groups of 64, symmetric, clip lp" for one run.
std::string site_text(const store::RunRow& run, const std::string& site) {
  const auto get = [&](const char* name) { return setting(run, "quant." + site + "." + name); };
  if (get("scheme").empty() || get("scheme") == "none") return "";
  const std::string group = get("group_size");
  const std::string whole = site == "weight"       ? "per channel"
                            : site == "activation" ? "per token"
                                                   : "per token and head";
  std::string text = get("scheme") + ", " + (group == "-1" ? whole : "groups of " + group) + ", " +
                     grid_text(run, site) + ", clip " + get("clip");
  if (site == "weight" && get("solver") != "nearest") text += ", " + get("solver");
  if (site == "key" && get("before_rope") == "true") text += ", before RoPE";
  return text;
}

std::string quantizer_note(const Pivot& pivot) {
  const auto of_site = [&](const std::string& site) {
    return join(distinct(pivot.runs, [&](const auto& run) { return site_text(run, site); }), " or ");
  };
  const std::string weight = of_site("weight"), activation = of_site("activation"), key = of_site("key"),
                    value = of_site("value");
  std::vector<std::string> parts;
  if (!weight.empty()) parts.push_back("weights " + weight);
  if (!activation.empty()) parts.push_back("activations " + activation);
  if (!key.empty() && key == value)
    parts.push_back("keys and values " + key);
  else {
    if (!key.empty()) parts.push_back("keys " + key);
    if (!value.empty()) parts.push_back("values " + value);
  }
  return parts.empty() ? "" : "Quantizers: " + join(parts, "; ") + ".";
}

// Where the sites beside R1 are set, for tables whose rows are named after R1.
std::string rotation_note(const Pivot& pivot) {
  const auto of_site = [&](const std::string& site) {
    return join(distinct(pivot.runs,
                         [&](const auto& run) {
                           const auto scheme = setting(run, "rotation." + site + ".scheme");
                           if (scheme == "none") return std::string();
                           return setting(run, "rotation." + site + ".random_signs") == "true"
                                      ? scheme + " (signs)"
                                      : scheme;
                         }),
                " or ");
  };
  const std::string r2 = of_site("r2"), r3 = of_site("r3"), r4 = of_site("r4");
  std::vector<std::string> parts = {"a row names R1"};
  if (!r2.empty()) {
    const auto without = distinct(pivot.runs, [](const auto& run) {
      return setting(run, "rotation.r2.scheme") == "none" && !is_full_precision(run)
                 ? name_under(run, "rotation")
                 : "";
    });
    parts.push_back("R2 is " + r2 + (without.empty() ? "" : " (off in " + join(without, ", ") + ")"));
  }
  const std::string where = " where the column says so";
  if (!r3.empty() && r3 == r4)
    parts.push_back("R3 and R4 are " + r3 + where);
  else {
    if (!r3.empty()) parts.push_back("R3 is " + r3 + where);
    if (!r4.empty()) parts.push_back("R4 is " + r4 + where);
  }
  if (const auto blocks = values_of(pivot.runs, "rotation.r1.block_size"); !blocks.empty())
    parts.push_back("blocks of block-diagonal schemes: " + blocks);
  return "Rotations: " + join(parts, "; ") + ".";
}

std::vector<std::string> failures(const Pivot& pivot) {
  constexpr std::size_t kShown = 5;
  std::vector<std::string> notes;
  std::size_t count = 0;
  for (const auto& run : pivot.runs)
    if (run.status == "failed" && ++count <= kShown)
      notes.push_back("Failed: " + run.label + ": " + split(run.error, '\n').front());
  if (count > kShown) notes.push_back(fmt::format("{} more points failed.", count - kShown));
  return notes;
}

}  // namespace

void describe(Pivot& pivot, const TableOptions& options) {
  Table& table = pivot.table;
  table.title = title(pivot);
  auto& notes = table.notes;
  if (!table.metric.empty()) notes.push_back(metric_note(pivot));
  notes.push_back(model_note(pivot));
  if (auto note = quantizer_note(pivot); !note.empty()) notes.push_back(std::move(note));
  const bool by_rotation =
      std::find(options.rows.begin(), options.rows.end(), "rotation") != options.rows.end();
  if (by_rotation) notes.push_back(rotation_note(pivot));
  for (auto& note : uncertainty_notes(pivot, options)) notes.push_back(std::move(note));
  for (auto& note : failures(pivot)) notes.push_back(std::move(note));
  const auto finished = std::count_if(pivot.runs.begin(), pivot.runs.end(), [](const auto& run) {
    return run.status == "ok" || run.status == "diverged";
  });
  const auto versions = distinct(pivot.runs, [](const auto& run) { return run.version; });
  std::string source = options.sweep.empty() ? "All runs of the database" : "Sweep " + options.sweep;
  for (std::size_t i = 0; i < options.where.size(); ++i)
    source += (i == 0 ? ", only " : ", ") + options.where[i].first + " = " + options.where[i].second;
  source += fmt::format(": {} of {} points finished", finished, pivot.runs.size());
  if (!versions.empty()) source += "; gyre " + join(versions, ", ");
  notes.push_back(source + ".");
}

}  // namespace gyre::analysis
