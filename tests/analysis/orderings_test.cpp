// Orderings recorded of one sweep and held against another: differences known in closed form, every verdict,
// and what cannot be compared.
#include "analysis/orderings.h"

#include <gmock/gmock.h>

#include <numbers>

#include "analysis/agreement.h"
#include "analysis/fixture.h"
#include "analysis/report.h"

namespace gyre::analysis {
namespace {

using namespace testing;
using ::testing::ElementsAre;
using ::testing::HasSubstr;
using ::testing::Not;

constexpr int kWindows = 8;
constexpr double kNoise = 1e-3;
constexpr const char* kThere = "ppl/wikitext2@gptq2048[8 windows]";
constexpr const char* kHere = "ppl/stories@gptq512[8 windows]";

class OrderingsTest : public Fixture {
 protected:
  // NLL means of none, hadamard and gsr. The rows' noises are waves of different number over the windows:
  // they sum to zero and are orthogonal, so that the difference of two rows has the mean of the two levels
  // and the standard error noise / sqrt(windows - 1).
  void column(int weight, int activation, const std::vector<double>& levels,
              const std::string& metric = kThere, double noise = kNoise, int group = 64) {
    const char* const rows[] = {"none", "hadamard", "gsr"};
    for (std::size_t r = 0; r < levels.size(); ++r) {
      RunConfig c = config(rows[r], weight, activation);
      c.quant.weight.group_size.value = group;
      std::vector<store::SampleRow> samples;
      for (int w = 0; w < kWindows; ++w) {
        const double wave = std::cos(2 * std::numbers::pi * static_cast<double>((r + 1) * w) / kWindows);
        samples.push_back({w, 0, 100 * (3 + 0.2 * std::sin(w) + levels[r] + noise * wave), 100});
      }
      ok(c, samples, 0.25, metric);
    }
  }

  Orderings record(const TableOptions& options = {.sweep = "s"}) const {
    return record_orderings(*store_, options, "gyre table s -o orderings");
  }
  // All that follows goes into another database.
  void begin_here() {
    store_ = std::make_unique<store::RunStore>(folder_ / "here.sqlite");
    plan_.clear();
  }
  Pivot pivot() const { return make_pivot(*store_, {.sweep = "s"}); }
  std::vector<Agreement> verdicts(const Orderings& there) const {
    std::vector<Agreement> out;
    for (const auto& judged : judge_orderings(there, pivot())) out.push_back(judged.agreement);
    return out;
  }
  std::string html(const Orderings& there, const std::string& sweep = "s") const {
    return make_report(*store_, {"s", "gyre report", {{sweep, there}}}, false).html;
  }
  template <class F>
  static std::string refusal(ErrorCode code, F&& f) {
    try {
      f();
    } catch (const Error& error) {
      EXPECT_EQ(error.code(), code);
      return error.what();
    }
    return "accepted";
  }

  // Of W4A16 all three are told; of W4A4, where arithmetic counts 10 %, gsr and hadamard are not.
  Orderings recorded() {
    column(4, 16, {0.3, 0.2, 0.1});
    column(4, 4, {0.9, 0.35, 0.3});
    auto there = record();
    there.sweep = "another";
    begin_here();
    return there;
  }
};

constexpr auto kHolds = Agreement::kHolds, kReversed = Agreement::kReversed,
               kNotToldHere = Agreement::kNotToldHere, kNotToldThere = Agreement::kNotToldThere,
               kMissing = Agreement::kMissing;

TEST_F(OrderingsTest, RecordEveryTwoRowsOfASetting) {
  column(4, 16, {0.3, 0.2, 0.1});
  column(4, 4, {0.9, 0.35, 0.3});
  const auto there = record();
  EXPECT_EQ(there.model, "Tiny_1");
  EXPECT_EQ(there.sweep, "s");
  EXPECT_EQ(there.metric, kThere);
  EXPECT_EQ(there.version, "0.1.0");
  EXPECT_EQ(there.date.size(), 10u);
  ASSERT_EQ(there.cells.size(), 6u);
  EXPECT_EQ(there.cells[1].row + " " + there.cells[1].setting, "hadamard W4A16");
  EXPECT_THAT(there.cells[1].method, HasSubstr("quant.weight.group_size = 64"));
  EXPECT_THAT(there.cells[1].method, HasSubstr("rotation.r1.scheme = \"hadamard\""));
  EXPECT_THAT(there.cells[1].method, Not(HasSubstr("model.")));

  ASSERT_EQ(there.pairs.size(), 6u);
  const double means[] = {0.1, 0.2, 0.1, 0.55, 0.6, 0.05};
  std::vector<double> p;
  for (const double mean : means)
    p.push_back(student_p(mean * std::sqrt(kWindows - 1) / kNoise, kWindows - 1));
  for (std::size_t i = 0; i < 6; ++i) {
    EXPECT_NEAR(there.pairs[i].mean, means[i], 1e-12) << i;
    EXPECT_NEAR(there.pairs[i].std_error, kNoise / std::sqrt(kWindows - 1), 1e-12) << i;
    EXPECT_EQ(there.pairs[i].floor, i < 3 ? 0 : kUnknownArithmetic) << i;
    EXPECT_EQ(there.pairs[i].told, i < 5) << i;
  }
  // Holm: the smallest of six counts six times, the largest once.
  EXPECT_NEAR(there.pairs[4].p_holm / (6 * p[4]), 1, 1e-6);
  EXPECT_NEAR(there.pairs[5].p_holm / p[5], 1, 1e-6);
}

TEST_F(OrderingsTest, OfASweepThatIsNotWholeAreRefused) {
  column(4, 16, {0.3, 0.2});
  point(config("gsr", 4));
  EXPECT_THAT(refusal(ErrorCode::kInput, [&] { record(); }), HasSubstr("2 of 3 points of sweep 's'"));
  EXPECT_THAT(refusal(ErrorCode::kUsage, [&] { record({}); }), HasSubstr("name it"));
}

TEST_F(OrderingsTest, OfOtherMetricsAndSeveralModelsAreRefused) {
  column(4, 16, {0.3, 0.2});
  EXPECT_THAT(refusal(ErrorCode::kUsage, [&] { record({.sweep = "s", .metric = "speed/evaluate"}); }),
              HasSubstr("'speed/evaluate' is none"));
  RunConfig other = config("gsr", 4);
  other.model.path = "models/Other";
  ok(other, blocks(3), 0.25, kThere);
  EXPECT_THAT(refusal(ErrorCode::kUsage, [&] { record(); }), HasSubstr("Tiny_1, Other"));
}

TEST_F(OrderingsTest, LeaveOutCollapsedPairs) {
  column(4, 16, {6, 0.2, 6.5});
  const auto pairs = record().pairs;
  ASSERT_EQ(pairs.size(), 2u);
  EXPECT_EQ(pairs[0].a + pairs[0].b + pairs[1].a + pairs[1].b, "nonehadamardhadamardgsr");
}

TEST_F(OrderingsTest, HoldAreReversedOrAreNotTold) {
  const auto there = recorded();
  column(4, 16, {0.4, 0.2, 0.25}, kHere);
  column(4, 4, {0.5, 0.45}, kHere);  // gsr is not there
  const auto list = judge_orderings(there, pivot());
  EXPECT_THAT(verdicts(there), ElementsAre(kHolds, kHolds, kReversed, kNotToldHere, kMissing, kNotToldThere));
  // Turned so that the first has the lower perplexity there.
  EXPECT_EQ(list[2].there.a + " " + list[2].there.b, "gsr hadamard");
  EXPECT_NEAR(list[2].there.mean, -0.1, 1e-12);
  EXPECT_NEAR(list[2].here->difference.mean, 0.05, 1e-12);
  EXPECT_NEAR(list[2].here->difference.clusters[0].n, 100, 0);
  EXPECT_EQ(agreement_summary(there, list),
            "Of 6 orderings recorded of Tiny_1, 5 are told there; of these 2 hold here, 1 is reversed, 1 is "
            "not told here, and 1 could not be compared.");
  const auto page = html(there);
  for (const char* part :
       {"Which of Tiny_1's orderings hold here?", "Of 6 orderings recorded of Tiny_1", "gsr below hadamard",
        ">reversed<", ">holds<", ">not told there<", ">not compared here<",
        "not told here: below the 11 % that stand for arithmetic", "×0.905", "×1.051", "W4A4"})
    EXPECT_THAT(page, HasSubstr(part));
}

// The intervals, too, are those of the turned difference.
TEST_F(OrderingsTest, AreTurnedWithTheirClusters) {
  const auto there = recorded();
  column(4, 16, {0.4, 0.2, 0.25}, kHere);
  const auto list = judge_orderings(there, pivot());
  for (const auto& judged : list) {
    if (!judged.here) continue;
    double sum = 0, n = 0;
    for (const auto& cluster : judged.here->difference.clusters) sum += cluster.difference, n += cluster.n;
    EXPECT_NEAR(sum / n, judged.here->difference.mean, 1e-12);
  }
}

TEST_F(OrderingsTest, InTheNoiseOfTheTextAreNotTold) {
  const auto there = recorded();
  column(4, 16, {0.3, 0.2, 0.1}, kHere, 0.5);
  EXPECT_THAT(verdicts(there),
              ElementsAre(kNotToldHere, kNotToldHere, kNotToldHere, kMissing, kMissing, kNotToldThere));
  EXPECT_THAT(html(there), HasSubstr(">not told here<"));
}

// Nothing follows here from what is not told there, however clear it is here.
TEST_F(OrderingsTest, NotToldThereClaimNothing) {
  column(4, 16, {0.3, 0.2, 0.1}, kThere, 0.5);
  auto there = record();
  there.sweep = "another";
  begin_here();
  column(4, 16, {0.3, 0.2, 0.1}, kHere);
  EXPECT_THAT(verdicts(there), ElementsAre(kNotToldThere, kNotToldThere, kNotToldThere));
  EXPECT_EQ(agreement_summary(there, judge_orderings(there, pivot())),
            "Of 3 orderings recorded of Tiny_1, 0 are told there.");
}

TEST_F(OrderingsTest, OfTheSweepItselfAreNotShown) {
  column(4, 16, {0.3, 0.2, 0.1});
  auto there = record();
  EXPECT_THAT(html(there), Not(HasSubstr("orderings hold here")));
  there.model = "Another";
  EXPECT_THAT(html(there), HasSubstr("Which of Another's orderings hold here?"));
  EXPECT_THAT(html(there, "another sweep"), Not(HasSubstr("orderings hold here")));
}

TEST_F(OrderingsTest, OfAnotherProtocolAreRefused) {
  auto there = recorded();
  column(4, 16, {0.3, 0.2, 0.1}, kHere);
  there.metric = "ppl/wikitext2@strided2048";
  const auto message = refusal(ErrorCode::kInput, [&] { html(there); });
  EXPECT_THAT(message, HasSubstr("ppl/wikitext2@strided2048"));
  EXPECT_THAT(message, HasSubstr(kHere));
  EXPECT_FALSE(comparable(there, "acc/wikitext2@strided2048"));
  EXPECT_TRUE(comparable(there, "ppl/other@strided64[2 windows]"));
}

TEST_F(OrderingsTest, OfOtherSettingsAreRefused) {
  const auto there = recorded();
  column(4, 16, {0.3, 0.2, 0.1}, kHere, kNoise, 32);
  const auto message = refusal(ErrorCode::kInput, [&] { html(there); });
  EXPECT_THAT(message, HasSubstr("(none, W4A16) was recorded with quant.weight.group_size = 64, and has "
                                 "quant.weight.group_size = 32 here"));
  EXPECT_THAT(message, HasSubstr("gyre table s -o orderings"));
}

// Full precision, which both have, is no pair.
TEST_F(OrderingsTest, WithoutACommonPairAreRefused) {
  column(16, 16, {0});
  const auto there = recorded();
  column(16, 16, {0}, kHere);
  column(3, 16, {0.3, 0.2, 0.1}, kHere);
  const auto message = refusal(ErrorCode::kInput, [&] { html(there); });
  EXPECT_THAT(message, HasSubstr("such as none and hadamard in W4A16"));
  EXPECT_THAT(message, HasSubstr("settings FP, W3A16"));
}

}  // namespace
}  // namespace gyre::analysis
