// Learned rotations from the command line: killed and continued, shared, diverging, refused.
#include <gmock/gmock.h>

#include <filesystem>

#include "program.h"

namespace gyre::testing {
namespace {
namespace fs = std::filesystem;
using ::testing::HasSubstr;

struct LearnedTest : ::testing::Test {
  static std::vector<std::string> learning(int steps = 6) {
    return {"rotation=learned",  "online=r3r4",
            "quant=w4a4kv4",     "learn.steps=" + std::to_string(steps),
            "learn.window=64",   "learn.accumulation=2",
            "learn.save_every=1"};
  }
  std::vector<fs::path> cached() const {
    std::vector<fs::path> files;
    if (fs::exists(folder / "cache/learned"))
      for (const auto& entry : fs::directory_iterator(folder / "cache/learned"))
        if (entry.path().extension() == ".safetensors") files.push_back(entry.path());  // else half written
    std::sort(files.begin(), files.end());
    return files;
  }
  double perplexity(const std::string& database) const {
    return store::RunStore(folder / database, true).runs("").back().metrics[0].value;
  }
  TemporaryFolder folder;
};

TEST_F(LearnedTest, KilledAndContinuedItEndsInTheSameFile) {
  const auto words = std::vector<std::string>{"run"} + learning(30) + quick();
  const auto whole =
      gyre(folder, words + std::vector<std::string>{"--db", (folder / "whole.sqlite").string()});
  ASSERT_EQ(whole.status, 0) << whole.err;
  auto files = cached();
  ASSERT_EQ(files.size(), 1u);  // the state went when learning was done
  const auto expected = bytes_of(files[0]);
  fs::remove(files[0]);

  const auto killed_words = words + std::vector<std::string>{"--db", (folder / "killed.sqlite").string()};
  {
    Program program(folder.path(), killed_words);
    for (int i = 0; i < 4000 && cached().empty(); ++i)
      std::this_thread::sleep_for(std::chrono::milliseconds(5));
    program.send(SIGKILL);
    program.wait();
  }
  files = cached();
  ASSERT_EQ(files.size(), 1u);
  EXPECT_THAT(files[0].string(), HasSubstr(".state.safetensors"));  // it was killed before its end
  const auto last = gyre(folder, killed_words);
  EXPECT_EQ(last.status, 0) << last.err;
  EXPECT_THAT(last.err, HasSubstr("learning goes on after step"));
  files = cached();
  ASSERT_EQ(files.size(), 1u);
  EXPECT_EQ(bytes_of(files[0]), expected);
  EXPECT_EQ(perplexity("killed.sqlite"), perplexity("whole.sqlite"));
}

TEST_F(LearnedTest, PointsAndRunsThatLearnTheSameShareIt) {
  const auto first = gyre(folder, std::vector<std::string>{"run"} + learning() + quick());
  ASSERT_EQ(first.status, 0) << first.err;
  // Evaluated otherwise, learned alike.
  const auto second = gyre(folder, std::vector<std::string>{"run"} + learning() + quick() +
                                       std::vector<std::string>{"eval.window=32"});
  EXPECT_EQ(second.status, 0) << second.err;
  EXPECT_THAT(second.err, HasSubstr("learned rotations from"));
  EXPECT_EQ(cached().size(), 1u);
  const auto other = gyre(folder, std::vector<std::string>{"run"} + learning() + quick() +
                                      std::vector<std::string>{"learn.lr=0.5"});
  EXPECT_EQ(other.status, 0) << other.err;
  EXPECT_EQ(cached().size(), 2u);
  const auto run = store::RunStore(folder / "gyre.sqlite", true).runs("").back();
  bool has_loss = false;
  for (const auto& metric : run.metrics)
    has_loss = has_loss || metric.name.starts_with("learn_loss_after/ce/");
  EXPECT_TRUE(has_loss);
}

TEST_F(LearnedTest, AFileThatIsAnothersIsRefusedAndLeft) {
  ASSERT_EQ(gyre(folder, std::vector<std::string>{"run"} + learning() + quick()).status, 0);
  ASSERT_EQ(gyre(folder, std::vector<std::string>{"run"} + learning(5) + quick()).status, 0);
  const auto files = cached();
  ASSERT_EQ(files.size(), 2u);
  fs::copy_file(files[0], files[1], fs::copy_options::overwrite_existing);
  const auto before = bytes_of(files[1]);
  int refused = 0;
  for (const int steps : {6, 5}) {
    const auto run = gyre(folder, std::vector<std::string>{"run"} + learning(steps) + quick() +
                                      std::vector<std::string>{"eval.window=48"});
    if (run.status == 0) continue;
    ++refused;
    EXPECT_EQ(run.status, 4);
    EXPECT_THAT(run.err, HasSubstr("learn.steps = 5"));
    EXPECT_THAT(run.err, HasSubstr("learn.steps = 6"));
  }
  EXPECT_EQ(refused, 1);
  EXPECT_EQ(bytes_of(files[1]), before);
}

TEST_F(LearnedTest, ADivergingRateIsAResultAndTheSweepGoesOn) {
  write_bytes(folder / "rates.toml", R"([base]
model = "default"
rotation = "learned"
quant = "w4a4kv4"
"learn.steps" = 4
"learn.window" = 64
"learn.accumulation" = 1
"learn.step_bound" = false
"learn.grad_clip" = 0
"eval.window" = 64
"eval.max_windows" = 1
"run.threads" = 1
[[axis]]
key = "learn.lr"
values = [10, 0.001]
)");
  const auto sweep = gyre(folder, {"sweep", (folder / "rates.toml").string()});
  EXPECT_EQ(sweep.status, 0) << sweep.err;
  EXPECT_THAT(sweep.err, HasSubstr("diverged at step"));
  const auto runs = store::RunStore(folder / "gyre.sqlite", true).runs("rates");
  ASSERT_EQ(runs.size(), 2u);
  EXPECT_EQ(runs[0].status, "diverged");
  EXPECT_EQ(runs[1].status, "ok");
}

TEST_F(LearnedTest, RefusesWhatCannotBeLearned) {
  const auto refusal = [&](const std::vector<std::string>& words) {
    const auto run = gyre(folder, std::vector<std::string>{"run", "rotation=learned"} + words + quick());
    EXPECT_NE(run.status, 0);
    return run.err;
  };
  EXPECT_THAT(refusal({"quant=none"}), HasSubstr("nothing is quantized while learning"));
  EXPECT_THAT(refusal({"rotation.r1.block_size=48"}), HasSubstr("block_size = 48 does not divide"));
  EXPECT_THAT(refusal({"rotation.r1.init=learned"}), HasSubstr("rotation.r1.init"));
  EXPECT_THAT(refusal({"rotation.r1.init=gsrr"}), HasSubstr("gsr"));
  EXPECT_THAT(refusal({"rotation.r4.scheme=learned"}), HasSubstr("can be learned"));
  EXPECT_THAT(refusal({"learn.objective=ca"}), HasSubstr("ce"));
  EXPECT_THAT(refusal({"learn.window=4096"}), HasSubstr("positions"));
  EXPECT_THAT(refusal({"learn.path=wikitext2"}), HasSubstr("evaluated text"));
  EXPECT_THAT(refusal({"learn.window=64", "learn.path=/no/such.txt"}), HasSubstr("/no/such.txt"));
  EXPECT_THAT(refusal({"learn.quant.weight=n_bit=4"}), HasSubstr("learn.quant.weight"));
  write_bytes(folder / "short.txt", "Once.");
  EXPECT_THAT(refusal({"learn.window=64", "learn.path=" + (folder / "short.txt").string()}),
              HasSubstr("fewer than one window"));
  EXPECT_TRUE(cached().empty());
}

}  // namespace
}  // namespace gyre::testing
