// A training that is killed is continued by the same command, and gives the numbers of one that was not.
#include <random>

#include "program.h"

namespace gyre::testing {
namespace {

using Clock = std::chrono::steady_clock;

struct TrainCrashTest : ::testing::Test {
  std::vector<std::string> command(const std::string& place) const {
    return std::vector<std::string>{"run",
                                    "quant=w2a4kv4_ldp",
                                    "train=qat",
                                    "train.steps=40",
                                    "train.window=64",
                                    "train.checkpoint_every=1",
                                    "run.packed=" + (folder / place / "packed").string(),
                                    "--db",
                                    (folder / place / "gyre.sqlite").string()} +
           quick();
  }
  store::RunRow only_ok(const std::string& place) const {
    std::vector<store::RunRow> ok;
    for (const auto& run : store::RunStore(folder / place / "gyre.sqlite", true).runs(""))
      if (run.status == "ok") ok.push_back(run);
    EXPECT_EQ(ok.size(), 1u);
    return ok.at(0);
  }
  std::string packed(const std::string& place) const {
    return bytes_of(folder / place / "packed" / (only_ok(place).digest.substr(0, 32) + ".safetensors"));
  }
  static void wait_for(const Program& program, const char* text) {
    while (program.err_so_far().find(text) == std::string::npos)
      std::this_thread::sleep_for(std::chrono::milliseconds(5));
  }
  TemporaryFolder folder;
};

TEST_F(TrainCrashTest, SurvivesSigkillAtFiveRandomMoments) {
  const auto seconds_from = [](Clock::time_point begin) {
    return std::chrono::duration<double>(Clock::now() - begin).count();
  };
  Program untouched(folder.path(), command("whole"));
  wait_for(untouched, "training takes");
  const auto begin = Clock::now();
  const auto whole = untouched.wait();
  ASSERT_EQ(whole.status, 0) << whole.err;
  const double seconds = seconds_from(begin);
  std::mt19937 random(20251125);
  std::uniform_real_distribution<double> share(0.05, 0.25);
  bool continued = false, finished = false;
  for (int i = 0; i < 5 && !finished; ++i) {
    Program program(folder.path(), command("killed"));
    wait_for(program, "training takes");
    std::this_thread::sleep_for(std::chrono::duration<double>(seconds * share(random)));
    program.send(SIGKILL);
    const auto outcome = program.wait();
    finished = outcome.status == 0;
    continued = continued || outcome.err.find("continued after step") != std::string::npos;
  }
  if (!finished) {
    const auto last = Program(folder.path(), command("killed")).wait();
    ASSERT_EQ(last.status, 0) << last.err;
    continued = continued || last.err.find("continued after step") != std::string::npos;
  }
  EXPECT_TRUE(continued);
  EXPECT_EQ(only_ok("killed").metrics[0].value, only_ok("whole").metrics[0].value);
  EXPECT_EQ(packed("killed"), packed("whole"));
  EXPECT_FALSE(std::filesystem::exists(folder / "killed/cache/training" /
                                       (only_ok("killed").digest.substr(0, 32) + ".safetensors")));
}

TEST_F(TrainCrashTest, AnInterruptSavesTheStep) {
  auto endless = command("interrupted");
  endless.push_back("train.steps=1000000");
  endless.push_back("train.checkpoint_every=0");
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
