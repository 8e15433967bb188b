// gyre doctor: what this machine and this checkout can do.
#include <fmt/format.h>
#include <unistd.h>

#include <CLI/CLI.hpp>
#include <filesystem>
#include <nlohmann/json.hpp>

#include "commands.h"
#include "core/error.h"
#include "core/files.h"
#include "core/text.h"
#include "kernels/api.h"
#include "ops/cuda_library.h"
#include "output.h"
#include "pipeline/device.h"
#include "pipeline/environment.h"
#include "text/corpus.h"

namespace gyre {
namespace fs = std::filesystem;
namespace {

struct Check {
  std::string what, found;
  bool good;
};

Check check_database(const std::string& path) {
  try {
    if (!fs::exists(path)) {
      const auto folder = fs::path(path).has_parent_path() ? fs::path(path).parent_path() : fs::path(".");
      const bool writable = !fs::exists(folder) || ::access(folder.c_str(), W_OK) == 0;
      return {"database", path + (writable ? " (made by the first run)" : " (folder is not writable)"),
              writable};
    }
    const store::RunStore store(path, /*read_only=*/true);
    return {"database", fmt::format("{}, {} sweeps", path, store.sweeps().size()), true};
  } catch (const Error& error) {
    return {"database", error.what(), false};
  }
}

Check check_text(const CorpusEntry& entry) {
  try {
    const auto corpus = load_corpus(std::string(entry.name));
    return {"data " + corpus.name,
            fmt::format("{}, sha256 {}", format_bytes(corpus.text.size()), corpus.digest.substr(0, 12)),
            true};
  } catch (const Error& error) {
    return {"data " + std::string(entry.name), error.what(), false};
  }
}

int execute(const GlobalOptions& global, const std::string& output) {
  const int threads = set_numeric_mode({});
  const auto environment = nlohmann::json::parse(environment_json("cpu", threads));
  std::vector<Check> checks;
  for (const char* key : {"version", "torch", "cpu", "capability", "os"})
    checks.push_back({key, environment.at(key), true});
  checks.push_back({"threads", std::to_string(threads), true});
  checks.push_back({"memory", format_bytes(static_cast<std::uint64_t>(machine_memory_bytes())), true});
  std::string variants;
  for (const auto& v : kernels::hadamard_variants()) variants += "hadamard/" + std::string(v.name) + " ";
  for (const auto& v : kernels::fake_quant_variants()) variants += "fake_quant/" + std::string(v.name) + " ";
  checks.push_back({"kernels", variants, true});
  const bool cuda = load_cuda_library();
  checks.push_back(
      {"gpu", cuda ? cuda_library_status() : cuda_library_status() + "; runs use the CPU", true});
  for (const auto& entry : corpora()) checks.push_back(check_text(entry));
  checks.push_back(check_database(database_path(global, ExecutionSpec{}.db)));

  bool good = true;
  auto json = nlohmann::ordered_json::array();
  std::vector<std::vector<std::string>> rows;
  for (const auto& c : checks) {
    good = good && c.good;
    json.push_back({{"check", c.what}, {"found", c.found}, {"ok", c.good}});
    rows.push_back({c.good ? "ok  " : "FAIL", c.what, c.found});
  }
  emit(output == "json" ? json.dump(2) + "\n" : columns(rows), "");
  return good ? 0 : exit_code(ErrorCode::kInput);
}

}  // namespace

Verb add_doctor(CLI::App& program, const GlobalOptions& global) {
  auto output = std::make_shared<std::string>("md");
  CLI::App* verb =
      program.add_subcommand("doctor", "What this machine can do, and whether all files are there");
  verb->add_option("-o,--output", *output, "format on stdout")->check(CLI::IsMember({"md", "json"}));
  return [output, &global] { return execute(global, *output); };
}

}  // namespace gyre
