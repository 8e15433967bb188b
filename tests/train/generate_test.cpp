// Text that a model writes: its prompts, its distribution, its reproducibility.
#include "train/generate.h"

#include <gtest/gtest.h>

#include <algorithm>

#include "core/error.h"
#include "model/tiny_llama.h"

namespace gyre {
namespace {

std::vector<std::int32_t> prompt_text() {
  std::vector<std::int32_t> text(50);
  for (std::size_t i = 0; i < text.size(); ++i) text[i] = static_cast<std::int32_t>(i);
  return text;
}

GenerateSpec spec_of(std::int64_t samples, double temperature) {
  GenerateSpec spec;
  spec.samples = samples;
  spec.prompt = 6;
  spec.temperature = temperature;
  return spec;
}

TEST(Generate, AtNoTemperatureTakesTheBestTokenOfTheWholeForwardPass) {
  for (const auto& config : {config_9_3(), config_24_8()}) {
    const Llama model = random_llama(config, torch::kFloat64);
    const auto tokens = generate_text(model, prompt_text(), spec_of(3, 1e-3), 20, 5);
    ASSERT_EQ(tokens.size(), 60u);
    for (std::size_t s = 0; s < 3; ++s) {
      std::vector<std::int64_t> ids(tokens.begin() + static_cast<std::ptrdiff_t>(20 * s),
                                    tokens.begin() + static_cast<std::ptrdiff_t>(20 * s + 20));
      for (std::size_t i = 1; i < 6; ++i) EXPECT_EQ(ids[i], ids[i - 1] + 1);  // a place of the text
      const auto best = model.forward(torch::tensor(ids, torch::kInt64).unsqueeze(0)).squeeze(0).argmax(1);
      for (std::size_t i = 6; i < 20; ++i)
        EXPECT_EQ(ids[i], best[static_cast<std::int64_t>(i) - 1].item<std::int64_t>()) << i;
    }
  }
}

TEST(Generate, EachSampleHasItsOwnNumbers) {
  const Llama model = random_llama(config_24_8(), torch::kFloat32);
  const auto few = generate_text(model, prompt_text(), spec_of(2, 1), 20, 5);
  const auto many = generate_text(model, prompt_text(), spec_of(20, 1), 20, 5);
  ASSERT_EQ(many.size(), 400u);
  EXPECT_TRUE(std::equal(few.begin(), few.end(), many.begin()));
  EXPECT_NE(generate_text(model, prompt_text(), spec_of(2, 1), 20, 6), few);
}

TEST(Generate, DrawsFromTheSoftmax) {
  auto config = config_24_8();
  const Llama model = random_llama(config, torch::kFloat64);
  const std::vector<std::int32_t> text = {1, 2, 3, 4, 5, 6};  // one place only
  const auto tokens = generate_text(model, text, spec_of(2000, 2), 7, 5);
  const auto logits = model.forward(torch::tensor({{1, 2, 3, 4, 5, 6}}, torch::kInt64))[0][5];
  const auto p = torch::softmax(logits / 2, 0);
  std::vector<double> counts(static_cast<std::size_t>(config.vocab_size));
  for (std::size_t s = 0; s < 2000; ++s) ++counts[static_cast<std::size_t>(tokens[7 * s + 6])];
  for (std::int64_t v = 0; v < config.vocab_size; ++v) {
    const double expected = p[v].item<double>();
    EXPECT_NEAR(counts[static_cast<std::size_t>(v)] / 2000, expected, 5 * std::sqrt(expected / 2000) + 1e-3);
  }
}

TEST(Generate, RefusesAPromptThatFillsTheWindowOrIsLongerThanTheText) {
  const Llama model = random_llama(config_24_8(), torch::kFloat32);
  EXPECT_THROW(generate_text(model, prompt_text(), spec_of(1, 1), 6, 5), Error);
  EXPECT_THROW(generate_text(model, {1, 2, 3}, spec_of(1, 1), 20, 5), Error);
}

}  // namespace
}  // namespace gyre
