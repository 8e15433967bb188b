#include "analysis/table.h"

#include <gmock/gmock.h>

#include "analysis/fixture.h"
#include "analysis/keys.h"
#include "analysis/sweep_view.h"

namespace gyre::analysis {
namespace {

using namespace testing;
using ::testing::AllOf;
using ::testing::Contains;
using ::testing::ElementsAre;
using ::testing::HasSubstr;

class TableTest : public Fixture {};

std::vector<std::string> row_names_of(const Table& table) {
  std::vector<std::string> names;
  for (const auto& row : table.rows) names.push_back(row.names.front());
  return names;
}

TEST_F(TableTest, PutsRotationsDownAndBitsAcrossWithFullPrecisionFirst) {
  ok(config("none", 4), blocks(3.2));
  RunConfig signs = config("hadamard", 3);
  signs.rotation.r1.random_signs = true;
  ok(signs, blocks(4.0));
  ok(config("none", 16), blocks(3.0));
  const Table t = table();
  EXPECT_THAT(row_names_of(t), ElementsAre("full precision", "none", "hadamard (signs)"));
  ASSERT_EQ(t.columns.size(), 3u);
  EXPECT_EQ(column_name(t, 0), "FP");
  EXPECT_EQ(column_name(t, 1), "W4A16");
  EXPECT_EQ(column_name(t, 2), "W3A16");
  EXPECT_DOUBLE_EQ(t.rows[0].cells[0].value, std::exp(3.0));
  EXPECT_EQ(t.rows[0].cells[0].text, "20.09 ± 0.25");
  EXPECT_EQ(t.rows[0].cells[1].status, "");
  EXPECT_EQ(t.rows[2].cells[2].text, "54.60 ± 0.25");
  EXPECT_EQ(t.metric, kMetric);
  EXPECT_EQ(t.title, "Perplexity of Tiny_1.gguf on wikitext2, by rotation and bits");
}

TEST_F(TableTest, SaysWhyACellHasNoValue) {
  ok(config("none", 4), blocks(3.2));
  store_->fail(begin(config("gsr", 4)), "failed",
               "the rotated model does not compute the original's function\nat layer 3");
  store_->finish(begin(config("random", 4)), "diverged", {{kMetric, kNoValue, kNoValue, 400, ""}}, {}, {});
  begin(config("sequency", 4));
  point(config("identity", 4));
  store_->fail(begin(config("haar", 4)), "interrupted", "stopped");
  store_->finish(begin(config("other", 4)), "ok", {{"speed/evaluate", 1, 0, 1, ""}}, {}, {});
  const Table t = table();
  std::vector<std::string> texts;
  for (const auto& row : t.rows) texts.push_back(row.cells[0].text);
  EXPECT_THAT(texts, ElementsAre("24.53 ± 0.25", "failed", "diverged", "running", "pending", "interrupted",
                                 "no metric"));
  EXPECT_THAT(t.notes,
              Contains("Failed: gsr W4A16: the rotated model does not compute the original's function"));
  EXPECT_THAT(t.notes, Contains("Sweep s: 3 of 7 points finished; gyre 0.1.0."));
}

TEST_F(TableTest, AveragesSeedsAndShowsTheirSpread) {
  for (const int seed : {0, 1, 2}) {
    RunConfig c = config("random", 4);
    c.seed = seed;
    ok(c, blocks(std::log(20.0 + seed)));
  }
  RunConfig failing = config("random", 3);
  store_->fail(begin(failing), "failed", "x");
  failing.seed = 1;
  ok(failing, blocks(std::log(50.0)));
  const Table t = table();
  const Cell& cell = t.rows[0].cells[0];
  EXPECT_NEAR(cell.value, 21, 1e-9);
  EXPECT_NEAR(cell.seed_spread, 1, 1e-9);  // standard deviation of 20, 21, 22
  EXPECT_TRUE(std::isnan(cell.arithmetic_spread));
  EXPECT_EQ(cell.runs.size(), 3u);
  EXPECT_EQ(cell.text, "21.00 ± 0.25 [3 seeds, sd 1.00]");
  EXPECT_EQ(t.rows[0].cells[1].text, "50.00 ± 0.25 [1 of 2 runs; 1 failed]");
  EXPECT_THAT(t.notes.front(), HasSubstr("mean over seeds"));
}

TEST_F(TableTest, RefusesToAverageUnlikeRuns) {
  RunConfig c = config("gsr", 4);
  ok(c, blocks(3));
  c.quant.weight.group_size.value = 32;
  ok(c, blocks(3.1));
  const Error error = error_of({.sweep = "s"});
  EXPECT_EQ(error.code(), ErrorCode::kUsage);
  EXPECT_THAT(error.what(), AllOf(HasSubstr("cell (gsr, W4A16)"), HasSubstr("quant.weight.group_size")));
  const Table t = table({.sweep = "s", .columns = {"bits", "quant.weight.group_size"}});
  EXPECT_EQ(column_name(t, 1), "W4A16, quant.weight.group_size=32");
}

TEST_F(TableTest, RefusesToMixMetrics) {
  ok(config("none", 4), blocks(3));
  ok(config("gsr", 4), blocks(3), 0.25, "ppl/wikitext2@gptq512");
  const Error error = error_of({.sweep = "s"});
  EXPECT_EQ(error.code(), ErrorCode::kUsage);
  EXPECT_THAT(error.what(),
              AllOf(HasSubstr(kMetric), HasSubstr("ppl/wikitext2@gptq512"), HasSubstr("--metric")));
  const Table t = table({.sweep = "s", .metric = kMetric});
  EXPECT_EQ(t.rows[0].cells[0].status, "ok");
  EXPECT_EQ(t.rows[1].cells[0].status, "no metric");
}

TEST_F(TableTest, NamesWhatThereIsForUnknownNames) {
  ok(config("none", 4), blocks(3));
  EXPECT_THAT(error_of({.sweep = "s", .metric = "speed/evaluat"}).what(),
              HasSubstr("did you mean 'speed/evaluate'?"));
  EXPECT_THAT(error_of({.sweep = "s", .rows = {"rotation.r1.schem"}}).what(),
              HasSubstr("did you mean 'rotation.r1.scheme'?"));
  EXPECT_THAT(error_of({.sweep = "s", .rows = {"bits"}}).what(), HasSubstr("named twice"));
  EXPECT_THAT(error_of({.sweep = "s", .baseline = "non"}).what(), HasSubstr("did you mean 'none'?"));
  EXPECT_THAT(error_of({.sweep = "s", .metric = "speed/evaluate", .baseline = "none"}).what(),
              HasSubstr("compares perplexities"));
  EXPECT_THAT(error_of({.sweep = "s", .test = "z"}).what(), HasSubstr("expected t or wilcoxon"));
  EXPECT_EQ(error_of({.sweep = "t"}).code(), ErrorCode::kInput);
}

TEST_F(TableTest, OfAnEmptyDatabaseIsAnError) {
  const Error error = error_of({});
  EXPECT_EQ(error.code(), ErrorCode::kInput);
  EXPECT_THAT(error.what(), HasSubstr("no runs yet"));
}

TEST_F(TableTest, OfAPlanWithoutResultsShowsItsPoints) {
  point(config("none", 4));
  const Table t = table();
  EXPECT_EQ(t.rows[0].cells[0].text, "pending");
  EXPECT_THAT(t.title, HasSubstr("No results yet"));
}

TEST_F(TableTest, OfAnUnfinishedSweepPoolsSeedsThatRanWithThoseToCome) {
  auto c = config("hadamard", 4);
  c.rotation.r1.random_signs = true;
  ok(c, blocks(3));
  c.seed = 1;
  point(c);
  const auto options = natural_options(*store_, "s", "");
  EXPECT_EQ(options.rows, TableOptions{}.rows);
  EXPECT_EQ(options.columns, TableOptions{}.columns);
  const Table t = table(options);
  ASSERT_EQ(t.rows.size(), 1u);
  EXPECT_THAT(t.rows[0].cells[0].text, HasSubstr("20.09"));
}

TEST_F(TableTest, TakesSettingsThatCountForNeitherRunForNoDifference) {
  const auto c = config("gsr", 4);
  auto older = c;  // of a version that did not know two idle settings, and recorded another value of a third
  older.seed = 1;
  auto p = point(older);
  std::erase_if(p.params, [](const Param& param) {
    return param.key == "rotation.r1.init" || param.key == "learn.steps";
  });
  for (auto& param : p.params)
    if (param.key == "learn.lr") param.value = "7";
  store_->finish(store_->begin("s", p, "0.0.9", "{}").value(), "ok", {{kMetric, std::exp(3), 0.25, 512, ""}},
                 {{kMetric, blocks(3)}}, {});
  ok(c, blocks(3));
  EXPECT_THAT(table().rows[0].cells[0].text, HasSubstr("2 seeds"));
}

TEST_F(TableTest, TellsASchemesOwnSettingsApartWhereNothingElseDiffers) {
  auto c = config("gsr", 4);
  c.rotation.r1.scheme = c.rotation.r2.scheme = "learned";
  ok(c, blocks(3));
  auto p = point(c);
  p.canonical += "learn.novelty = 1\n";  // of a version that knows one more
  p.digest = sha256_hex(p.canonical);
  store_->plan_sweep("s", {plan_.front(), p});
  EXPECT_THAT(error_of({.sweep = "s"}).what(), HasSubstr("differ in learn.novelty;"));
}

TEST_F(TableTest, PivotsAnySettings) {
  ok(config("none", 4), blocks(3));
  ok(config("gsr", 3), blocks(3.5));
  const Table t =
      table({.sweep = "s", .rows = {"rotation.r1.scheme", "seed"}, .columns = {"quant.weight.n_bits"}});
  EXPECT_THAT(t.rows[1].names, ElementsAre("gsr", "0"));
  EXPECT_EQ(column_name(t, 1), "quant.weight.n_bits=3");
  EXPECT_EQ(t.rows[0].cells[0].text, "20.09 ± 0.25");
  EXPECT_EQ(t.rows[0].cells[1].status, "");
}

TEST_F(TableTest, KeepsTheRunsThatAreAskedFor) {
  for (const char* r1 : {"none", "gsr", "hadamard"})
    for (const int bits : {2, 3}) ok(config(r1, bits), blocks(bits));
  const Table t = table({.sweep = "s",
                         .columns = {"grid"},
                         .where = {{"quant.weight.n_bits", "3"}, {"rotation", "gsr"}, {"rotation", "none"}}});
  EXPECT_THAT(row_names_of(t), ElementsAre("none", "gsr"));
  ASSERT_EQ(t.columns.size(), 1u);
  EXPECT_EQ(column_name(t, 0), "symmetric");
  EXPECT_EQ(t.rows[0].cells[0].text, "20.09 ± 0.25");
  EXPECT_THAT(t.notes.back(),
              HasSubstr("only quant.weight.n_bits = 3, rotation = gsr, rotation = none: 2 of 2"));
  EXPECT_THAT(error_of({.sweep = "s", .where = {{"quant.weight.n_bit", "3"}}}).what(),
              HasSubstr("did you mean 'quant.weight.n_bits'?"));
  EXPECT_THAT(error_of({.sweep = "s", .where = {{"quant.weight.n_bits", "4"}}}).what(),
              HasSubstr("no run with quant.weight.n_bits = '4' is left (known: 2, 3)"));
}

TEST_F(TableTest, NamesTheGridsOfWeights) {
  auto c = config("gsr", 2);
  ok(c, blocks(3));
  c.quant.weight.symmetric = false;
  for (const char* zero_point : {"integer", "real", "none"}) {
    c.quant.weight.zero_point = zero_point;
    ok(c, blocks(3));
  }
  const Table t = table({.sweep = "s", .columns = {"grid"}});
  std::vector<std::string> grids;
  for (std::size_t i = 0; i < t.columns.size(); ++i) grids.push_back(column_name(t, i));
  EXPECT_THAT(grids, ElementsAre("symmetric", "asymmetric (integer zero point)",
                                 "asymmetric (real zero point)", "levels without zero"));
}

TEST_F(TableTest, ShowsOtherMetricsWithTheirUnit) {
  ok(config("none", 4), blocks(3));
  const Table t = table({.sweep = "s", .metric = "speed/evaluate"});
  EXPECT_EQ(t.rows[0].cells[0].text, "650.0");
  EXPECT_THAT(t.title, HasSubstr("speed/evaluate (tokens/s) of Tiny_1.gguf"));
}

// Against none: NLL differences of gsr by window are 4 + 6 = 10 and 1 + 1 = 2 over 200 targets each; mean 12
// / 400 = 0.03, residuals 4 and -4, se^2 = 2 * 32 / 400^2, se = 0.02.
TEST_F(TableTest, ComparesWithABaselineRowBlockByBlock) {
  ok(config("none", 4), blocks(3, 1, -1, 5, 2));
  ok(config("gsr", 4), blocks(3, 5, 5, 6, 3));
  ok(config("gsr", 3), blocks(4));
  const Table t = table({.sweep = "s", .baseline = "none"});
  EXPECT_FALSE(t.rows[0].cells[0].versus);
  ASSERT_TRUE(t.rows[1].cells[0].versus);
  EXPECT_NEAR(t.rows[1].cells[0].versus->value, std::exp(0.03), 1e-12);
  EXPECT_NEAR(t.rows[1].cells[0].versus->std_error, std::exp(0.03) * 0.02, 1e-12);
  EXPECT_EQ(t.rows[1].cells[0].versus_text, "×1.030 ± 0.021");
  EXPECT_FALSE(t.rows[1].cells[1].versus);  // none has no W3A16
}

TEST_F(TableTest, ComparesEveryColumnWithFullPrecision) {
  ok(config("none", 16), blocks(3));
  ok(config("none", 4), blocks(3.5));
  ok(config("gsr", 3), blocks(4));
  const Table t = table({.sweep = "s", .baseline = "full precision"});
  EXPECT_NEAR(t.rows[1].cells[1].versus->value, std::exp(0.5), 1e-12);
  EXPECT_NEAR(t.rows[2].cells[2].versus->value, std::exp(1.0), 1e-12);
  EXPECT_NEAR(t.rows[2].cells[2].versus->std_error, 0, 1e-12);
}

TEST_F(TableTest, ComparesMeansOverSeeds) {
  ok(config("none", 4), blocks(3));
  for (const int seed : {0, 1}) {
    RunConfig c = config("random", 4);
    c.seed = seed;
    ok(c, blocks(seed == 0 ? 3.1 : 3.3));
  }
  const Table t = table({.sweep = "s", .baseline = "none"});
  EXPECT_NEAR(t.rows[1].cells[0].versus->value, std::exp(0.2), 1e-12);
}

TEST_F(TableTest, CountsASeedOnceHoweverManyReplicasItHas) {
  ok(config("none", 4), blocks(3));
  for (const auto& [seed, replica, nll] :
       {std::tuple(0, 0, 3.10), std::tuple(0, 1, 3.14), std::tuple(1, 0, 3.30)}) {
    RunConfig c = config("random", 4);
    c.seed = seed;
    c.replica = replica;
    ok(c, blocks(nll));
  }
  const Table t = table({.sweep = "s", .baseline = "none"});
  const Cell& cell = t.rows[1].cells[0];
  EXPECT_NEAR(cell.value, ((std::exp(3.10) + std::exp(3.14)) / 2 + std::exp(3.30)) / 2, 1e-9);
  EXPECT_NEAR(cell.versus->value, std::exp(0.21), 1e-12);
}

// Replicas of gsr lie 0.04 apart in NLL: sd 0.02 * sqrt(2); none is 0.05 behind, below twice sqrt(2) of it.
TEST_F(TableTest, KeepsReplicasApartFromSeedsAndBelowTheirSpreadMarksNothing) {
  ok(config("none", 4, 4), blocks(3.05, 0.1));
  for (const int replica : {0, 1}) {
    RunConfig c = config("gsr", 4, 4);
    c.replica = replica;
    ok(c, blocks(replica == 0 ? 2.98 : 3.02));
  }
  const Table t = table({.sweep = "s", .baseline = "none"});
  const Cell& cell = t.rows[1].cells[0];
  EXPECT_EQ(cell.n_replicas, 2);
  EXPECT_EQ(cell.n_seeds, 1);
  EXPECT_TRUE(std::isnan(cell.seed_spread));
  EXPECT_NEAR(cell.arithmetic_spread, (std::exp(3.02) - std::exp(2.98)) / std::sqrt(2), 1e-9);
  EXPECT_THAT(cell.text, HasSubstr("[2 replicas, sd 0.568]"));
  EXPECT_LT(cell.versus->p_holm, 0.05);
  EXPECT_FALSE(cell.versus->significant);
  EXPECT_EQ(cell.standing, Standing::kTied);
  EXPECT_EQ(t.rows[0].cells[0].standing, Standing::kTied);
  EXPECT_THAT(t.notes,
              Contains(HasSubstr("standard deviation of the mean NLL over up to 2 replicas: W4A4 0.028")));
}

TEST_F(TableTest, SaysWhereArithmeticAndSeedsAreNotKnown) {
  ok(config("none", 4, 4), blocks(3.05, 0.1));
  ok(config("random", 4, 4), blocks(3));
  const Table t = table({.sweep = "s", .baseline = "none"});
  EXPECT_LT(t.rows[1].cells[0].versus->p_holm, 0.05);
  EXPECT_FALSE(t.rows[1].cells[0].versus->significant);
  EXPECT_THAT(t.notes,
              Contains(HasSubstr("Arithmetic uncertainty is not known in W4A4: there are no replicas")));
  EXPECT_THAT(t.notes, Contains(HasSubstr("Seed uncertainty is not known for random: one seed")));
}

TEST_F(TableTest, ComparesAccuraciesByItems) {
  const auto items = [](int n_right) {
    std::vector<store::SampleRow> rows;
    for (int i = 0; i < 20; ++i) rows.push_back({i, 0, i < n_right ? 1.0 : 0.0, 1});
    return rows;
  };
  const auto add = [&](const char* r1, int n_right) {
    store_->finish(begin(config(r1, 4)), "ok", {{"acc/task", n_right / 20.0, 0.1, 20, ""}},
                   {{"acc/task", items(n_right)}}, {});
  };
  add("none", 6);
  add("gsr", 16);
  const Table t = table({.sweep = "s", .metric = "acc/task", .baseline = "none"});
  EXPECT_EQ(t.rows[1].cells[0].standing, Standing::kBest);  // higher is better
  EXPECT_NEAR(t.rows[1].cells[0].versus->value, 0.5, 1e-12);
  EXPECT_NEAR(t.rows[1].cells[0].versus->p, 2 / 1024.0, 1e-12);  // 10 items to none
  EXPECT_THAT(t.rows[1].cells[0].versus_text, HasSubstr("+50.0"));
  EXPECT_THAT(t.notes, Contains(HasSubstr("exact McNemar over 20 items")));
}

TEST_F(TableTest, DoesNotOrderWhatHasCollapsed) {
  ok(config("none", 4), blocks(12));
  ok(config("gsr", 4), blocks(9));
  ok(config("random", 4), blocks(4));
  const Table t = table({.sweep = "s", .baseline = "none"});
  EXPECT_FALSE(t.rows[1].cells[0].versus);
  EXPECT_TRUE(t.rows[2].cells[0].versus);
}

TEST_F(TableTest, ComparesNothingThatDoesNotPair) {
  ok(config("none", 4), blocks(3));
  auto shorter = blocks(3);
  shorter.pop_back();
  ok(config("gsr", 4), shorter);
  store_->fail(begin(config("random", 4)), "failed", "x");
  const Table t = table({.sweep = "s", .baseline = "none"});
  EXPECT_EQ(t.rows[1].cells[0].versus_text, "×n/a");
  EXPECT_EQ(t.rows[2].cells[0].text, "failed");
}

TEST_F(TableTest, OfTheWholeDatabaseTakesTheBestRunOfADigest) {
  const RunConfig c = config("none", 4);
  store_->fail(begin(c), "failed", "x");
  plan_.clear();
  ok(c, blocks(3));
  const auto id = store_->begin("other sweep", point(c), "0.1.0", "{}");
  store_->fail(*id, "failed", "x");
  EXPECT_EQ(table({}).rows[0].cells[0].text, "20.09 ± 0.25");
}

TEST(Unquoted, ReadsTomlTexts) {
  EXPECT_EQ(unquoted("\"gsr\""), "gsr");
  EXPECT_EQ(unquoted("4"), "4");
  EXPECT_EQ(unquoted("\"\""), "");
  EXPECT_EQ(unquoted("\"a\\\"b\\\\c\\u000Ad\""), "a\"b\\c\nd");
}

}  // namespace
}  // namespace gyre::analysis
