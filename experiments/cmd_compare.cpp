// gyre compare: a preset's runs against the values that were published for it.
#include <fmt/format.h>

#include <CLI/CLI.hpp>
#include <cmath>
#include <filesystem>
#include <nlohmann/json.hpp>

#include "analysis/escape.h"
#include "analysis/published.h"
#include "commands.h"
#include "config/compose.h"
#include "config/references.h"
#include "core/error.h"
#include "core/files.h"
#include "core/progress.h"
#include "core/text.h"
#include "output.h"
#include "text/corpus.h"

namespace gyre {
namespace {

constexpr const char* kFooter =
    R"(A run belongs to the preset when its rotations, quantizers and smoothing are the preset's. Runs that differ in seed
and replica alone are judged together. MATCH: within the rounding of the published value and our own uncertainty; CLOSE:
within twice that or 2 %; MISS. What differs in model, protocol, text, window or calibration is NOT COMPARABLE, and the
reasons are printed. A published value of a model is compared only when a full-precision run in the same database shows
that it is that model.

Examples:
  gyre run experiment=quarot_fp16 model.path=/models/Llama-2-7b-hf
  gyre run experiment=quarot_w4a4kv4_rtn model.path=/models/Llama-2-7b-hf
  gyre compare quarot_w4a4kv4_rtn

Exit status: 0 also when nothing was comparable, 3 when a value is missed, 4 when the database has no finished run of the preset.)";

struct Options {
  std::string preset, output = "md", file;
  bool record = false;
};

using analysis::Judgement;

// Values beyond what a comparison reads.
RunConfig settings_of(const std::string& preset) {
  return config::compose(experiments_dir(),
                         {"experiment=" + preset, "model.path=any", "calibration.path=any"})
      .config;
}

std::string measured(const Judgement& j) {
  if (j.runs.empty()) return "-";
  if (std::isnan(j.value)) return "n/a";
  return fmt::format("{:.{}f} ± {:.{}f}", j.value, j.reference.digits, j.tolerance, j.reference.digits);
}

// What stands beside a verdict: reasons, then what the registry says of the row.
std::string remarks(const Judgement& j) {
  std::string out = j.reason;
  if (!j.reference.note.empty()) out += (out.empty() ? "" : ". Row: ") + j.reference.note;
  return out;
}

std::string markdown(const std::vector<Judgement>& judgements) {
  std::vector<std::vector<std::string>> lines = {
      {"source", "model", "published", "ours", "runs", "verdict", "remarks"}};
  for (const auto& j : judgements) {
    const auto& r = j.reference;
    std::vector<std::string> line = {fmt::format("{} ({}, {})", r.id, r.location, r.certainty),
                                     r.model,
                                     published(r),
                                     measured(j),
                                     join(j.runs, " "),
                                     verdict_name(j.verdict),
                                     remarks(j)};
    for (auto& cell : line) cell = analysis::escaped_markdown(cell);
    lines.push_back(std::move(line));
  }
  return analysis::pipe_table(lines, lines[0].size());
}

std::string csv(const std::vector<Judgement>& judgements) {
  const auto number = [](double value) { return std::isfinite(value) ? format_number(value) : ""; };
  std::string out =
      analysis::csv_record({"reference", "source", "location", "certainty", "model", "metric", "published",
                            "measured_metric", "value", "tolerance", "runs", "verdict", "reason", "note"});
  for (const auto& j : judgements) {
    const auto& r = j.reference;
    out += analysis::csv_record({r.id, r.source, r.location, r.certainty, r.model, r.metric, published(r),
                                 j.metric, number(j.value), number(j.tolerance), join(j.runs, " "),
                                 verdict_name(j.verdict), j.reason, r.note});
  }
  return out;
}

std::string json(const std::vector<Judgement>& judgements) {
  const auto number = [](double value) {
    return std::isfinite(value) ? nlohmann::ordered_json(value) : nlohmann::ordered_json(nullptr);
  };
  auto list = nlohmann::ordered_json::array();
  for (const auto& j : judgements) {
    const auto& r = j.reference;
    nlohmann::ordered_json item = {{"reference", r.id},        {"source", r.source}, {"location", r.location},
                                   {"certainty", r.certainty}, {"model", r.model},   {"metric", r.metric}};
    item["published"] =
        r.printed.empty() ? nlohmann::ordered_json(r.value) : nlohmann::ordered_json(r.printed);
    item["digits"] = r.digits;
    item["measured_metric"] = j.metric;
    item["value"] = number(j.value);
    item["tolerance"] = number(j.tolerance);
    item["runs"] = j.runs;
    item["verdict"] = verdict_name(j.verdict);
    item["reason"] = j.reason;
    item["note"] = r.note;
    list.push_back(std::move(item));
  }
  return list.dump(2) + "\n";
}

int execute(const GlobalOptions& global, const Options& options) {
  analysis::JudgeInput input;
  input.preset = options.preset;
  input.published = config::load_references(experiments_dir());
  input.settings[options.preset] = settings_of(options.preset);
  for (const auto& model : input.published.models)
    input.settings[model.full_precision] = settings_of(model.full_precision);
  for (const auto& entry : corpora()) input.named_texts.emplace_back(entry.name);

  const std::string db = database_path(global, ExecutionSpec{}.db);
  if (options.record) {
    GYRE_CHECK(std::filesystem::exists(db), ErrorCode::kStore, "{}: no such database", db);
    store::RunStore(db).put_references(input.published.rows);
  }
  const auto judgements = analysis::judge(store::RunStore(db, /*read_only=*/true), input);
  if (judgements.empty()) {
    log_info(
        fmt::format("{} reproduces no published row: experiments/references names none", options.preset));
    return 0;
  }
  emit(options.output == "json"  ? json(judgements)
       : options.output == "csv" ? csv(judgements)
                                 : markdown(judgements),
       options.file);
  bool missed = false, found = false;
  for (const auto& j : judgements) {
    missed = missed || j.verdict == analysis::Verdict::kMiss;
    found = found || !j.runs.empty();
  }
  return missed ? exit_code(ErrorCode::kReproduce) : found ? 0 : exit_code(ErrorCode::kInput);
}

}  // namespace

Verb add_compare(CLI::App& program, const GlobalOptions& global) {
  auto options = std::make_shared<Options>();
  CLI::App* verb = program.add_subcommand("compare", "A preset's runs against the published values");
  verb->footer(kFooter);
  verb->add_option("preset", options->preset, "a preset: `gyre list presets`")->required();
  verb->add_option("-o,--output", options->output, "format: md, csv, json")
      ->check(CLI::IsMember({"md", "csv", "json"}));
  verb->add_option("--out", options->file, "write to a file instead of stdout")->type_name("FILE");
  verb->add_flag("--record", options->record,
                 "also write the published values that are numbers into the database (table reference)");
  return [options, &global] { return execute(global, *options); };
}

}  // namespace gyre
