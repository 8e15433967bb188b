// Which cells are marked, and how often by mistake.
#include <gmock/gmock.h>

#include <cmath>

#include "analysis/pivot.h"
#include "core/seed.h"

namespace gyre::analysis {
namespace {

using ::testing::ElementsAre;

Evidence evidence_of(const std::vector<double>& window_means) {
  Evidence evidence;
  for (std::size_t w = 0; w < window_means.size(); ++w)
    evidence.samples.push_back({static_cast<std::int64_t>(w), 0, 100 * window_means[w], 100});
  double mean = 0;
  for (const double m : window_means) mean += m / static_cast<double>(window_means.size());
  evidence.spread.seed_means = {mean};
  return evidence;
}

// A table of one column a vector of evidence.
Pivot pivot_of(const std::vector<std::vector<Evidence>>& columns) {
  Pivot pivot;
  pivot.table.metric = "ppl/x";
  pivot.table.row_keys = {"rotation"};
  pivot.table.column_keys = {"bits"};
  for (std::size_t r = 0; r < columns[0].size(); ++r) {
    pivot.table.rows.push_back({{"row " + std::to_string(r)}, {}});
    auto& row = pivot.evidence.emplace_back();
    for (const auto& column : columns) {
      row.emplace_back(column[r]);
      Cell cell;
      cell.status = "ok";
      cell.value = std::exp(column[r].spread.seed_means[0]);
      pivot.table.rows.back().cells.push_back(cell);
    }
  }
  for (std::size_t c = 0; c < columns.size(); ++c)
    pivot.table.columns.push_back({"column " + std::to_string(c)});
  return pivot;
}

std::vector<Standing> standings(Pivot pivot, std::size_t column = 0) {
  mark_best(pivot, "t");
  std::vector<Standing> out;
  for (const auto& row : pivot.table.rows) out.push_back(row.cells[column].standing);
  return out;
}

constexpr auto kNone = Standing::kNone, kTied = Standing::kTied, kBest = Standing::kBest;

// Lags of b behind a: 0.1, 0.11, 0.09, 0.1, so that t = 24.5. Of c: 0.02, 0.01, 0, 0.01, so that t = 2.4.
const std::vector<double> kA = {3.0, 3.2, 2.9, 3.1}, kB = {3.1, 3.31, 2.99, 3.2},
                          kC = {3.02, 3.21, 2.9, 3.11};

TEST(MarkBest, NeedsToBeatEveryOther) {
  const auto a = evidence_of(kA), b = evidence_of(kB), c = evidence_of(kC);
  EXPECT_THAT(standings(pivot_of({{b, a}})), ElementsAre(kNone, kBest));
  EXPECT_THAT(standings(pivot_of({{a, b, c}})), ElementsAre(kTied, kNone, kTied));
  EXPECT_THAT(standings(pivot_of({{a, a, b}})), ElementsAre(kTied, kTied, kNone));
  EXPECT_THAT(standings(pivot_of({{a}})), ElementsAre(kNone));
}

// p of t = 24.5 with three degrees of freedom is 1.5e-4: among 400 comparisons no longer significant.
TEST(MarkBest, CorrectsOverTheTable) {
  const auto a = evidence_of(kA), b = evidence_of(kB), c = evidence_of(kC);
  const double p = difference(b, a, "t", std::nullopt)->p;
  EXPECT_NEAR(p, 1.5e-4, 1e-5);
  std::vector<std::vector<Evidence>> columns(400, {a, c});
  columns[0] = {a, b};
  EXPECT_THAT(standings(pivot_of(columns)), ElementsAre(kTied, kTied));
}

TEST(MarkBest, LeavesWhatArithmeticMayBe) {
  auto a = evidence_of(kA), b = evidence_of(kB);
  a.amplifies = b.amplifies = true;
  b.samples[3].sum -= 4;  // mean lag 0.09, below the 10 % that stand for unknown arithmetic
  EXPECT_THAT(standings(pivot_of({{a, b}})), ElementsAre(kTied, kTied));
  b.spread.arithmetic_sd = 0.02;  // stands for the column: floor 2 sqrt(0.02^2 + 0.02^2) = 0.057
  EXPECT_NEAR(difference(a, b, "t", 0.02)->floor, 0.0566, 1e-4);
  EXPECT_THAT(standings(pivot_of({{a, b}})), ElementsAre(kBest, kNone));
  b.spread.arithmetic_sd = 0.04;
  EXPECT_THAT(standings(pivot_of({{a, b}})), ElementsAre(kTied, kTied));
}

TEST(MarkBest, AsksSeedsToo) {
  auto a = evidence_of(kA), b = evidence_of(kB);
  a.spread.seed_means = {3.05, 3.06};
  b.spread.seed_means = {3.0, 3.3};
  const auto d = difference(a, b, "t", std::nullopt);
  EXPECT_TRUE(d->by_seed);
  EXPECT_DOUBLE_EQ(d->p, welch_t_test(a.spread.seed_means, b.spread.seed_means).p);
  EXPECT_THAT(standings(pivot_of({{a, b}})), ElementsAre(kTied, kTied));
}

TEST(MarkBest, DoesNotRankCollapsedColumns) {
  auto far = kA, farther = kB;
  for (auto* windows : {&far, &farther})
    for (double& mean : *windows) mean += 5;
  auto pivot = pivot_of({{evidence_of(far), evidence_of(farther)}});
  EXPECT_THAT(standings(pivot), ElementsAre(kNone, kNone));
  mark_best(pivot, "t");
  EXPECT_THAT(pivot.best.collapsed, ElementsAre("column 0"));
}

TEST(MarkBest, NeverRanksWhatDoesNotPair) {
  auto shorter = evidence_of(kB);
  shorter.samples.pop_back();
  const auto a = evidence_of(kA), b = evidence_of(kB);
  EXPECT_THAT(standings(pivot_of({{a, b, shorter}})), ElementsAre(kTied, kNone, kNone));
}

TEST(Difference, CountsItemsExactly) {
  Evidence a, b;
  for (int i = 0; i < 20; ++i) {
    a.samples.push_back({i, 0, i < 15 ? 1.0 : 0.0, 1});
    b.samples.push_back({i, 0, i < 5 || i == 19 ? 1.0 : 0.0, 1});
  }
  a.items = b.items = true;
  a.spread.seed_means = b.spread.seed_means = {0};
  const auto d = difference(a, b, "t", std::nullopt);
  EXPECT_TRUE(d->by_items);
  EXPECT_DOUBLE_EQ(d->p, mcnemar_test(10, 1).p);
  EXPECT_DOUBLE_EQ(d->mean, 9 / 20.0);
}

TEST(Difference, TakesWilcoxonWhereAsked) {
  const auto a = evidence_of(kA), b = evidence_of(kB);
  EXPECT_DOUBLE_EQ(difference(b, a, "wilcoxon", std::nullopt)->p, 2 / 16.0);
}

TEST(SpreadOf, TakesSeedsAndReplicasApart) {
  // Within seeds: 1, 3 and 5, 9: squares 2 + 8 over 2 degrees; over seeds: 2 and 7.
  const auto spread = spread_of({{"0", 1}, {"1", 5}, {"0", 3}, {"1", 9}});
  EXPECT_DOUBLE_EQ(*spread.arithmetic_sd, std::sqrt(5.0));
  EXPECT_DOUBLE_EQ(*spread.seed_sd, std::sqrt(12.5));
  EXPECT_EQ(spread.n_replicas, 2);
  EXPECT_THAT(seed_weights({"0", "1", "0"}), testing::ElementsAre(0.25, 0.5, 0.25));
  EXPECT_FALSE(spread_of({{"0", 1}, {"1", 2}}).arithmetic_sd);
  EXPECT_FALSE(spread_of({{"0", 1}, {"0", 2}}).seed_sd);
}

// Tables in which no row differs from another: window means with what all rows share (the text) and normal
// noise of their own; eight windows, seven rows, three columns.
class SlowNullTables : public ::testing::Test {
 protected:
  static constexpr int kTables = 1000;

  std::vector<double> windows(double shift = 0) {
    std::vector<double> means;
    for (const double text : text_) means.push_back(text + shift + 0.02 * rng_.normal());
    return means;
  }
  void new_text() {
    text_.clear();
    for (int w = 0; w < 8; ++w) text_.push_back(3 + 0.2 * rng_.normal());
  }
  // The rows beyond n_alike are far behind.
  Pivot table(int n_alike) {
    std::vector<std::vector<Evidence>> columns(3);
    new_text();
    for (auto& column : columns)
      for (int r = 0; r < 7; ++r) column.push_back(evidence_of(windows(r < n_alike ? 0 : 5)));
    return pivot_of(columns);
  }
  double share(int count) { return count / static_cast<double>(kTables); }

  Rng rng_{20240};
  std::vector<double> text_;
};

TEST_F(SlowNullTables, SinglePairedTIsWrongInFivePercent) {
  int wrong = 0, count = 0;
  for (int t = 0; t < kTables; ++t) {
    const auto pivot = table(7);
    for (std::size_t c = 0; c < 3; ++c)
      for (std::size_t r = 1; r < 7; r += 2, ++count)
        wrong += difference(*pivot.evidence[r][c], *pivot.evidence[r - 1][c], "t", std::nullopt)->p < 0.05;
  }
  EXPECT_NEAR(wrong / static_cast<double>(count), 0.05, 0.015);
}

TEST_F(SlowNullTables, HolmHoldsTheFamilyWiseRate) {
  int wrong = 0;
  for (int t = 0; t < kTables; ++t) {
    auto pivot = table(7);
    compare_with_baseline(pivot, {.baseline = "row 0"});
    bool any = false;
    for (const auto& row : pivot.table.rows)
      for (const auto& cell : row.cells) any |= cell.versus && cell.versus->significant;
    wrong += any;
  }
  EXPECT_LE(share(wrong), 0.065);
  EXPECT_GT(wrong, 0);
}

// A mark on the best of equals is an error: with all seven equal, and with two ahead of the rest.
TEST_F(SlowNullTables, NoRowIsBoldWithoutReason) {
  for (const int n_alike : {7, 3, 2}) {
    int wrong = 0;
    for (int t = 0; t < kTables; ++t) {
      auto pivot = table(n_alike);
      mark_best(pivot, "t");
      bool any = false;
      for (const auto& row : pivot.table.rows)
        for (const auto& cell : row.cells) any |= cell.standing == Standing::kBest;
      wrong += any;
    }
    EXPECT_LE(share(wrong), 0.065) << n_alike << " rows alike";
  }
}

TEST_F(SlowNullTables, McNemarHoldsItsRate) {
  int wrong = 0;
  for (int t = 0; t < kTables; ++t) {
    Evidence a, b;
    for (int i = 0; i < 300; ++i) {
      const double difficulty = rng_.uniform();
      const auto right = [&] { return rng_.uniform() < 0.2 + 0.8 * difficulty ? 1.0 : 0.0; };
      a.samples.push_back({i, 0, right(), 1});
      b.samples.push_back({i, 0, right(), 1});
    }
    a.items = b.items = true;
    a.spread.seed_means = b.spread.seed_means = {0};
    wrong += difference(a, b, "t", std::nullopt)->p < 0.05;
  }
  EXPECT_LE(share(wrong), 0.065);
  EXPECT_GE(share(wrong), 0.01);
}

}  // namespace
}  // namespace gyre::analysis
