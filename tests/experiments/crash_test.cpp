// A sweep that is killed anywhere ends with every point ok exactly once.
#include <map>
#include <random>

#include "program.h"

namespace gyre::testing {
namespace {

using Clock = std::chrono::steady_clock;

constexpr const char* kSweep = R"([base]
model = "default"
"eval.window" = 64
"eval.max_windows" = 2
"run.threads" = 1
[[axis]]
key = "rotation"
values = ["none", "hadamard", "gsr"]
[[axis]]
key = "quant"
values = ["w4a16", "w4a4kv4"]
[[axis]]
key = "seed"
values = [0, 1]
)";
constexpr int kPoints = 12;

struct CrashTest : ::testing::Test {
  CrashTest() { write_bytes(folder / "grid.toml", kSweep); }
  std::vector<std::string> sweep(const std::string& database) const {
    return {"sweep", (folder / "grid.toml").string(), "--db", (folder / database).string()};
  }
  std::map<std::string, int> times_ok(const std::string& database) const {
    std::map<std::string, int> times;
    for (const auto& run : store::RunStore(folder / database, true).runs(""))
      if (run.status == "ok") ++times[run.digest];
    return times;
  }
  TemporaryFolder folder;
};

TEST_F(CrashTest, SurvivesSigkillAtTenRandomMoments) {
  const auto begin = Clock::now();
  ASSERT_EQ(Program(folder.path(), sweep("whole.sqlite")).wait().status, 0);
  const double whole = std::chrono::duration<double>(Clock::now() - begin).count();

  // Most of the moments fall into the work itself, some into the start.
  std::mt19937 random(20251125);
  std::uniform_real_distribution<double> share(0.02, 0.6);
  for (int i = 0; i < 10; ++i) {
    Program program(folder.path(), sweep("killed.sqlite"));
    std::this_thread::sleep_for(std::chrono::duration<double>(whole * share(random)));
    program.send(SIGKILL);
    program.wait();
  }
  const auto last = Program(folder.path(), sweep("killed.sqlite")).wait();
  EXPECT_EQ(last.status, 0) << last.err;

  const auto killed = times_ok("killed.sqlite"), untouched = times_ok("whole.sqlite");
  EXPECT_EQ(untouched.size(), kPoints);
  EXPECT_EQ(killed, untouched);
  for (const auto& [digest, times] : killed) EXPECT_EQ(times, 1) << digest;
  // Interruption moves no number.
  store::RunStore a(folder / "whole.sqlite", true), b(folder / "killed.sqlite", true);
  for (const auto& [digest, times] : untouched)
    EXPECT_EQ(a.run(digest).metrics[0].value, b.run(digest).metrics[0].value);
}

TEST_F(CrashTest, AnInterruptSavesTheStateAndIsContinued) {
  Program program(folder.path(), sweep("interrupted.sqlite"));
  while (program.err_so_far().find("[2/12]") == std::string::npos)
    std::this_thread::sleep_for(std::chrono::milliseconds(5));
  program.send(SIGINT);
  EXPECT_EQ(program.wait().status, 130);
  EXPECT_GE(times_ok("interrupted.sqlite").size(), 2u);
  EXPECT_EQ(Program(folder.path(), sweep("interrupted.sqlite")).wait().status, 0);
  EXPECT_EQ(times_ok("interrupted.sqlite").size(), kPoints);
}

TEST_F(CrashTest, TwoProcessesShareASweep) {
  Program first(folder.path(), sweep("shared.sqlite")), second(folder.path(), sweep("shared.sqlite"));
  const auto a = first.wait(), b = second.wait();
  EXPECT_EQ(a.status, 0) << a.err;
  EXPECT_EQ(b.status, 0) << b.err;
  const auto times = times_ok("shared.sqlite");
  EXPECT_EQ(times.size(), kPoints);
  for (const auto& [digest, n] : times) EXPECT_EQ(n, 1) << digest;
}

TEST_F(CrashTest, AFailingPointStopsNoOtherAndIsTriedAgain) {
  // Three points, of which one names a model that goes missing after the plan is laid: here, an unreadable
  // tensor.
  const auto model = folder / "model";
  std::filesystem::copy(GYRE_SOURCE_DIR "/experiments/assets/wiki-tiny", model);
  const auto weights = bytes_of(model / "model.safetensors");
  auto damaged = weights;
  damaged.replace(damaged.size() - 4, 4,
                  std::string("\xff\xff\xff\xff", 4));  // not-a-number in whatever float type
  write_bytes(model / "model.safetensors", damaged);
  write_bytes(folder / "mixed.toml", R"([base]
data = "wikitext2_512"
"eval.window" = 64
"eval.max_windows" = 1
"run.threads" = 1
[[axis]]
key = "model.path"
values = ["default", ")" + model.string() +
                                         R"("]
)");
  const std::vector<std::string> mixed = {"sweep", (folder / "mixed.toml").string()};
  const auto failed = gyre(folder, mixed);
  EXPECT_EQ(failed.status, 1);
  EXPECT_NE(failed.err.find("nan"), std::string::npos) << failed.err;
  EXPECT_EQ(times_ok("gyre.sqlite").size(), 1u);
  const auto again = gyre(folder, mixed);
  EXPECT_EQ(again.status, 1);
  EXPECT_NE(again.err.find("1 of 2 points are finished already"), std::string::npos) << again.err;
}

}  // namespace
}  // namespace gyre::testing
