// Perplexity against closed forms and a plain computation of the protocol.
#include "eval/perplexity.h"

#include <gtest/gtest.h>

#include <cmath>

#include "core/error.h"
#include "model/tiny_llama.h"

namespace gyre {
namespace {

EvalSpec windows_of(std::int64_t window, std::int64_t max_windows = 0) {
  EvalSpec spec;
  spec.window = window;
  spec.max_windows = max_windows;
  return spec;
}

std::vector<std::int32_t> stream(std::int64_t length) {
  std::vector<std::int32_t> tokens;
  for (std::int64_t i = 0; i < length; ++i)
    tokens.push_back(static_cast<std::int32_t>((i * i * 5 + i * 3) % 61));
  return tokens;
}

Perplexity measure(const Llama& model, const std::vector<std::int32_t>& tokens, const EvalSpec& spec) {
  return perplexity(model, tokens, spec, "text", {});
}

// Mean NLL of one window by the textbook.
double plain_nll(const Llama& model, const std::vector<std::int32_t>& tokens, std::int64_t first,
                 std::int64_t window) {
  const std::vector<std::int64_t> ids(tokens.begin() + first, tokens.begin() + first + window);
  const auto input = torch::tensor(ids, torch::kInt64);
  const auto logits = model.forward(input.unsqueeze(0))[0].to(torch::kFloat64);
  const auto log_p = torch::log_softmax(logits, 1);
  return -log_p.narrow(0, 0, window - 1)
              .gather(1, input.narrow(0, 1, window - 1).unsqueeze(1))
              .mean()
              .item<double>();
}

TEST(Perplexity, OfUniformLogitsIsTheVocabulary) {
  for (const auto dtype : {torch::kFloat64, torch::kFloat32, torch::kBFloat16, torch::kFloat16}) {
    auto model = random_llama(config_9_3(), dtype);
    model.head.weight = torch::zeros_like(model.head.weight);
    const auto result = measure(model, stream(64 * 3), windows_of(64));
    EXPECT_NEAR(result.value, 61, 1e-4) << dtype;
    EXPECT_NEAR(result.std_error, 0, 1e-4);
  }
}

// A perplexity of 2^k is k bits a token, so k/4 bits a byte where a token has four bytes.
TEST(Perplexity, InBitsPerByteKnowsNoTokenizer) {
  Perplexity ppl;
  ppl.name = "ppl/text@gptq64[4 windows]";
  ppl.value = 64;
  ppl.std_error = 6.4;
  const auto bits = bits_per_byte(ppl, 1000, 4000);
  EXPECT_EQ(bits.name, "bits_per_byte/text@gptq64[4 windows]");
  EXPECT_NEAR(bits.value, 1.5, 1e-12);
  EXPECT_NEAR(bits.std_error, 0.1 / std::log(2.0) / 4, 1e-12);
}

TEST(Perplexity, IsTheMeanOverWindowsAndDropsTheTail) {
  const auto model = random_llama(config_9_3());
  const auto tokens = stream(3 * 40 + 39);
  const auto result = measure(model, tokens, windows_of(40));
  double sum = 0;
  std::vector<double> nll;
  for (int w = 0; w < 3; ++w) sum += nll.emplace_back(plain_nll(model, tokens, w * 40, 40));
  EXPECT_NEAR(result.value, std::exp(sum / 3), 1e-9);
  EXPECT_EQ(result.n_windows, 3);
  EXPECT_EQ(result.n_targets, 3 * 39);
  double squares = 0;
  for (const double value : nll) squares += (value - sum / 3) * (value - sum / 3);
  EXPECT_NEAR(result.std_error, result.value * std::sqrt(squares / 2 / 3), 1e-9);
}

// A vocabulary wider than one block of logits, the last block ragged, targets in all of them.
TEST(Perplexity, CoversAWideVocabularyInBlocks) {
  LlamaConfig config = config_24_8();
  config.vocab_size = 5000;
  std::vector<std::int32_t> tokens(64);
  for (std::size_t i = 0; i < tokens.size(); ++i) tokens[i] = static_cast<std::int32_t>(i * 79 % 5000);
  tokens[5] = 4999, tokens[6] = 2047, tokens[7] = 2048, tokens[8] = 0;
  for (const auto& [dtype, tolerance] : {std::pair(torch::kFloat64, 1e-10), std::pair(torch::kFloat32, 1e-6),
                                         std::pair(torch::kBFloat16, 1e-5)}) {
    const auto model = random_llama(config, dtype);
    EXPECT_NEAR(std::log(measure(model, tokens, windows_of(64)).value), plain_nll(model, tokens, 0, 64),
                tolerance)
        << dtype;
  }
}

TEST(Perplexity, KeepsSumsPerBlockOf128Targets) {
  LlamaConfig config = config_9_3();
  config.max_position_embeddings = 300;
  const auto model = random_llama(config);
  const auto result = measure(model, stream(600), windows_of(300));
  ASSERT_EQ(result.blocks.size(), 6u);
  std::int64_t n = 0;
  double sum = 0;
  for (std::size_t i = 0; i < 6; ++i) {
    const auto& block = result.blocks[i];
    EXPECT_EQ(block.window, static_cast<std::int64_t>(i / 3));
    EXPECT_EQ(block.block, static_cast<std::int64_t>(i % 3));
    EXPECT_EQ(block.n, i % 3 == 2 ? 43 : 128);
    n += block.n;
    sum += block.sum;
  }
  EXPECT_EQ(n, result.n_targets);
  EXPECT_NEAR(result.value, std::exp(sum / static_cast<double>(n)), 1e-9);
}

TEST(Perplexity, NamesItsProtocol) {
  const auto model = random_llama(config_9_3(), torch::kFloat32);
  const auto name = [&](std::int64_t max_windows, const std::string& bos) {
    auto spec = windows_of(32, max_windows);
    spec.bos = bos;
    return measure(model, stream(100), spec).name;
  };
  EXPECT_EQ(name(0, "auto"), "ppl/text@gptq32");
  EXPECT_EQ(name(3, "auto"), "ppl/text@gptq32");
  EXPECT_EQ(name(2, "auto"), "ppl/text@gptq32[2 windows]");
  EXPECT_EQ(name(1, "none"), "ppl/text@gptq32[1 window]+bos=none");
  EXPECT_EQ(name(0, "stream"), "ppl/text@gptq32+bos=stream");
}

TEST(Perplexity, ReportsEachWindow) {
  const auto model = random_llama(config_9_3(), torch::kFloat32);
  std::vector<std::pair<std::int64_t, std::int64_t>> seen;
  perplexity(model, stream(100), windows_of(32, 2), "text",
             [&](std::int64_t done, std::int64_t total) { seen.emplace_back(done, total); });
  EXPECT_EQ(seen, (std::vector<std::pair<std::int64_t, std::int64_t>>{{1, 2}, {2, 2}}));
}

TEST(Perplexity, HasAnErrorFromBlocksWhenThereIsOneWindow) {
  LlamaConfig config = config_9_3();
  config.max_position_embeddings = 400;
  const auto model = random_llama(config, torch::kFloat32);
  const auto result = measure(model, stream(400), windows_of(400));
  EXPECT_GT(result.std_error, 0);
  EXPECT_TRUE(std::isnan(measure(model, stream(100), windows_of(64, 1)).std_error));
}

TEST(Perplexity, IsNotANumberWhenTheModelDiverged) {
  auto model = random_llama(config_9_3(), torch::kFloat32);
  model.blocks[1].mlp.down.weight = model.blocks[1].mlp.down.weight * INFINITY;
  EXPECT_FALSE(std::isfinite(measure(model, stream(64), windows_of(64)).value));
}

TEST(Perplexity, RefusesWindowsThatDoNotFit) {
  const auto model = random_llama(config_9_3(), torch::kFloat32);
  const auto code_of = [&](std::int64_t length, std::int64_t window) {
    try {
      measure(model, stream(length), windows_of(window));
    } catch (const Error& error) {
      return error.code();
    }
    return ErrorCode::kUsage;
  };
  EXPECT_EQ(code_of(1000, 65), ErrorCode::kConfig);
  EXPECT_EQ(code_of(63, 64), ErrorCode::kInput);
}

}  // namespace
}  // namespace gyre
