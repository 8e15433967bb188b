// The loop on a model of one matrix: what it sees, what it does with gradients, and that an interruption
// moves no bit.
#include "train/loop.h"

#include <gmock/gmock.h>
#include <gtest/gtest.h>
#include <signal.h>
#include <sys/resource.h>

#include <cmath>
#include <limits>

#include "core/error.h"
#include "core/progress.h"
#include "core/seed.h"
#include "store/store_testing.h"

namespace gyre {
namespace {

using testing::HasSubstr;

LoopSpec small_spec() {
  LoopSpec spec;
  spec.steps = 12;
  spec.batch = 3;
  spec.window = 5;
  spec.lr = 0.05;
  spec.schedule = "cosine";
  spec.warmup = 2;
  spec.weight_decay = 0.1;
  spec.grad_clip = 0.5;
  return spec;
}

// Mostly t, 3 t + 1, ... modulo 11, so that there is something to learn.
std::vector<std::int32_t> stream(std::size_t n) {
  std::vector<std::int32_t> tokens;
  Rng rng(7);
  std::int32_t t = 2;
  while (tokens.size() < n) {
    tokens.push_back(t);
    t = rng.below(10) == 0 ? static_cast<std::int32_t>(rng.below(11)) : (3 * t + 1) % 11;
  }
  return tokens;
}

// A bigram model: logits of the next token are a row of `table`.
struct Bigram {
  torch::Tensor table, bias;
  std::vector<std::int64_t> positions;
  std::int64_t nan_at = -1;

  Bigram() {
    torch::manual_seed(5);
    table = torch::randn({11, 11}).requires_grad_();
    bias = torch::zeros({11}).requires_grad_();
  }
  LoopTask task() {
    LoopTask out;
    out.groups = {{"weights", 0.05, true, {{"table", table}}}, {"bias", 0.01, false, {{"bias", bias}}}};
    out.accumulate = [this](const TrainBatch& batch, double weight) {
      positions.push_back(batch.position);
      const auto inputs = batch.windows.narrow(1, 0, 4).reshape({-1});
      const auto targets = batch.windows.narrow(1, 1, 4).reshape({-1});
      auto loss = torch::nll_loss(torch::log_softmax(table.index_select(0, inputs) + bias, 1), targets);
      if (nan_at >= 0 && batch.position >= nan_at) loss = loss * std::numeric_limits<float>::quiet_NaN();
      (loss * weight).backward();
      return loss.item<double>();
    };
    return out;
  }
};

LoopOptions options(const std::filesystem::path& file, std::int64_t every = 0) {
  LoopOptions out;
  out.label = "test";
  out.checkpoint = file;
  out.checkpoint_every = every;
  out.fingerprint = "model = \"bigram\"\nlr = 0.05\n";
  return out;
}

// No file may grow beyond a size, as on a full disk.
class FileSizeLimit {
 public:
  FileSizeLimit() { ::getrlimit(RLIMIT_FSIZE, &before_), handler_ = ::signal(SIGXFSZ, SIG_IGN); }
  ~FileSizeLimit() { lift(), ::signal(SIGXFSZ, handler_); }
  FileSizeLimit(const FileSizeLimit&) = delete;
  FileSizeLimit& operator=(const FileSizeLimit&) = delete;
  void set(rlim_t bytes) const {
    const rlimit limit{bytes, before_.rlim_max};
    ::setrlimit(RLIMIT_FSIZE, &limit);
  }
  void lift() const { ::setrlimit(RLIMIT_FSIZE, &before_); }

 private:
  rlimit before_{};
  void (*handler_)(int) = nullptr;
};

struct LoopTest : ::testing::Test {
  LoopTest() { set_verbosity(Verbosity::kQuiet); }
  TokenWindows windows{stream(103), 5, 3, "noise"};
  store::testing::TemporaryFolder folder;
};

TEST_F(LoopTest, LearnsAndWalksThroughTheDataInOrder) {
  Bigram model;
  const auto before = model.table.detach().clone();
  std::vector<TrainPoint> points;
  auto o = options({});
  o.on_points = [&](const auto& more) { points.insert(points.end(), more.begin(), more.end()); };
  const auto result = run_loop(small_spec(), windows, model.task(), o);
  EXPECT_FALSE(result.diverged);
  EXPECT_EQ(result.steps, 12);
  ASSERT_EQ(result.losses.size(), 12u);
  EXPECT_LT(result.losses.back(), result.losses.front());
  for (std::size_t i = 0; i < model.positions.size(); ++i)
    EXPECT_EQ(model.positions[i], static_cast<std::int64_t>(3 * i));
  EXPECT_EQ(points.size(), 36u);
  EXPECT_FALSE(torch::equal(model.table, before));
}

TEST_F(LoopTest, AccumulationSeesTheSameGradientAsOneLargeBatch) {
  auto spec = small_spec();
  spec.batch = 6;
  Bigram whole, parts;
  run_loop(spec, windows, whole.task(), options({}));
  spec.batch = 3;
  spec.accumulation = 2;
  run_loop(spec, windows, parts.task(), options({}));
  EXPECT_LT((whole.table - parts.table).abs().max().item<double>(), 1e-5);
}

TEST_F(LoopTest, ContinuesBitForBitFromAnyStep) {
  Bigram whole;
  const auto expected = run_loop(small_spec(), windows, whole.task(), options({}));
  for (const int stop : {1, 4, 5, 9, 11}) {
    const auto file = folder / ("state" + std::to_string(stop));
    Bigram first;
    auto o = options(file, 4);
    int calls = 0;
    o.on_step = [&] {
      if (calls++ == stop) fail(ErrorCode::kInterrupted, "stopped");
    };
    EXPECT_THROW(run_loop(small_spec(), windows, first.task(), o), Error);
    Bigram second;
    const auto result = run_loop(small_spec(), windows, second.task(), options(file, 4));
    EXPECT_EQ(result.resumed_at, stop);
    EXPECT_EQ(result.losses, expected.losses);
    EXPECT_EQ(result.norms, expected.norms);
    EXPECT_TRUE(torch::equal(second.table, whole.table));
    EXPECT_TRUE(torch::equal(second.bias, whole.bias));
  }
}

TEST_F(LoopTest, RefusesTheStateOfSomethingElseAndLeavesItAlone) {
  const auto file = folder / "state";
  Bigram model;
  run_loop(small_spec(), windows, model.task(), options(file, 4));
  const auto bytes = std::filesystem::file_size(file);
  auto other = options(file, 4);
  other.fingerprint = "model = \"bigram\"\nlr = 0.5\n";
  Bigram again;
  try {
    run_loop(small_spec(), windows, again.task(), other);
    FAIL() << "accepted";
  } catch (const Error& error) {
    EXPECT_EQ(error.code(), ErrorCode::kInput);
    EXPECT_THAT(error.what(), HasSubstr("'lr = 0.05' where this run has 'lr = 0.5'"));
  }
  EXPECT_TRUE(again.positions.empty());
  EXPECT_EQ(std::filesystem::file_size(file), bytes);
}

TEST_F(LoopTest, RefusesADamagedState) {
  const auto file = folder / "state";
  Bigram model;
  run_loop(small_spec(), windows, model.task(), options(file, 4));
  std::filesystem::resize_file(file, std::filesystem::file_size(file) - 3);
  Bigram again;
  EXPECT_THROW(run_loop(small_spec(), windows, again.task(), options(file, 4)), Error);
}

TEST_F(LoopTest, AFullDiskLeavesTheLastStateAndTheTrainingGoesOn) {
  const auto file = folder / "state";
  auto spec = small_spec();
  Bigram model;
  auto o = options(file, 4);
  int calls = 0;
  const FileSizeLimit limit;
  o.on_step = [&] {
    if (calls++ == 5) limit.set(100);
  };
  const auto result = run_loop(spec, windows, model.task(), o);
  limit.lift();
  EXPECT_EQ(result.steps, 12);
  Bigram second;
  EXPECT_EQ(run_loop(spec, windows, second.task(), options(file, 4)).resumed_at, 4);
  EXPECT_TRUE(torch::equal(second.table, model.table));
}

TEST_F(LoopTest, StopsBeforeAnUpdateThatIsNoNumber) {
  Bigram model;
  model.nan_at = 15;
  const auto result = run_loop(small_spec(), windows, model.task(), options({}));
  EXPECT_TRUE(result.diverged);
  EXPECT_EQ(result.steps, 5);
  EXPECT_TRUE(std::isnan(result.losses.back()));
  EXPECT_TRUE(model.table.isfinite().all().item<bool>());
}

TEST(TokenWindows, VisitEachWindowOnceAnEpoch) {
  const TokenWindows windows(stream(52), 5, 3, "noise");
  ASSERT_EQ(windows.count(), 10);
  std::vector<std::int64_t> first, second;
  for (int i = 0; i < 10; ++i) first.push_back(windows.index(i));
  for (int i = 10; i < 20; ++i) second.push_back(windows.index(i));
  EXPECT_NE(first, second);
  for (auto* order : {&first, &second}) {
    std::ranges::sort(*order);
    for (std::int64_t i = 0; i < 10; ++i) EXPECT_EQ((*order)[static_cast<std::size_t>(i)], i);
  }
  const auto tokens = stream(52);
  const auto batch = windows.at(8, 4);  // over the end of an epoch
  for (std::int64_t row = 0; row < 4; ++row)
    for (std::int64_t i = 0; i < 5; ++i)
      EXPECT_EQ(batch[row][i].item<std::int64_t>(),
                tokens[static_cast<std::size_t>(windows.index(8 + row) * 5 + i)]);
}

TEST(TokenWindows, RefuseATextShorterThanAWindow) {
  try {
    TokenWindows(stream(4), 5, 0, "scrap");
    FAIL() << "accepted";
  } catch (const Error& error) {
    EXPECT_EQ(error.code(), ErrorCode::kInput);
    EXPECT_THAT(error.what(), HasSubstr("'scrap' has 4 tokens, fewer than one window of 5"));
  }
}

}  // namespace
}  // namespace gyre
