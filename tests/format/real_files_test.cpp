// Files that other programs wrote. The expected sums were taken with numpy from what safetensors 0.8 and
// gguf-py 0.19.0 read, and for llama2.c from the layout of its export.py.
#include <gmock/gmock.h>
#include <gtest/gtest.h>

#include <filesystem>
#include <numeric>

#include "format/gguf.h"
#include "format/llama2c.h"
#include "format/safetensors.h"

namespace gyre::format {
namespace {

namespace fs = std::filesystem;
using testing::ElementsAre;

const fs::path kData = GYRE_TEST_DATA;

// Float32 values summed in double: the order of the sum moves only its last digits.
void expect_sum(const TensorSource& source, const char* name, std::vector<std::int64_t> shape, double sum) {
  const auto view = source.at(name);
  EXPECT_EQ(view.shape, shape) << name;
  std::vector<float> values(static_cast<std::size_t>(view.numel()));
  to_float(view, values);
  EXPECT_NEAR(std::accumulate(values.begin(), values.end(), 0.0), sum, 1e-6) << name;
}

std::int64_t count_values(const TensorSource& source) {
  std::int64_t count = 0;
  for (const auto& name : source.names()) count += source.at(name).numel();
  return count;
}

TEST(RealFiles, RandomLlama3IsSharded) {
  const auto source = open_safetensors(kData / "parity/random-llama3");
  EXPECT_EQ(source->names().size(), 35u);
  EXPECT_EQ(source->files().size(), 3u);
  EXPECT_EQ(count_values(*source), 57904);
  expect_sum(*source, "lm_head.weight", {96, 48}, -23.298500498538488);
  expect_sum(*source, "model.embed_tokens.weight", {96, 48}, -0.41002013239631196);
  expect_sum(*source, "model.layers.0.input_layernorm.weight", {48}, 48.0541176199913);
}

TEST(RealFiles, Stories260KIsLlama2c) {
  const auto file = Llama2c::open(kData / "models/stories260K/stories260K.bin");
  EXPECT_EQ(file->header().n_layers, 5);
  EXPECT_EQ(count_values(*file), 264128 - 512 * 8);  // but for RoPE's tables
  expect_sum(*file, "model.embed_tokens.weight", {512, 64}, -752.3677446640068);
  expect_sum(*file, "model.norm.weight", {64}, 115.95276230573654);
  expect_sum(*file, "model.layers.2.self_attn.k_proj.weight", {32, 64}, -2.161847283903626);
  expect_sum(*file, "model.layers.2.mlp.down_proj.weight", {64, 172}, -4.021498598276594);
  expect_sum(*file, "model.layers.2.mlp.up_proj.weight", {172, 64}, 30.21435907205887);
  expect_sum(*file, "model.layers.2.post_attention_layernorm.weight", {64}, 52.70496639609337);
}

TEST(RealFiles, SmolLm2IsGguf) {
  const auto path = fs::path(GYRE_SOURCE_DIR) / "models/smollm2-135m.gguf";
  if (!fs::exists(path)) GTEST_SKIP() << path << " is not there; scripts/get_model smollm2-135m fetches it";
  const auto file = Gguf::open(path);
  EXPECT_EQ(file->description(), "smollm2-135m.gguf (GGUF v3, 272 tensors)");
  EXPECT_EQ(count_values(*file), 134515008);
  EXPECT_EQ(file->at("token_embd.weight").dtype, DType::kQ8_0);
  EXPECT_EQ(file->at("blk.0.attn_q.weight").dtype, DType::kQ4_1);
  expect_sum(*file, "token_embd.weight", {49152, 576}, -15353.04449415207);
  expect_sum(*file, "blk.0.attn_q.weight", {576, 576}, 59.22322082519531);
  expect_sum(*file, "blk.29.ffn_down.weight", {576, 1536}, 49.83570861816406);
  expect_sum(*file, "output_norm.weight", {576}, 1038.33203125);
  EXPECT_EQ(file->get_string("general.architecture"), "llama");
  EXPECT_EQ(file->get_uint("llama.attention.head_count_kv"), 3u);
  EXPECT_EQ(file->get_double("llama.rope.freq_base"), 100000.0);
  EXPECT_FALSE(file->get_bool("tokenizer.ggml.add_bos_token"));
  EXPECT_EQ(file->get_strings("tokenizer.ggml.tokens").size(), 49152u);
  EXPECT_THAT(file->get_strings("general.languages"), ElementsAre("en"));
}

}  // namespace
}  // namespace gyre::format
