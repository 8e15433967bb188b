// gyre: one program, verb first. Dashes steer the tool, key=value steers the experiment.
#include <malloc.h>

#include <CLI/CLI.hpp>
#include <algorithm>
#include <cstdio>
#include <cstdlib>
#include <new>

#include "commands.h"
#include "core/error.h"
#include "core/interrupt.h"
#include "core/progress.h"
#include "core/text.h"
#include "pipeline/environment.h"

namespace gyre {

std::string database_path(const GlobalOptions& global, const std::string& configured) {
  if (!global.db.empty()) return global.db;
  if (const char* db = std::getenv("GYRE_DB"); db && *db) return db;
  return configured;
}

namespace {

constexpr VerbRow kVerbs[] = {
    {"run", add_run},     {"sweep", add_sweep},   {"pretrain", add_pretrain}, {"list", add_list},
    {"show", add_show},   {"doctor", add_doctor}, {"bench", add_bench},
#ifdef GYRE_HAS_ANALYSIS
    {"table", add_table}, {"report", add_report}, {"compare", add_compare},
#endif
};

constexpr const char* kFooter = R"(Examples:
  gyre run                                          the default run: a tiny embedded model, seconds
  gyre run model=smollm2-135m quant=w4a4kv4 rotation=hadamard -o json
  gyre run model.path=/models/my-llama quant.weight.n_bits=3 quant.weight.group_size=64
  gyre run --cfg quant=w4a16                        every setting and where it comes from
  gyre sweep experiments/sweeps/quickstart.toml     a grid; the same command continues it
  gyre table quickstart --baseline none -o latex
  gyre report --sweep quickstart --out report.html  the same and more as one page, with figures
  gyre compare quarot_w4a4kv4_gptq                  a paper's preset against its published values
  gyre pretrain experiments/pretrain/wiki-tiny.toml a small model from scratch

Exit status: 0 ok, 1 a run failed, 2 usage or configuration, 3 not reproduced, 4 input missing, 5 database,
6 out of memory or disk, 130 interrupted (state saved).)";

// glibc gives memory back whenever 64 MB lie free and takes it again a layer later, page by page: 5 % of a
// training step. Blocks above 32 MB are still given back at once.
void keep_freed_memory() {
#ifdef __GLIBC__
  mallopt(M_MMAP_THRESHOLD, 32 << 20);
  mallopt(M_TRIM_THRESHOLD, 2'000'000'000);
#endif
}

void check_verb(const char* word) {
  std::vector<std::string> names;
  for (const auto& row : kVerbs) names.emplace_back(row.name);
  GYRE_CHECK(*word == '-' || std::ranges::find(names, word) != names.end(), ErrorCode::kUsage,
             "unknown verb '{}'{}; `gyre --help` explains them", word, suggestion(word, names));
}

int run_program(int argc, char** argv) {
  keep_freed_memory();
  if (argc > 1) check_verb(argv[1]);
  CLI::App program{"gyre: a reproducible laboratory for rotation-based LLM quantization", "gyre"};
  program.require_subcommand(1);
  program.footer(kFooter);
  program.set_version_flag("--version", gyre_version());
  GlobalOptions global;
  std::vector<std::pair<std::string, Verb>> verbs;
  for (const auto& row : kVerbs) {
    verbs.emplace_back(row.name, row.add(program, global));
    CLI::App* verb = program.get_subcommand(row.name);
    verb->add_option("--db", global.db,
                     "database file (default: $GYRE_DB, else run.db, else results/gyre.sqlite)")
        ->type_name("FILE");
    verb->add_flag("-q,--quiet", global.quiet, "no progress, no messages but warnings");
    verb->add_flag("-v,--verbose", global.verbose, "more messages");
  }
  try {
    program.parse(argc, argv);
  } catch (const CLI::ParseError& error) {
    return program.exit(error) == 0 ? 0 : exit_code(ErrorCode::kUsage);
  }
  set_verbosity(global.quiet ? Verbosity::kQuiet : global.verbose ? Verbosity::kVerbose : Verbosity::kNormal);
  install_interrupt_handler();
  for (const auto& [name, verb] : verbs)
    if (program.got_subcommand(name)) return verb();
  return 0;
}

}  // namespace
}  // namespace gyre

// Never throws, whatever stderr is.
static void report_error(const char* message) {
  std::fprintf(stderr, "gyre: %s\n", message);
}

int main(int argc, char** argv) {
  try {
    return gyre::run_program(argc, argv);
  } catch (const gyre::Error& error) {
    report_error(error.what());
    return gyre::exit_code(error.code());
  } catch (const std::bad_alloc&) {
    report_error("out of memory");
    return gyre::exit_code(gyre::ErrorCode::kResource);
  } catch (const std::exception& error) {
    report_error(error.what());
    return 1;
  }
}
