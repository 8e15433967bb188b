#include "analysis/report.h"

#include <gmock/gmock.h>

#include "analysis/synthetic.h"

namespace gyre::analysis {
namespace {

using namespace testing;
using ::testing::HasSubstr;
using ::testing::Not;

int count(const std::string& text, const std::string& part) {
  int n = 0;
  for (std::size_t at = 0; (at = text.find(part, at)) != std::string::npos; at += part.size()) ++n;
  return n;
}

class ReportTest : public SyntheticFixture {
 protected:
  Report report(const std::string& sweep = "", bool files = false) const {
    return make_report(*store_, {sweep, "gyre report --db x.sqlite"}, files);
  }
};

// One sweep with all that can be in it, reported once for all tests.
class SampleReportTest : public ::testing::Test {
 protected:
  struct Sample : ReportTest {
    Sample() {
      fill({.n_layers = 2, .n_windows = 2});
      add_kernels();
      first = report("", true);
    }
    void TestBody() override {}
    using ReportTest::report;
    Report first;
  };
  static void SetUpTestSuite() { sample_ = new Sample; }
  static void TearDownTestSuite() { delete sample_; }
  static const std::string& html() { return sample_->first.html; }
  inline static Sample* sample_ = nullptr;
};

TEST_F(SampleReportTest, HasEveryPartOfASweep) {
  for (const char* id : {"perplexity", "pareto", "excess-kurtosis-weight", "excess-kurtosis-activation",
                         "histogram-weight", "layers-weight-sqnr-db", "curve-loss"})
    EXPECT_THAT(html(), HasSubstr("synthetic-sweep-" + std::string(id) + ".svg")) << id;
  EXPECT_THAT(html(), HasSubstr("Kernels against the memory roof"));
  EXPECT_EQ(count(html(), "<figure>"), count(html(), "<svg"));
  EXPECT_GE(count(html(), "<figure>"), 12);
  for (const char* part :
       {"Is it real?", "What goes with it", "What it costs",
        "Lowest perplexity over 6 settings: ", "stored bits per weight", "Copy as LaTeX", "Copy as CSV"})
    EXPECT_THAT(html(), HasSubstr(part));
  // Every figure and table names the command and the runs behind it.
  EXPECT_GE(count(html(), "<p class=\"source\"><code>gyre report --db x.sqlite"), count(html(), "<figure>"));
  EXPECT_THAT(html(), HasSubstr("42 runs: "));
}

TEST_F(SampleReportTest, AsksForNothingOutsideItself) {
  auto rest = html();
  for (const char* name : {"http://www.w3.org/2000/svg", "http://www.w3.org/1999/xlink"})
    for (std::size_t at; (at = rest.find(name)) != std::string::npos;)
      rest.erase(at, std::string(name).size());
  for (const char* part : {"http:", "https:", "src=", "@import", "fetch(", "XMLHttpRequest"})
    EXPECT_THAT(rest, Not(HasSubstr(part)));
  EXPECT_THAT(rest, HasSubstr("default-src 'none'"));
}

TEST_F(SampleReportTest, EscapesNames) {
  EXPECT_THAT(html(), HasSubstr("Sweep synthetic &lt;&amp;&gt; &quot;sweep&quot;"));
  EXPECT_THAT(html(), HasSubstr("&lt;NaN&gt; &amp; &quot;more&quot;"));
  EXPECT_THAT(html(), Not(HasSubstr("<NaN>")));
  EXPECT_THAT(html(), Not(HasSubstr("synthetic <&>")));
}

TEST_F(SampleReportTest, GivesTheSameBytesTwice) {
  const auto second = sample_->report("", true);
  EXPECT_EQ(html(), second.html);
  EXPECT_EQ(sample_->first.files, second.files);
  ASSERT_GE(second.files.size(), 12u);
  for (const auto& [name, bytes] : second.files)
    EXPECT_TRUE(bytes.starts_with(name.ends_with(".pdf") ? "%PDF" : "<svg")) << name;
}

using SlowReportTest = ReportTest;

TEST_F(SlowReportTest, StaysSmallWithTwoHundredRuns) {
  fill({.n_layers = 32, .n_windows = 8, .groups = {32, 64, 128, 256, 512}});
  const auto html = report().html;
  EXPECT_LT(html.size(), std::size_t{2} << 20);
  EXPECT_GE(count(html, "<code>"), 200);  // a run each
}

// Both runs load for 1.5 s, the second out of the first's hands.
TEST_F(ReportTest, CountsSharedStagesForEveryRun) {
  const auto add = [&](const RunConfig& c, double load, bool reused) {
    store_->finish(begin(c), "ok", {{kMetric, 20, 1, 400, ""}}, {{kMetric, blocks(3)}},
                   {{"load", "shared", load, reused, 0}, {"evaluate", c.rotation.r1.scheme, 7, false, 0}});
  };
  add(config("none", 4), 1.5, false);
  add(config("gsr", 4), 0, true);
  EXPECT_EQ(count(report("s").html, "data-v=\"1.5\""), 2);
}

TEST_F(ReportTest, TakesSettingsThatVaryIntoTheTable) {
  RunConfig c = config("gsr", 4);
  ok(c, blocks(3));
  c.quant.weight.group_size.value = 32;
  ok(c, blocks(3.1));
  EXPECT_THAT(report().html, HasSubstr("W4A16, quant.weight.group_size=32"));
}

TEST_F(ReportTest, IsRobustWithoutStatisticsAndResults) {
  fill({.n_windows = 1, .stats = false});
  EXPECT_THAT(report().html, HasSubstr("No tensor statistics were recorded."));
  plan_.clear();
  point(config("gsr", 4));  // sweep "s", nothing has run
  EXPECT_THAT(report("s").html, HasSubstr("No point has a perplexity or an accuracy yet."));
  EXPECT_THAT(report().html, HasSubstr("Sweep s"));
}

TEST_F(ReportTest, OfAnEmptyDatabaseIsAnError) {
  try {
    report();
    FAIL() << "nothing was thrown";
  } catch (const Error& error) {
    EXPECT_EQ(error.code(), ErrorCode::kInput);
    EXPECT_THAT(error.what(), HasSubstr("has no runs yet"));
  }
  EXPECT_THROW(report("nosuch"), Error);
}

TEST_F(ReportTest, TellsWhatIsRealFromWhatIsNot) {
  const auto add = [&](const RunConfig& c, double mean, double a) { ok(c, blocks(mean, a, -a, a, 2 * a)); };
  ok(config("none", 16), blocks(3));
  add(config("none", 4), 3.2, 0.1);
  add(config("gsr", 4), 3.1, 0.1);
  add(config("none", 4, 4), 3.25, 0.1);
  add(config("gsr", 4, 4), 3.2, 0.1);
  const auto html = report("s").html;
  EXPECT_THAT(html, HasSubstr("<span class=\"yes\">Yes.</span> It beats the other one; none is ×1.105"));
  EXPECT_THAT(html, HasSubstr("<span class=\"no\">No.</span> It cannot be told from none (×1.051"));
  EXPECT_THAT(html, HasSubstr("arithmetic noise is not known here"));
  EXPECT_THAT(html, HasSubstr("Lowest perplexity over 2 settings: gsr in 2; significantly: gsr in 1."));
}

}  // namespace
}  // namespace gyre::analysis
