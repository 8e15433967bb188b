// Memory of a training on the shapes of LLaMA-2-7B, which need no weights.
#include "train/memory.h"

#include <gtest/gtest.h>

#include <numeric>

#include "model/tiny_llama.h"

namespace gyre {
namespace {

RunConfig rcp() {
  RunConfig run;
  run.rotation.r1.scheme = "hadamard";
  run.quant.weight.scheme = "ldp";
  run.quant.weight.n_bits = 2;
  run.quant.weight.group_size = AutoSize{128};
  run.train.scheme = "qat";
  return run;
}

double row(const RunConfig& run, const std::string& start) {
  for (const auto& r : training_memory(config_llama2_7b(), run))
    if (r.what.starts_with(start)) return r.bytes;
  return 0;
}

TEST(TrainingMemory, CountsLlama2) {
  EXPECT_EQ(count_parameters(config_llama2_7b(), true), 6'738'415'616.0);
  auto run = rcp();
  EXPECT_EQ(row(run, "weights"), 4 * 6'738'415'616.0);
  EXPECT_EQ(row(run, "AdamW"), 8 * 6'738'415'616.0);
  // Four numbers for 128 weights of 6,476,005,376: 202 M parameters.
  EXPECT_EQ(row(run, "learned"), 4 * 4 * 6'476'005'376.0 / 32);
  EXPECT_EQ(row(run, "teacher"), 4 * 6'738'415'616.0);
  run.train.dtype = "bfloat16";
  EXPECT_EQ(row(run, "teacher"), 2 * 6'738'415'616.0);
  EXPECT_EQ(row(run, "quantized"), 2 * 6'476'005'376.0);
  const double activations = row(run, "activations");
  run.train.recompute = true;
  EXPECT_EQ(row(run, "quantized"), 2 * 6'476'005'376.0 / 32);
  EXPECT_LT(row(run, "activations"), activations / 10);
  run.train.loss = "ce";
  EXPECT_EQ(row(run, "teacher"), 0);
  run.train.embeddings = false;
  EXPECT_EQ(row(run, "their gradients"), 4 * (6'738'415'616.0 - 2 * 32000.0 * 4096));
}

// Against what a student really holds.
TEST(TrainingMemory, CountsParametersAsTheModelDoes) {
  for (auto config : {config_9_3(), config_24_8()}) {
    config.attention_bias = config.mlp_bias = false;
    Llama model = random_llama(config, torch::kFloat32);
    EXPECT_EQ(count_parameters(config, false) * 4, static_cast<double>(model.weight_bytes()));
  }
}

}  // namespace
}  // namespace gyre
