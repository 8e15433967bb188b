// What the online rotations and quantizers cost a whole evaluation.
#include <fmt/format.h>
#include <unistd.h>

#include <filesystem>

#include "bench_kernels.h"
#include "config/compose.h"
#include "core/error.h"
#include "core/files.h"
#include "pipeline/runner.h"

namespace gyre::bench {
namespace {

namespace fs = std::filesystem;

struct Folder {
  Folder() : path(fs::temp_directory_path() / fmt::format("gyre-bench-{}", ::getpid())) {
    fs::create_directories(path);
  }
  ~Folder() {
    std::error_code ignored;
    fs::remove_all(path, ignored);
  }
  Folder(const Folder&) = delete;
  Folder& operator=(const Folder&) = delete;
  fs::path path;
};

double evaluate_seconds(const std::vector<std::string>& settings, const fs::path& database) {
  const auto composed = config::compose(experiments_dir(), settings);
  Inputs inputs;
  const FrozenRun run = freeze(composed, inputs);
  store::RunStore store(database);
  run_points({run}, inputs, store, {.sweep = "", .fail_fast = true});
  for (const auto& stage : store.run(run.point.digest).stages)
    if (stage.name == "evaluate") return stage.seconds;
  fail(ErrorCode::kRun, "the run {} has no stage 'evaluate'", run.point.digest);
}

}  // namespace

std::vector<EvalPair> bench_eval(int rounds, std::int64_t windows) {
  const Folder folder;
  const std::vector<std::string> model{"model=smollm2-135m", fmt::format("eval.max_windows={}", windows)};
  auto full = model, quantized = model;
  for (const char* word : {"rotation=none", "online=none", "quant=none"}) full.emplace_back(word);
  for (const char* word : {"rotation=hadamard", "online=r3r4", "quant=w4a4kv4"}) quantized.emplace_back(word);
  std::vector<EvalPair> pairs;
  for (int round = 0; round < rounds; ++round)
    pairs.push_back({evaluate_seconds(full, folder.path / fmt::format("full{}.sqlite", round)),
                     evaluate_seconds(quantized, folder.path / fmt::format("quantized{}.sqlite", round))});
  return pairs;
}

}  // namespace gyre::bench
