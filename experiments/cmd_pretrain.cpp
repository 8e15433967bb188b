// gyre pretrain: a small model from scratch.
#include <fmt/format.h>

#include <CLI/CLI.hpp>

#include "commands.h"
#include "config/pretrain_file.h"
#include "core/error.h"
#include "output.h"
#include "pipeline/pretrain_run.h"

namespace gyre {
namespace {

struct PretrainOptions {
  std::string file, output = "md";
  std::vector<std::string> overrides;
  bool dry_run = false;
};

constexpr const char* kFooter =
    R"(Trains a byte-level BPE tokenizer and a LLaMA-architecture model on the texts that FILE names, and writes a
Hugging Face folder (config.json, model.safetensors, tokenizer.json, README.md) that gyre and transformers load.

  gyre pretrain experiments/pretrain/wiki-tiny.toml --dry-run      sizes, tokens, memory; trains nothing
  gyre pretrain experiments/pretrain/wiki-tiny.toml                the same command continues it after Ctrl-C or a kill
  gyre pretrain FILE.toml out=models/mine train.steps=500 model.num_hidden_layers=6
  gyre run model.path=models/mine eval.window=512                  then it is a model like any other

Tokens and states lie in cache/ beside the database. All settings: docs/CONFIG.md, "Files of `gyre pretrain`".)";

std::string for_people(const store::RunRow& run, const std::string& folder) {
  std::string out = fmt::format("run {}  {}  {}\n", run.digest.substr(0, 12), run.label, run.status);
  for (const auto& m : run.metrics)
    out += m.std_error > 0
               ? fmt::format("  {} = {:.4f} +- {:.4f}  (n = {})\n", m.name, m.value, m.std_error, m.n)
               : fmt::format("  {} = {:.6g} {}\n", m.name, m.value, m.unit);
  if (run.status == "ok") out += fmt::format("written: {}\n", folder);
  return out;
}

// As one would type it.
std::string shell_word(const std::string& word) {
  return word.find_first_of(" ;$*\"'") == std::string::npos ? word : "'" + word + "'";
}

int execute(const GlobalOptions& global, const PretrainOptions& options) {
  const auto settings = config::load_pretrain(options.file, options.overrides);
  const PretrainSpec& spec = settings.spec;
  const auto database = database_path(global, spec.run.db);
  try {
    if (options.dry_run) {
      emit(pretrain_plan(spec, database), "");
      return 0;
    }
    std::string command = "gyre pretrain " + options.file;
    for (const auto& word : options.overrides) command += " " + shell_word(word);
    store::RunStore store(database);
    const auto row = store.run(run_pretrain(spec, store, command));
    emit(options.output == "json" ? run_json(row) : for_people(row, spec.out), "");
    return row.status == "ok" ? 0 : exit_code(ErrorCode::kRun);
  } catch (const Error& error) {
    throw config::with_origin(error, settings.origins);
  }
}

}  // namespace

Verb add_pretrain(CLI::App& program, const GlobalOptions& global) {
  auto options = std::make_shared<PretrainOptions>();
  CLI::App* verb =
      program.add_subcommand("pretrain", "A model from scratch: tokenizer, training, Hugging Face folder");
  verb->add_option("file", options->file, "settings, e.g. experiments/pretrain/wiki-tiny.toml")->required();
  verb->add_option("overrides", options->overrides, "key=value over the file's");
  verb->add_option("-o,--output", options->output, "format on stdout")->check(CLI::IsMember({"md", "json"}));
  verb->add_flag("--dry-run", options->dry_run, "check, and print sizes, tokens and memory; train nothing");
  verb->footer(kFooter);
  return [options, &global] { return execute(global, *options); };
}

}  // namespace gyre
