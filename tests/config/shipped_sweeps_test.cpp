// Every sweep in experiments/sweeps loads, and those that a document rests on are the grids that it
// describes. No model is needed.
#include <gmock/gmock.h>
#include <gtest/gtest.h>

#include <map>
#include <set>

#include "config/compose.h"
#include "config/orderings.h"
#include "core/error.h"

namespace gyre::config {
namespace {
namespace fs = std::filesystem;

const fs::path kExperiments = fs::path(GYRE_SOURCE_DIR) / "experiments";

std::vector<fs::path> toml_files(const fs::path& folder) {
  std::vector<fs::path> files;
  for (const auto& entry : fs::directory_iterator(folder))
    if (entry.path().extension() == ".toml") files.push_back(entry.path());
  return files;
}

TEST(ShippedSweeps, Load) {
  const auto files = toml_files(kExperiments / "sweeps");
  EXPECT_GE(files.size(), 4u);
  for (const auto& file : files) {
    try {
      EXPECT_EQ(load_sweep(file, kExperiments, {}).name, file.stem().string());
      if (const auto name = orderings_of_sweep(file.stem().string(), kExperiments); !name.empty())
        load_orderings(name, kExperiments);
    } catch (const Error& error) {
      ADD_FAILURE() << error.what();
    }
  }
}

// Replicas of a point count once.
std::multiset<std::string> rows_and_columns(const std::string& sweep) {
  std::multiset<std::string> out;
  for (const auto& point : load_sweep(kExperiments / "sweeps" / (sweep + ".toml"), kExperiments, {}).points) {
    const auto& config = point.composed.config;
    if (config.replica > 0) continue;
    out.insert(config.rotation.r1.scheme + " " + bits_label(config));
  }
  return out;
}

std::multiset<std::string> product(const std::vector<std::string>& rotations,
                                   const std::vector<std::string>& bits) {
  std::multiset<std::string> out = {"none FP"};
  for (const auto& rotation : rotations)
    for (const auto& label : bits) out.insert(rotation + " " + label);
  return out;
}

TEST(ShippedSweeps, TheQuickStartIsTheTableOfTheReadme) {
  const auto expected = product({"none", "hadamard", "gsr"}, {"W4A16", "W3A16", "W4A4KV4+R3R4"});
  EXPECT_EQ(rows_and_columns("quickstart"), expected);
  EXPECT_EQ(rows_and_columns("quickstart_tiny"), expected);
  for (const auto& point : load_sweep(kExperiments / "sweeps/quickstart.toml", kExperiments, {}).points) {
    const auto& config = point.composed.config;
    EXPECT_EQ(config.eval.max_windows, 4);
    EXPECT_EQ(config.eval.dataset, "wikitext2");
    EXPECT_EQ(config.quant.weight.group_size.value, config.quant.weight.enabled() ? 64 : -1);
    EXPECT_EQ(config.quant.weight.solver, config.quant.weight.n_bits == 3 ? "gptq" : "nearest");
  }
  const auto tiny = load_sweep(kExperiments / "sweeps/quickstart_tiny.toml", kExperiments, {}).points;
  EXPECT_EQ(tiny.size(), 1 + 3 * (expected.size() - 1));  // full precision, and three replicas a cell
  for (const auto& point : tiny) {
    const auto& config = point.composed.config;
    EXPECT_EQ(config.eval.dataset, "wikitext2");
    EXPECT_EQ(config.eval.window, 512);
    EXPECT_EQ(config.quant.weight.group_size.value, config.quant.weight.enabled() ? 64 : -1);
    EXPECT_EQ(config.quant.weight.solver, config.quant.weight.n_bits == 3 ? "gptq" : "nearest");
  }
}

TEST(ShippedSweeps, TheReferenceTableIsComplete) {
  EXPECT_EQ(rows_and_columns("smollm2_ptq"),
            product({"none", "identity", "random", "hadamard", "sequency", "local_hadamard", "gsr"},
                    {"W4A16", "W3A16", "W2A16", "W4A8KV8", "W4A4KV4", "W4A4KV4+R3R4"}));
  for (const auto& point : load_sweep(kExperiments / "sweeps/smollm2_ptq.toml", kExperiments, {}).points)
    EXPECT_EQ(point.composed.config.eval.max_windows, 8);
}

TEST(ShippedSweeps, TheAblationOfRcpTrainsAllAlike) {
  std::map<std::string, int> cells;
  std::set<std::string> trainings;
  for (const auto& point : load_sweep(kExperiments / "sweeps/rcp_ablation.toml", kExperiments, {}).points) {
    const auto& config = point.composed.config;
    EXPECT_EQ(config.eval.dataset, "wikitext2");
    if (!config.quant.weight.enabled()) continue;
    EXPECT_TRUE(bits_label(config).starts_with("W2A4KV4")) << bits_label(config);
    ++cells[config.rotation.r1.scheme + " " + config.quant.weight.scheme + " " + config.train.scheme];
    if (!config.train.enabled()) continue;
    EXPECT_EQ(config.train.path, "wikitext2-valid");
    std::string text;
    for (const auto& [key, value] : params(config))
      if (key.starts_with("train.")) text += value + " ";
    trainings.insert(text);
  }
  EXPECT_EQ(trainings.size(), 1u);
  EXPECT_EQ(cells.size(), 18u);
  for (const auto& [cell, seeds] : cells) EXPECT_EQ(seeds, 2) << cell;
}

TEST(ShippedSweeps, TwoBitsSeparateRotationGridSolverAndClip) {
  std::map<std::string, int> rotations, clips;
  int points = 0;
  for (const auto& point : load_sweep(kExperiments / "sweeps/gsr_w2.toml", kExperiments, {}).points) {
    const auto& config = point.composed.config;
    if (!config.quant.weight.enabled()) continue;
    ++points;
    const auto& r1 = config.rotation.r1;
    const auto name = r1.scheme + (r1.random_signs ? " " + std::to_string(config.seed) : "");
    ++rotations[name];
    ++clips[to_text(config.quant.weight.clip)];
    if (to_text(config.quant.weight.clip) != "lp") {
      EXPECT_TRUE(name == "none" || name == "gsr") << name;
    }
    EXPECT_EQ(config.calibration.samples * config.calibration.window, 16 * 2048);
    EXPECT_EQ(config.replica, 0);
  }
  // Four grids, two solvers, 2 and 3 bits, groups of 64 and whole channels; three clips for none and gsr.
  const int cells = 4 * 2 * 2 * 2;
  const std::map<std::string, int> expected = {
      {"none", 3 * cells},   {"identity", cells}, {"hadamard 0", cells},     {"hadamard 1", cells},
      {"hadamard 2", cells}, {"sequency", cells}, {"local_hadamard", cells}, {"gsr", 3 * cells}};
  EXPECT_EQ(rotations, expected);
  EXPECT_EQ(clips,
            (std::map<std::string, int>{{"lp", 8 * cells}, {"minmax", 2 * cells}, {"mse", 2 * cells}}));
  EXPECT_EQ(points, 12 * cells);
}
// All settings of a point but those left out, as one text.
std::string cell(const RunConfig& config, const std::set<std::string>& left_out) {
  std::string text;
  for (const auto& [key, value] : params(config))
    if (!left_out.contains(key)) text += key + "=" + value + "\n";
  return text;
}

TEST(ShippedSweeps, TwoBitsAreRepeatedAndMeasuredInTheirOwnCells) {
  // What each companion of gsr_w2 does otherwise than it; rounding to nearest does not calibrate.
  const std::map<std::string, std::set<std::string>> companions = {
      {"gsr_w2_replicas", {"replica"}},
      {"gsr_w2_collapsed", {"replica", "measure.scheme", "eval.max_windows", "calibration.window"}},
      {"gsr_w2_collapsed_gptq", {"measure.scheme", "eval.max_windows"}}};
  for (const auto& [name, differs] : companions) {
    std::set<std::string> cells;
    for (const auto& point : load_sweep(kExperiments / "sweeps/gsr_w2.toml", kExperiments, {}).points)
      cells.insert(cell(point.composed.config, differs));
    for (const auto& point : load_sweep(kExperiments / "sweeps" / (name + ".toml"), kExperiments, {}).points)
      EXPECT_TRUE(cells.contains(cell(point.composed.config, differs)))
          << name << ": " << testing::PrintToString(point.overrides);
  }
}

}  // namespace
}  // namespace gyre::config
