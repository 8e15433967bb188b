// A training that is killed is continued by the same command, and gives the numbers of one that was not.
#include <random>

#include "program.h"

namespace gyre::testing {
namespace {

using Clock = std::chrono::steady_clock;

struct TrainCrashTest : ::testing::Test {
  std::vector<std::string> command(const std::string& place) const {
    return std::vector<std::string>{"run",
                                    "data=stories_split",
                                    "quant=w2a4kv4_ldp",
                                    "train=qat",
                                    "train.steps=60",
                                    "train.window=64",
                                    "train.checkpoint_every=1",
                                    "run.packed=" + (folder / place / "packed").string(),
                                    "--db",
                                    (folder / place / "gyre.sqlite").string()} +
           quick();
  }
  // A killed run may have been finished before the last kill, and then made once more: the numbers must be
  // the same.
  store::RunRow ok_run(const std::string& place) const {
    std::vector<store::RunRow> ok;
    for (const auto& run : store::RunStore(folder / place / "gyre.sqlite", true).runs(""))
      if (run.status == "ok") ok.push_back(run);
    EXPECT_GE(ok.size(), 1u);
    for (const auto& run : ok) EXPECT_EQ(run.metrics.at(0).value, ok.at(0).metrics.at(0).value);
    return ok.at(0);
  }
  std::string packed(const std::string& place) const {
    return bytes_of(folder / place / "packed" / (ok_run(place).digest.substr(0, 32) + ".safetensors"));
  }
  TemporaryFolder folder;
};

TEST_F(TrainCrashTest, SurvivesSigkillAtFiveRandomMoments) {
  const auto begin = Clock::now();
  const auto whole = Program(folder.path(), command("whole")).wait();
  ASSERT_EQ(whole.status, 0) << whole.err;
  const double seconds = std::chrono::duration<double>(Clock::now() - begin).count();
  std::mt19937 random(20251125);
  std::uniform_real_distribution<double> share(0.3, 0.7);
  int continued = 0;
  for (int i = 0; i < 5; ++i) {
    Program program(folder.path(), command("killed"));
    std::this_thread::sleep_for(std::chrono::duration<double>(seconds * share(random)));
    program.send(SIGKILL);
    continued += program.wait().err.find("continued after step") != std::string::npos;
  }
  const auto last = Program(folder.path(), command("killed")).wait();
  ASSERT_EQ(last.status, 0) << last.err;
  EXPECT_GT(continued, 0);
  EXPECT_EQ(ok_run("killed").metrics[0].value, ok_run("whole").metrics[0].value);
  EXPECT_EQ(packed("killed"), packed("whole"));
  EXPECT_FALSE(std::filesystem::exists(folder / "killed/cache/training" /
                                       (ok_run("killed").digest.substr(0, 32) + ".safetensors")));
}

TEST_F(TrainCrashTest, AnInterruptSavesTheStep) {
  auto endless = command("interrupted");
  endless.push_back("train.steps=1000000");
  endless.push_back("train.checkpoint_every=0");
  const auto wait_for = [](const Program& program, const char* text) {
    while (program.err_so_far().find(text) == std::string::npos)
      std::this_thread::sleep_for(std::chrono::milliseconds(5));
  };
  Program first(folder.path(), endless);
  wait_for(first, "training takes");
  std::this_thread::sleep_for(std::chrono::seconds(2));
  first.send(SIGTERM);
  EXPECT_EQ(first.wait().status, 130);
  Program second(folder.path(), endless);
  wait_for(second, "continued after step");
  second.send(SIGTERM);
  EXPECT_EQ(second.wait().status, 130);
}

TEST_F(TrainCrashTest, DryRunSaysTheMemory) {
  auto words = command("dry");
  words.push_back("--dry-run");
  const auto outcome = Program(folder.path(), words).wait();
  EXPECT_EQ(outcome.status, 0) << outcome.err;
  EXPECT_NE(outcome.out.find("AdamW's moments"), std::string::npos);
  EXPECT_FALSE(std::filesystem::exists(folder / "dry"));
}

}  // namespace
}  // namespace gyre::testing
