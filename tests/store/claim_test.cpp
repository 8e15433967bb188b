// Claims across processes: kills, rivals, leases.
#include <signal.h>
#include <sqlite3.h>
#include <sys/wait.h>
#include <unistd.h>

#include <chrono>
#include <map>
#include <random>
#include <thread>

#include "store/store_testing.h"

namespace gyre::store {
namespace {

using namespace testing;
using std::chrono::microseconds;

// What `gyre sweep` does, with sleep for work. Ends when nothing is left to claim.
void work(const std::filesystem::path& path, const std::vector<Point>& points, unsigned seed) {
  std::mt19937 random(seed);
  std::uniform_int_distribution<int> pause(0, 3000);
  RunStore store(path);
  store.plan_sweep("s", points);
  for (const auto& digest : store.pending("s", false))
    for (const auto& point : points)
      if (point.digest == digest) {
        const auto id = store.begin("s", point, "v", "{}");
        if (!id) continue;
        std::this_thread::sleep_for(microseconds(pause(random)));
        finish_ok(store, *id);
      }
}

pid_t start_worker(const std::filesystem::path& path, const std::vector<Point>& points, unsigned seed) {
  const pid_t child = ::fork();
  if (child != 0) return child;
  try {
    work(path, points, seed);
  } catch (const std::exception& error) {
    fprintf(stderr, "worker: %s\n", error.what());
    ::_exit(1);
  }
  ::_exit(0);
}

int exit_status(pid_t child) {
  int status = 0;
  ::waitpid(child, &status, 0);
  return WIFEXITED(status) ? WEXITSTATUS(status) : 128 + WTERMSIG(status);
}

std::map<std::string, int> count_ok(const RunStore& store) {
  std::map<std::string, int> counts;
  for (const auto& run : store.runs(""))
    if (run.status == "ok") ++counts[run.digest];
  return counts;
}

TEST(Claims, SurviveKillsWithEveryPointOkOnce) {
  TemporaryFolder folder;
  const auto path = folder / "g.sqlite";
  const auto points = make_points(40);
  std::mt19937 random(20260612);
  std::uniform_int_distribution<int> life(2000, 60000);
  for (unsigned round = 0; round < 15; ++round) {
    const pid_t one = start_worker(path, points, 2 * round), two = start_worker(path, points, 2 * round + 1);
    std::this_thread::sleep_for(microseconds(life(random)));
    ::kill(one, SIGKILL);
    std::this_thread::sleep_for(microseconds(life(random) / 4));
    ::kill(two, SIGKILL);
    exit_status(one);
    exit_status(two);
  }
  EXPECT_EQ(exit_status(start_worker(path, points, 99)), 0);
  RunStore store(path);
  EXPECT_TRUE(store.pending("s", false).empty());
  const auto counts = count_ok(store);
  EXPECT_EQ(counts.size(), points.size());
  for (const auto& [digest, count] : counts) EXPECT_EQ(count, 1) << digest;
  for (const auto& run : store.runs("")) {
    EXPECT_TRUE(run.status == "ok" || (run.status == "failed" && run.error == "process ended")) << run.status;
    EXPECT_EQ(run.metrics.size(), run.status == "ok" ? 1u : 0u);
    EXPECT_EQ(store.samples(run.run_id, "ppl/x@gptq2048").size(), run.status == "ok" ? 2u : 0u);
  }
}

TEST(Claims, ShareASweepAmongRivalsWithoutDoubleWork) {
  TemporaryFolder folder;
  const auto path = folder / "g.sqlite";
  const auto points = make_points(30);
  std::vector<pid_t> workers;
  for (unsigned i = 0; i < 5; ++i) workers.push_back(start_worker(path, points, i));
  for (const pid_t worker : workers) EXPECT_EQ(exit_status(worker), 0);
  const RunStore store(path, true);
  EXPECT_EQ(store.runs("").size(), points.size());
  EXPECT_EQ(count_ok(store).size(), points.size());
}

TEST(Claims, OfAProcessThatEndedAreFreeAtOnce) {
  TemporaryFolder folder;
  const auto path = folder / "g.sqlite";
  const Point point = make_point("a");
  int pipe_ends[2];
  ASSERT_EQ(::pipe(pipe_ends), 0);
  const pid_t holder = ::fork();
  if (holder == 0) {
    RunStore store(path);
    store.begin("s", point, "v", "{}");
    (void)!::write(pipe_ends[1], "x", 1);
    ::pause();
  }
  char byte = 0;
  ASSERT_EQ(::read(pipe_ends[0], &byte, 1), 1);
  RunStore store(path);
  EXPECT_FALSE(store.begin("s", point, "v", "{}"));
  ::kill(holder, SIGKILL);
  // A killed process that nobody has waited for yet is dead too.
  siginfo_t info;
  ::waitid(P_PID, static_cast<id_t>(holder), &info, WEXITED | WNOWAIT);
  EXPECT_TRUE(store.begin("s", point, "v", "{}"));
  EXPECT_EQ(store.runs("").front().error, "process ended");
  exit_status(holder);
  ::close(pipe_ends[0]);
  ::close(pipe_ends[1]);
}

class LeaseTest : public ::testing::Test {
 protected:
  // Makes the run look as if held by something else.
  void alter(const std::string& assignment) {
    sqlite3* connection = nullptr;
    ASSERT_EQ(sqlite3_open(path_.c_str(), &connection), SQLITE_OK);
    const std::string sql = "UPDATE run SET " + assignment + " WHERE status = 'running'";
    EXPECT_EQ(sqlite3_exec(connection, sql.c_str(), nullptr, nullptr, nullptr), SQLITE_OK);
    sqlite3_close(connection);
  }
  TemporaryFolder folder_;
  std::filesystem::path path_ = folder_ / "g.sqlite";
  RunStore store_{path_};
  Point point_ = make_point("a");
  std::int64_t run_ = store_.begin("s", point_, "v", "{}").value();
};

TEST_F(LeaseTest, DetectsAReusedProcessNumber) {
  alter("process_start = process_start + 1");
  EXPECT_TRUE(store_.begin("s", point_, "v", "{}"));
}

TEST_F(LeaseTest, OfAnotherHostHoldsFor120Seconds) {
  alter("host = 'elsewhere', heartbeat_at = heartbeat_at - 110");
  EXPECT_FALSE(store_.begin("s", point_, "v", "{}"));
  alter("heartbeat_at = heartbeat_at - 20");
  EXPECT_TRUE(store_.begin("s", point_, "v", "{}"));
}

TEST_F(LeaseTest, IsRenewedByAHeartbeat) {
  alter("host = 'elsewhere', heartbeat_at = heartbeat_at - 500");
  store_.heartbeat(run_);
  EXPECT_FALSE(store_.begin("s", point_, "v", "{}"));
}

TEST_F(LeaseTest, LostToNobodyKeepsItsResults) {
  alter("host = 'elsewhere', heartbeat_at = 0");
  store_.pending("s", false);
  EXPECT_EQ(store_.run(std::to_string(run_)).status, "failed");
  EXPECT_TRUE(store_.finish(run_, "ok", {}, {}, {}));
  EXPECT_EQ(store_.run(std::to_string(run_)).status, "ok");
  EXPECT_EQ(store_.run(std::to_string(run_)).error, "");
}

TEST_F(LeaseTest, LostToAFasterProcessKeepsOneResult) {
  alter("host = 'elsewhere', heartbeat_at = 0");
  const auto second = store_.begin("s", point_, "v", "{}");
  finish_ok(store_, second.value());
  EXPECT_FALSE(store_.finish(run_, "ok", {{"m", 1, 0, 1, ""}}, {}, {}));
  EXPECT_EQ(store_.run(point_.digest).run_id, *second);
  EXPECT_TRUE(store_.run(std::to_string(run_)).metrics.empty());
}

TEST(Store, WaitsForAnotherWriter) {
  TemporaryFolder folder;
  const auto path = folder / "g.sqlite";
  RunStore store(path);
  sqlite3* other = nullptr;
  ASSERT_EQ(sqlite3_open(path.c_str(), &other), SQLITE_OK);
  ASSERT_EQ(sqlite3_exec(other, "BEGIN IMMEDIATE", nullptr, nullptr, nullptr), SQLITE_OK);
  std::thread release([&] {
    std::this_thread::sleep_for(std::chrono::milliseconds(200));
    sqlite3_exec(other, "COMMIT", nullptr, nullptr, nullptr);
  });
  EXPECT_NO_THROW(store.plan_sweep("s", make_points(1)));
  release.join();
  sqlite3_close(other);
}

TEST(Store, IsMadeOnceByManyProcesses) {
  for (int round = 0; round < 5; ++round) {
    TemporaryFolder folder;
    std::vector<pid_t> children;
    for (int i = 0; i < 6; ++i) children.push_back(start_worker(folder / "g.sqlite", {}, 0));
    for (const pid_t child : children) EXPECT_EQ(exit_status(child), 0);
    EXPECT_EQ(RunStore(folder / "g.sqlite").sweeps().size(), 1u);
  }
}

}  // namespace
}  // namespace gyre::store
