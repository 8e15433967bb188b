// Evaluated text inside a training text is found wherever it begins.
#include "train/leak.h"

#include <gmock/gmock.h>
#include <gtest/gtest.h>

#include "core/error.h"
#include "core/seed.h"

namespace gyre {
namespace {

using Tokens = std::vector<std::int32_t>;

Tokens noise(std::size_t n, const char* name) {
  Rng rng(derive_seed(0, name));
  Tokens tokens(n);
  for (auto& t : tokens) t = static_cast<std::int32_t>(rng.below(500));
  return tokens;
}

TEST(Leak, NamesThePlaceOfAPassage) {
  const auto eval = noise(1000, "eval");
  auto train = noise(5000, "train");
  EXPECT_FALSE(find_shared_tokens(train, eval));
  // 140 tokens from 100 on hold the window 128..191, whatever they stand next to.
  std::copy_n(eval.begin() + 100, 140, train.begin() + 3333);
  const auto shared = find_shared_tokens(train, eval);
  ASSERT_TRUE(shared);
  EXPECT_EQ(shared->eval_at, 128);
  EXPECT_EQ(shared->train_at, 3333 + 28);
  EXPECT_EQ(shared->length, 64);
  EXPECT_EQ(shared->n_windows, 15);
  EXPECT_EQ(shared->n_shared, 1);
  try {
    refuse_leak(*shared, {"train.path", "books", "training"}, "stories");
    FAIL() << "accepted";
  } catch (const Error& error) {
    EXPECT_EQ(error.code(), ErrorCode::kConfig);
    EXPECT_THAT(error.what(),
                testing::HasSubstr("train.path 'books' holds text of eval.dataset 'stories': the 64 "
                                   "tokens from token 3361 on stand there from token 128 on, and 1 "
                                   "of 15 windows"));
  }
}

TEST(Leak, IsAShareOfWhatIsRead) {
  const auto eval = noise(1000, "eval");
  auto text = noise(6400, "text");
  std::copy_n(eval.begin() + 128, 64, text.begin() + 3333);
  std::copy_n(eval.begin() + 320, 128, text.begin() + 100);  // two windows in a row
  const auto shared = find_shared_tokens(text, eval);
  ASSERT_TRUE(shared);
  EXPECT_THAT(shared->places, testing::ElementsAre(100, 164, 3333));
  EXPECT_EQ(shared->n_shared, 3);
  const auto share = [&](const std::vector<std::int64_t>& starts, std::int64_t n) {
    return shared_share(*shared, starts, n);
  };
  EXPECT_DOUBLE_EQ(share({0}, 6400), 0.03);
  EXPECT_DOUBLE_EQ(share({0, 3333}, 132), (32 + 64) / 264.0);
  EXPECT_DOUBLE_EQ(share({228, 4000}, 100), 0);
  EXPECT_DOUBLE_EQ(share({3340, 130}, 8), 1);
}

TEST(Leak, FindsTheWholeTextAndItsLastTokens) {
  const auto eval = noise(640, "eval");
  auto train = noise(64, "before");
  train.insert(train.end(), eval.begin(), eval.end());
  EXPECT_EQ(find_shared_tokens(train, eval)->n_shared, 10);
  EXPECT_EQ(find_shared_tokens(eval, eval)->train_at, 0);
  const Tokens tail(eval.end() - 64, eval.end());
  EXPECT_EQ(find_shared_tokens(tail, eval)->eval_at, 576);
}

TEST(Leak, DoesNotCountRulersAndWhatIsShort) {
  Tokens eval(640, 7), train(500, 7);
  EXPECT_FALSE(find_shared_tokens(train, eval));
  EXPECT_FALSE(find_shared_tokens({}, eval));
  EXPECT_FALSE(find_shared_tokens(train, {}));
  const auto brief = noise(20, "brief");
  auto holding = noise(300, "holding");
  std::copy(brief.begin(), brief.end(), holding.begin() + 100);
  EXPECT_EQ(find_shared_tokens(holding, brief)->train_at, 100);
}

}  // namespace
}  // namespace gyre
