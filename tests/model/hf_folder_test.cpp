// Models written as Hugging Face folders, and outliers put into them: what is loaded is what was written.
#include "model/hf_folder.h"

#include <gmock/gmock.h>
#include <gtest/gtest.h>
#include <unistd.h>

#include <filesystem>
#include <limits>

#include "core/error.h"
#include "model/checkpoint.h"
#include "model/outliers.h"
#include "model/surgery.h"
#include "model/tiny_llama.h"

namespace gyre {
namespace {

using testing::HasSubstr;

class HfFolder : public testing::Test {
 protected:
  HfFolder() : folder_(std::filesystem::temp_directory_path() / ("gyre_hf_" + std::to_string(::getpid()))) {}
  ~HfFolder() override { std::filesystem::remove_all(folder_); }
  std::filesystem::path folder_;
};

std::vector<std::pair<std::string, torch::Tensor>> weights(Llama model) {
  std::vector<std::pair<std::string, torch::Tensor>> out;
  for (const auto& slot : weight_slots(model)) out.emplace_back(slot.name, *slot.tensor);
  return out;
}

TEST_F(HfFolder, GivesTheSameBitsBack) {
  for (auto config : {config_9_3(), config_24_8()}) {
    config.rope_theta = 12345.5;
    config.rope_scaling = Llama3RopeScaling{4, 1, 3, 32};
    const auto model = random_llama(config, torch::kFloat32);
    for (const auto dtype : {torch::kFloat32, torch::kBFloat16, torch::kFloat16}) {
      save_hf_model(folder_, model, dtype, {0, 1, 0.02});
      auto loaded = load_model(folder_, dtype, torch::kCPU).model;
      EXPECT_EQ(loaded.config.rope_theta, 12345.5);
      EXPECT_EQ(loaded.config.rope_scaling->factor, 4);
      EXPECT_EQ(loaded.config.head_dim, config.head_dim);
      EXPECT_EQ(loaded.config.tie_word_embeddings, config.tie_word_embeddings);
      const auto expected = weights(model.shallow_copy()), found = weights(loaded);
      ASSERT_EQ(found.size(), expected.size());
      for (std::size_t i = 0; i < found.size(); ++i)
        EXPECT_TRUE(found[i].second.equal(expected[i].second.to(dtype))) << found[i].first;
    }
  }
}

TEST_F(HfFolder, RefusesWhatItCannotHold) {
  const auto refused = [&](const Llama& model) {
    try {
      save_hf_model(folder_, model, torch::kFloat32, {});
    } catch (const Error& error) {
      EXPECT_FALSE(std::filesystem::exists(folder_ / "config.json"));
      return std::string(error.what());
    }
    return std::string("written");
  };
  auto folded = random_llama(config_9_3(), torch::kFloat32);
  fold_norms(folded);
  EXPECT_THAT(refused(folded), HasSubstr("norms are folded"));
  auto broken = random_llama(config_24_8(), torch::kFloat32);
  broken.final_norm[3] = std::numeric_limits<float>::infinity();
  EXPECT_THAT(refused(broken), HasSubstr("model.norm.weight"));
}

// Powers of two commute with every rounding: the same logits, bit for bit.
TEST(Outliers, ChangeNoLogit) {
  for (const auto& config : {config_9_3(), config_24_8()}) {
    auto model = random_llama(config, torch::kFloat32);
    const auto original = model.shallow_copy();
    const auto tokens = torch::arange(40).reshape({2, 20}).to(torch::kInt64);
    const auto before = model.forward(tokens);
    inject_outliers(model, {3, 5, 6}, 11);
    EXPECT_TRUE(model.forward(tokens).equal(before));
    const auto ratio = model.blocks[1].input_norm / original.blocks[1].input_norm;
    EXPECT_EQ((ratio == 64).sum().item<std::int64_t>(), 3);
    EXPECT_EQ((ratio == 1).sum().item<std::int64_t>(), config.hidden_size - 3);
    const auto rows =
        (model.blocks[0].mlp.up.weight !=
         original.blocks[0].mlp.up.weight / (model.blocks[0].input_norm / original.blocks[0].input_norm))
            .any(1);
    EXPECT_EQ(rows.sum().item<std::int64_t>(), 5);
    EXPECT_TRUE(model.embedding.equal(original.embedding));
  }
}

TEST(Outliers, MoreThanThereAreChannelsIsRefused) {
  auto model = random_llama(config_24_8(), torch::kFloat32);
  try {
    inject_outliers(model, {65, 0, 2}, 0);
    FAIL();
  } catch (const Error& error) {
    EXPECT_EQ(error.code(), ErrorCode::kConfig);
    EXPECT_THAT(error.what(), HasSubstr("norm_channels is 65; the model has 64"));
  }
}

}  // namespace
}  // namespace gyre
