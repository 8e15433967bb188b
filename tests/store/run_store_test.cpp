#include "store/run_store.h"

#include <gmock/gmock.h>

#include <cmath>
#include <limits>

#include "store/sqlite.h"
#include "store/store_testing.h"

namespace gyre::store {
namespace {

using namespace testing;
using ::testing::ElementsAre;
using ::testing::HasSubstr;
using ::testing::IsEmpty;

constexpr double kNan = std::numeric_limits<double>::quiet_NaN();
constexpr double kInfinity = std::numeric_limits<double>::infinity();

class RunStoreTest : public ::testing::Test {
 protected:
  std::optional<std::int64_t> begin(const Point& point, const std::string& sweep = "s") {
    return store_.begin(sweep, point, "0.1.0+gabc", R"({"cpu":"x"})");
  }
  TemporaryFolder folder_;
  RunStore store_{folder_ / "deep/er/gyre.sqlite"};
};

TEST_F(RunStoreTest, ReadsBackWhatARunWrote) {
  const Point point = make_point("a");
  store_.plan_sweep("s", {point});
  const auto id = begin(point);
  ASSERT_TRUE(id);
  EXPECT_EQ(store_.runs("s").front().status, "running");
  store_.add_verification(*id, "invariance/rotate", true, 1e-5, "fine");
  finish_ok(store_, *id);

  const auto rows = store_.runs("s");
  ASSERT_EQ(rows.size(), 1u);
  const RunRow& row = rows.front();
  EXPECT_EQ(row.run_id, *id);
  EXPECT_EQ(row.digest, point.digest);
  EXPECT_EQ(row.sweep, "s");
  EXPECT_EQ(row.label, "a W4A16");
  EXPECT_EQ(row.status, "ok");
  EXPECT_EQ(row.version, "0.1.0+gabc");
  EXPECT_EQ(row.environment, R"({"cpu":"x"})");
  EXPECT_EQ(row.canonical, point.canonical);
  EXPECT_EQ(row.params, point.params);
  EXPECT_THAT(row.started_utc, ::testing::MatchesRegex("20..-..-..T..:..:..Z"));
  EXPECT_GE(row.ended_utc, row.started_utc);
  ASSERT_EQ(row.metrics.size(), 1u);
  EXPECT_EQ(row.metrics[0].name, "ppl/x@gptq2048");
  EXPECT_EQ(row.metrics[0].value, 25.0);
  EXPECT_EQ(row.metrics[0].std_error, 0.5);
  EXPECT_EQ(row.metrics[0].n, 256);
  ASSERT_EQ(row.stages.size(), 2u);
  EXPECT_EQ(row.stages[0].name, "load");
  EXPECT_EQ(row.stages[1].key, "k1");
  EXPECT_EQ(row.stages[1].seconds, 2.5);
  EXPECT_TRUE(row.stages[1].reused);
  EXPECT_EQ(row.stages[0].peak_bytes, 1000);
  const auto samples = store_.samples(*id, "ppl/x@gptq2048");
  ASSERT_EQ(samples.size(), 2u);
  EXPECT_EQ(samples[1].block, 1);
  EXPECT_EQ(samples[1].sum, 310.0);
  EXPECT_THAT(store_.samples(*id, "other"), IsEmpty());
}

TEST_F(RunStoreTest, KeepsNumbersThatAreNotFinite) {
  const auto id = begin(make_point("a"));
  store_.finish(*id, "diverged",
                {{"nan", kNan, kNan, 1, ""}, {"up", kInfinity, 0, 1, ""}, {"down", -kInfinity, 0, 1, ""}},
                {{"nan", {{0, 0, kNan, 128}}}}, {});
  const auto row = store_.run(std::to_string(*id));
  ASSERT_EQ(row.metrics.size(), 3u);
  EXPECT_TRUE(std::isnan(row.metrics[0].value));
  EXPECT_TRUE(std::isnan(row.metrics[0].std_error));
  EXPECT_EQ(row.metrics[1].value, kInfinity);
  EXPECT_EQ(row.metrics[2].value, -kInfinity);
  EXPECT_TRUE(std::isnan(store_.samples(*id, "nan").at(0).sum));
}

TEST_F(RunStoreTest, KeepsTextsWithQuotesAndNewlines) {
  Point point = make_point("a");
  point.label = "o'brien \"x\"; DROP TABLE run; -- \n\xC3\xA4";
  const auto id = begin(point);
  EXPECT_EQ(store_.run(std::to_string(*id)).label, point.label);
}

TEST_F(RunStoreTest, ListsPointsInPlanOrderAndPendingOnes) {
  const auto points = make_points(3);
  store_.plan_sweep("s", {points[2], points[0], points[1], points[0]});
  EXPECT_THAT(store_.pending("s", false), ElementsAre(points[2].digest, points[0].digest, points[1].digest));
  finish_ok(store_, *begin(points[0]));
  EXPECT_THAT(store_.pending("s", false), ElementsAre(points[2].digest, points[1].digest));

  const auto rows = store_.runs("s");
  ASSERT_EQ(rows.size(), 3u);
  EXPECT_EQ(rows[0].status, "pending");
  EXPECT_EQ(rows[0].run_id, 0);
  EXPECT_EQ(rows[0].label, points[2].label);
  EXPECT_THAT(rows[0].params, ElementsAre(Param{"model.path", "\"p2\""}, Param{"seed", "3"}));
  EXPECT_EQ(rows[1].status, "ok");
}

TEST_F(RunStoreTest, ForgetsNoPointThatLeavesThePlan) {
  const auto points = make_points(2);
  store_.plan_sweep("s", points);
  finish_ok(store_, *begin(points[0]));
  store_.plan_sweep("s", {points[1]});
  EXPECT_EQ(store_.runs("s").size(), 1u);
  EXPECT_EQ(store_.runs("").size(), 1u);
  store_.plan_sweep("s", {points[1], points[0]});
  EXPECT_THAT(store_.pending("s", false), ElementsAre(points[1].digest));
  EXPECT_THAT(store_.sweeps(), ElementsAre("s"));
}

TEST_F(RunStoreTest, TriesFailedAndInterruptedPointsAgain) {
  const auto points = make_points(2);
  store_.plan_sweep("s", points);
  store_.fail(*begin(points[0]), "failed", "no such tensor", "input");
  store_.fail(*begin(points[1]), "interrupted", "stopped");
  EXPECT_EQ(store_.pending("s", false).size(), 2u);
  const auto row = store_.runs("s").front();
  EXPECT_EQ(row.status, "failed");
  EXPECT_EQ(row.error, "no such tensor");
  EXPECT_EQ(row.error_code, "input");
  finish_ok(store_, *begin(points[0]));
  EXPECT_EQ(store_.runs("s").front().status, "ok");
  EXPECT_EQ(store_.runs("").size(), 3u);
}

TEST_F(RunStoreTest, RetriesADivergedPointOnlyWhenAsked) {
  const Point point = make_point("a");
  store_.plan_sweep("s", {point});
  store_.finish(*begin(point), "diverged", {}, {}, {});
  EXPECT_THAT(store_.pending("s", false), IsEmpty());
  EXPECT_THAT(store_.pending("s", true), ElementsAre(point.digest));
  store_.fail(*begin(point), "failed", "again");
  EXPECT_THAT(store_.pending("s", false), IsEmpty());
  EXPECT_EQ(store_.runs("s").front().status, "diverged");
}

TEST_F(RunStoreTest, GivesAPointToOneHolder) {
  const Point point = make_point("a");
  const auto id = begin(point);
  ASSERT_TRUE(id);
  RunStore second(store_.path());
  EXPECT_FALSE(second.begin("s", point, "v", "{}"));
  EXPECT_TRUE(second.begin("other", point, "v", "{}"));
  finish_ok(store_, *id);
  EXPECT_FALSE(second.begin("s", point, "v", "{}"));
}

TEST_F(RunStoreTest, AdoptsAFinishedRunOfAnotherSweep) {
  const auto points = make_points(2);
  EXPECT_EQ(store_.find_ok(points[0].digest), std::nullopt);
  const auto id = begin(points[0], "first");
  finish_ok(store_, *id);
  EXPECT_EQ(store_.find_ok(points[0].digest), id);
  EXPECT_EQ(store_.find_ok(points[0].digest, "0.1.0+gabc"), id);
  EXPECT_EQ(store_.find_ok(points[0].digest, "0.2.0"), std::nullopt);

  store_.plan_sweep("s", points);
  EXPECT_EQ(store_.pending("s", false).size(), 2u);
  store_.adopt("s", points[0], *id);
  EXPECT_THAT(store_.pending("s", false), ElementsAre(points[1].digest));
  EXPECT_FALSE(begin(points[0]));
  EXPECT_EQ(store_.runs("s")[0].run_id, *id);
  EXPECT_EQ(store_.runs("s")[1].status, "pending");
  store_.plan_sweep("s", points);
  EXPECT_THAT(store_.pending("s", false), ElementsAre(points[1].digest));
}

TEST_F(RunStoreTest, AdoptsNothingElse) {
  const auto points = make_points(2);
  store_.plan_sweep("s", points);
  const auto running = begin(points[0], "first");
  EXPECT_TRUE(is_error(error_of([&] { store_.adopt("s", points[0], *running); }), ErrorCode::kStore,
                       "cannot stand for"));
  finish_ok(store_, *running);
  EXPECT_TRUE(
      is_error(error_of([&] { store_.adopt("s", points[1], *running); }), ErrorCode::kStore, "same digest"));
  EXPECT_TRUE(
      is_error(error_of([&] { store_.adopt("none", points[0], *running); }), ErrorCode::kStore, "planned"));
}

TEST_F(RunStoreTest, FindsARunByDigitsOfItsDigestOrById) {
  const auto points = make_points(2);
  const auto first = begin(points[0]);
  finish_ok(store_, *first);
  const auto second = begin(points[1]);
  store_.fail(*second, "failed", "x");
  EXPECT_EQ(store_.run(points[0].digest.substr(0, 6)).run_id, *first);
  EXPECT_EQ(store_.run(points[1].digest).run_id, *second);
  EXPECT_EQ(store_.run(std::to_string(*second)).run_id, *second);
  EXPECT_EQ(store_.run(points[0].digest).run_id, *first);
}

TEST_F(RunStoreTest, NamesTheRunsThatADigestPrefixFits) {
  Point one = make_point("a"), two = make_point("b");
  one.digest = "abcd" + std::string(60, '1');
  two.digest = "abcd" + std::string(60, '2');
  begin(one);
  begin(two);
  const Error several = error_of([&] { store_.run("abcd"); });
  EXPECT_TRUE(is_error(several, ErrorCode::kInput, "abcd111111111111 (a W4A16), abcd222222222222 (b W4A16)"));
  EXPECT_EQ(store_.run("abcd1").label, "a W4A16");
  for (const char* name : {"abc", "", "99", "ffff", "%", "gsr", "99999999999999999999"})
    EXPECT_TRUE(is_error(error_of([&] { store_.run(name); }), ErrorCode::kInput, "no run"));
}

TEST_F(RunStoreTest, NamesKnownSweepsForAnUnknownOne) {
  EXPECT_TRUE(is_error(error_of([&] { store_.runs("quikstart"); }), ErrorCode::kInput, "none yet"));
  store_.plan_sweep("quickstart", {});
  EXPECT_TRUE(
      is_error(error_of([&] { store_.runs("quikstart"); }), ErrorCode::kInput, "did you mean 'quickstart'?"));
  EXPECT_THAT(store_.runs("quickstart"), IsEmpty());
}

TEST_F(RunStoreTest, RecordsResultsWholeOrNotAtAll) {
  const Point point = make_point("a");
  store_.plan_sweep("s", {point});
  const auto id = begin(point);
  const MetricRow metric{"m", 1, 0, 1, ""};
  const Error error = error_of([&] { store_.finish(*id, "ok", {metric, metric}, {}, {}); });
  EXPECT_TRUE(is_error(error, ErrorCode::kStore, "UNIQUE"));
  EXPECT_EQ(store_.runs("s").front().status, "running");
  EXPECT_THAT(store_.runs("s").front().metrics, IsEmpty());
  finish_ok(store_, *id);
  EXPECT_EQ(store_.runs("s").front().status, "ok");
}

TEST_F(RunStoreTest, AReaderSeesWhatAWriterCommitted) {
  const Point point = make_point("a");
  store_.plan_sweep("s", {point});
  const RunStore reader(store_.path(), /*read_only=*/true);
  EXPECT_EQ(reader.runs("s").front().status, "pending");
  finish_ok(store_, *begin(point));
  EXPECT_EQ(reader.runs("s").front().status, "ok");
}

TEST_F(RunStoreTest, AReaderCannotWrite) {
  RunStore reader(store_.path(), /*read_only=*/true);
  EXPECT_TRUE(
      is_error(error_of([&] { reader.plan_sweep("s", make_points(1)); }), ErrorCode::kStore, "readonly"));
}

TEST_F(RunStoreTest, KeepsMeasurements) {
  store_.add_kernel_timing(
      {"hadamard", "avx2", "1x4096", "float32", "cpu", 30, 1, 0.9, 1.2, 32768, kNan, 0.5});
  const auto timings = store_.kernel_timings();
  ASSERT_EQ(timings.size(), 1u);
  EXPECT_EQ(timings[0].variant, "avx2");
  EXPECT_EQ(timings[0].p90_us, 1.2);
  EXPECT_TRUE(std::isnan(timings[0].max_error));

  const auto id = *begin(make_point("a"));
  store_.add_tensor_stats(
      id, {{1, "q", "weight", "original", "mean", 1, 9}, {0, "q", "weight", "original", "mean", kNan, 9}});
  store_.add_tensor_stats(id, {{1, "q", "weight", "original", "mean", 2.5, 9}});
  const auto stats = store_.tensor_stats(id);
  ASSERT_EQ(stats.size(), 2u);
  EXPECT_EQ(stats[0].layer, 0);
  EXPECT_TRUE(std::isnan(stats[0].value));
  EXPECT_EQ(stats[1].value, 2.5);

  store_.add_curve(id, {{"loss", 10, 2.5}, {"loss", 0, 4}});
  const auto curve = store_.curve(id);
  ASSERT_EQ(curve.size(), 2u);
  EXPECT_EQ(curve[0].step, 0);
  EXPECT_EQ(curve[1].value, 2.5);
  EXPECT_THAT(store_.curve(id + 1), IsEmpty());
  EXPECT_TRUE(is_error(error_of([&] {
                         store_.add_curve(id + 1, {{"loss", 0, 1}});
                       }),
                       ErrorCode::kStore, "FOREIGN"));
}

TEST_F(RunStoreTest, PublishedValuesReplaceThemselves) {
  Reference row;
  row.id = "paper/1";
  row.source = "A paper";
  row.location = "table 1";
  row.model = "M-7B";
  row.value = 6.1;
  Reference word = row;
  word.id = "paper/2";
  word.value = 0;
  word.printed = "NaN";
  store_.put_references({row, word});
  row.value = 6.2;
  store_.put_references({row, word});
  const Database database(store_.path(), OpenMode::kQueryOnly);
  EXPECT_EQ(database.integer("SELECT count(*) FROM reference"), 1);
  EXPECT_EQ(database.text("SELECT reference_id || ' ' || value || ' ' || tolerance FROM reference"),
            "paper/1 6.2 0.005");
}

}  // namespace
}  // namespace gyre::store
