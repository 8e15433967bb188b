// Training from scratch: where it starts, that it learns, and that an interruption moves no bit.
#include "train/pretrain.h"

#include <gmock/gmock.h>
#include <gtest/gtest.h>

#include <cmath>

#include "core/error.h"
#include "core/seed.h"
#include "model/weights.h"
#include "store/store_testing.h"

namespace gyre {
namespace {

NewModelSpec micro_model() {
  NewModelSpec spec;
  spec.hidden_size = 32;
  spec.intermediate_size = 48;
  spec.num_hidden_layers = 2;
  spec.num_attention_heads = 4;
  spec.num_key_value_heads = 2;
  spec.head_dim = 8;
  spec.vocab_size = 300;
  spec.max_position_embeddings = 32;
  return spec;
}

PretrainLoopSpec micro_loop() {
  PretrainLoopSpec spec;
  spec.loop.steps = 30;
  spec.loop.batch = 4;
  spec.loop.accumulation = 2;
  spec.loop.window = 16;
  spec.loop.lr = 1e-2;
  spec.loop.schedule = "cosine";
  spec.loop.warmup = 3;
  spec.loop.weight_decay = 0.1;
  return spec;
}

// Mostly t, 5 t + 2, ..., so that there is something to learn.
TokenWindows text(std::int64_t vocab_size, std::int64_t window) {
  Rng rng(derive_seed(0, "text"));
  std::vector<std::int32_t> tokens;
  for (std::int64_t t = 3; tokens.size() < 6000;) {
    tokens.push_back(static_cast<std::int32_t>(t));
    t = rng.below(8) == 0 ? static_cast<std::int64_t>(rng.below(static_cast<std::uint64_t>(vocab_size)))
                          : (5 * t + 2) % vocab_size;
  }
  return {std::move(tokens), window, 0, "made up"};
}

LoopOptions named(const char* label) {
  LoopOptions options;
  options.label = label;
  return options;
}

std::vector<torch::Tensor> weights(Llama model) {
  std::vector<torch::Tensor> out;
  for (const auto& slot : weight_slots(model)) out.push_back(*slot.tensor);
  return out;
}

TEST(NewLlama, IsDrawnFromTheSeed) {
  const auto spec = micro_model();
  const auto a = weights(new_llama(spec, 1)), b = weights(new_llama(spec, 1)),
             c = weights(new_llama(spec, 2));
  for (std::size_t i = 0; i < a.size(); ++i) {
    EXPECT_TRUE(a[i].equal(b[i]));
    EXPECT_EQ(a[i].equal(c[i]), a[i].dim() == 1);
  }
  auto model = new_llama(spec, 1);
  EXPECT_NEAR(model.embedding.std().item<double>(), 0.02, 0.001);
  EXPECT_NEAR(model.blocks[0].mlp.down.weight.std().item<double>(), 0.01, 0.001);
  EXPECT_TRUE(model.head.weight.is_same(model.embedding));
  // Small matrices: every token is as likely as any other.
  const auto logits = model.forward(torch::arange(16).unsqueeze(0).to(torch::kInt64));
  EXPECT_LT(logits.abs().max().item<double>(), 1);
}

TEST(Pretrain, LearnsTheText) {
  const auto spec = micro_model();
  auto loop = micro_loop();
  loop.loop.steps = 120;
  const auto result = pretrain(new_llama(spec, 0), text(spec.vocab_size, loop.loop.window), loop, named("t"));
  EXPECT_NEAR(result.loop.losses.front(), std::log(300), 0.1);
  EXPECT_LT(result.loop.losses.back(), 4.5);
  EXPECT_EQ(result.n_parameters, 300 * 32 + 2 * (2 * 32 * (32 + 16) + 3 * 32 * 48 + 2 * 32) + 32);
}

TEST(Pretrain, ResumedEqualsUninterrupted) {
  const store::testing::TemporaryFolder folder;
  const auto spec = micro_model();
  const auto loop = micro_loop();
  const auto windows = text(spec.vocab_size, loop.loop.window);
  const auto whole = pretrain(new_llama(spec, 0), windows, loop, named("whole"));
  for (const std::int64_t stop : {1, 13, 29}) {
    LoopOptions options = named("part");
    options.checkpoint = folder / "state.safetensors";
    options.fingerprint = "a = 1\n";
    std::int64_t steps = 0;
    options.on_step = [&] {
      if (steps++ == stop) fail(ErrorCode::kInterrupted, "stopped");
    };
    EXPECT_THROW(pretrain(new_llama(spec, 0), windows, loop, options), Error);
    options.on_step = nullptr;
    const auto resumed = pretrain(new_llama(spec, 0), windows, loop, options);
    EXPECT_EQ(resumed.loop.resumed_at, stop);
    EXPECT_EQ(resumed.loop.losses, whole.loop.losses);
    const auto a = weights(whole.model), b = weights(resumed.model);
    for (std::size_t i = 0; i < a.size(); ++i) EXPECT_TRUE(a[i].equal(b[i]));
    std::filesystem::remove(options.checkpoint);
  }
}

TEST(Pretrain, DivergenceIsAResult) {
  const auto spec = micro_model();
  auto loop = micro_loop();
  loop.loop.lr = 10;
  loop.loop.warmup = 0;
  loop.loop.grad_clip = 0;
  loop.loop.epsilon = 1e-30;
  auto model = new_llama(spec, 0);
  model.embedding[3][0] = 3e38;
  const auto result = pretrain(model, text(spec.vocab_size, loop.loop.window), loop, named("t"));
  EXPECT_TRUE(result.loop.diverged);
}

}  // namespace
}  // namespace gyre
