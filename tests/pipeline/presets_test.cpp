// Presets of papers: each runs when a LLaMA-2-7B folder is given, which a folder with that model's sizes and
// tokenizer stands for, and a small model of the same shape family for the arithmetic.
#include <gmock/gmock.h>
#include <gtest/gtest.h>

#include <cmath>

#include "config/compose.h"
#include "core/error.h"
#include "core/files.h"
#include "core/progress.h"
#include "pipeline/runner.h"
#include "pipeline/stand_in.h"
#include "store/store_testing.h"

namespace gyre {
namespace {
namespace fs = std::filesystem;
using store::testing::TemporaryFolder;
using testing::HasSubstr;

// Sizes and tokenizer of LLaMA-2-7B, and no weights: enough for all that is checked before a run.
fs::path llama2_7b(const TemporaryFolder& folder) {
  const auto model = folder / "Llama-2-7b-hf";
  fs::create_directories(model);
  fs::copy_file(fs::path(GYRE_TEST_DATA) / "tokenizers/llama2/tokenizer.model", model / "tokenizer.model");
  store::testing::write_bytes(
      model / "config.json",
      R"({"architectures": ["LlamaForCausalLM"], "model_type": "llama", "hidden_act": "silu", "hidden_size": 4096,
          "intermediate_size": 11008, "num_hidden_layers": 32, "num_attention_heads": 32, "num_key_value_heads": 32,
          "max_position_embeddings": 4096, "rms_norm_eps": 1e-05, "rope_theta": 10000.0, "tie_word_embeddings": false,
          "vocab_size": 32000, "torch_dtype": "float16"})");
  return model;
}

std::string training_text(const TemporaryFolder& folder, int n_tokens) {
  std::string text;
  for (int i = 0; i <= n_tokens / 10; ++i) text += "Once upon a time there was a little girl . ";
  store::testing::write_bytes(folder / "train.txt", text);
  return (folder / "train.txt").string();
}

FrozenRun frozen(Inputs& inputs, const std::string& preset, std::vector<std::string> words) {
  words.push_back("experiment=" + preset);
  return freeze(config::compose(experiments_dir(), words), inputs);
}

// The model's folder is all that RCP's recipe asks for.
TEST(Presets, RcpNeedsNothingButTheModel) {
  const TemporaryFolder folder;
  Inputs inputs;
  const auto run = frozen(inputs, "rcp", {"model.path=" + llama2_7b(folder).string()});
  EXPECT_EQ(run.point.label, "hadamard (signs), R2 across heads W2A4KV4+R3R4+ldp+qat");
}

TEST(Presets, FreezeForTheModelThatTheyAreFor) {
  const TemporaryFolder folder;
  const auto text = training_text(folder, 128 * 2048);
  const std::vector<std::string> words = {"model.path=" + llama2_7b(folder).string(),
                                          "calibration.path=" + text, "train.path=" + text};
  Inputs inputs;
  for (const auto& name : config::presets(experiments_dir())) {
    try {
      const auto run = frozen(inputs, name, words);
      EXPECT_EQ(run.config.model.shape.num_hidden_layers, 32) << name;
    } catch (const Error& error) {
      ADD_FAILURE() << name << ": " << error.what();
    }
  }
}

TEST(Presets, RefuseAModelOfAnotherShapeUnlessTold) {
  const TemporaryFolder folder;
  const auto model = write_stand_in(folder.path());
  std::vector<std::string> words = {"model.path=" + model.string(), "eval.window=64"};
  Inputs inputs;
  try {
    frozen(inputs, "quarot_w4a4kv4_rtn", words);
    FAIL() << "accepted";
  } catch (const Error& error) {
    EXPECT_EQ(error.code(), ErrorCode::kConfig);
    const std::string message = error.what();
    EXPECT_THAT(message, testing::StartsWith("experiments/presets/quarot_w4a4kv4_rtn.toml:"));
    EXPECT_THAT(message, HasSubstr("hidden_size 4096, intermediate_size 11008"));
    EXPECT_THAT(message, HasSubstr("hidden_size 256, intermediate_size 768"));
    EXPECT_THAT(message, HasSubstr("model.any_shape=true"));
  }
  words.push_back("model.any_shape=true");
  const auto run = frozen(inputs, "quarot_w4a4kv4_rtn", words);
  EXPECT_EQ(run.config.model.shape, (ModelShape{256, 768, 2, 2, 2, 128, 512}));
  // Told or not, the same settings on the same model are the same run.
  words.push_back("model.shape.hidden_size=256");
  EXPECT_EQ(frozen(inputs, "quarot_w4a4kv4_rtn", words).point.digest, run.point.digest);
}

std::vector<FrozenRun> stand_in_runs(Inputs& inputs, const TemporaryFolder& folder,
                                     const std::vector<std::string>& names) {
  const auto model = write_stand_in(folder.path());
  const auto text = training_text(folder, 80000);
  std::vector<FrozenRun> runs;
  for (const auto& name : names)
    runs.push_back(
        frozen(inputs, name,
               {"model.path=" + model.string(), "model.any_shape=true", "model.dtype=float32",
                "calibration.path=" + text, "calibration.samples=12", "calibration.window=64",
                "train.path=" + text, "train.steps=2", "train.batch=1", "train.accumulation=1",
                "train.window=64", "train.generate.samples=2", "learn.steps=2", "learn.accumulation=2",
                "learn.window=32", "eval.window=64", "eval.max_windows=2", "run.threads=1"}));
  return runs;
}

void expect_finished(const std::vector<std::string>& names) {
  set_verbosity(Verbosity::kQuiet);
  const TemporaryFolder folder;
  Inputs inputs;
  const auto runs = stand_in_runs(inputs, folder, names);
  store::RunStore store(folder / "gyre.sqlite");
  EXPECT_EQ(run_points(runs, inputs, store, {.sweep = "presets"}).ok, static_cast<int>(names.size()));
  for (const auto& row : store.runs("presets")) EXPECT_EQ(row.status, "ok") << row.label << " " << row.error;
}

TEST(Presets, RunOnAStandIn) {
  expect_finished({"quarot_w4a4kv4_g256_gptq", "quarot_w2a16_rtn", "rtn_w4a16", "gsr_w2a16_g128_gptq",
                   "spinquant_unlearned_w4a4kv4_gptq", "spinquant_w4a4kv4_gptq"});
}

TEST(SlowPresets, AllRunOnAStandIn) {
  expect_finished(config::presets(experiments_dir()));
}

}  // namespace
}  // namespace gyre
