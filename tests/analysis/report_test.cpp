#include "analysis/report.h"

#include <gmock/gmock.h>


#include "analysis/synthetic.h"

namespace gyre::analysis {
namespace {

using namespace testing;
using ::testing::HasSubstr;
using ::testing::Not;

class ReportTest : public SyntheticFixture {
 protected:
  Report report(const std::string& sweep = "", bool files = false) {
    return make_report(*store_, {sweep, "gyre report --db x.sqlite"}, files);
  }
  int count(const std::string& text, const std::string& part) {
    int n = 0;
    for (std::size_t at = 0; (at = text.find(part, at)) != std::string::npos; at += part.size()) ++n;
    return n;
  }
};

TEST_F(ReportTest, HasEveryPartOfASweep) {
  fill({.n_layers = 3, .n_windows = 3});
  add_kernels();
  const auto html = report().html;
  for (const char* id : {"perplexity", "pareto", "excess-kurtosis-weight", "excess-kurtosis-activation",
                         "histogram-weight", "curve-loss"})
    EXPECT_THAT(html, HasSubstr("synthetic-sweep-" + std::string(id) + ".svg")) << id;
  EXPECT_THAT(html, HasSubstr("Kernels against the memory roof"));
  EXPECT_EQ(count(html, "<figure>"), count(html, "<svg"));
  EXPECT_GE(count(html, "<figure>"), 12);
  for (const char* part : {"Is it real?", "What goes with it", "What it costs", "Over 6 settings, lowest: ",
                           "stored bits per weight", "Copy as LaTeX", "Copy as CSV"})
    EXPECT_THAT(html, HasSubstr(part));
  // Every figure and table names the command and the runs behind it.
  EXPECT_GE(count(html, "<p class=\"source\"><code>gyre report --db x.sqlite"), count(html, "<figure>"));
  EXPECT_THAT(html, HasSubstr("42 runs: "));
}

TEST_F(ReportTest, AsksForNothingOutsideItself) {
  fill({.n_layers = 2, .n_windows = 2});
  auto html = report().html;
  for (const char* name : {"http://www.w3.org/2000/svg", "http://www.w3.org/1999/xlink"})
    for (std::size_t at; (at = html.find(name)) != std::string::npos;)
      html.erase(at, std::string(name).size());
  for (const char* part : {"http:", "https:", "src=", "@import", "fetch(", "XMLHttpRequest"})
    EXPECT_THAT(html, Not(HasSubstr(part)));
  EXPECT_THAT(html, HasSubstr("default-src 'none'"));
}

TEST_F(ReportTest, EscapesNames) {
  fill({.n_layers = 2, .n_windows = 2});
  const auto html = report().html;
  EXPECT_THAT(html, HasSubstr("Sweep synthetic &lt;&amp;&gt; &quot;sweep&quot;"));
  EXPECT_THAT(html, HasSubstr("&lt;NaN&gt; &amp; &quot;more&quot;"));
  EXPECT_THAT(html, Not(HasSubstr("<NaN>")));
  EXPECT_THAT(html, Not(HasSubstr("synthetic <&>")));
}

TEST_F(ReportTest, GivesTheSameBytesTwice) {
  fill({.n_layers = 2, .n_windows = 2});
  add_kernels();
  const auto first = report("", true), second = report("", true);
  EXPECT_EQ(first.html, second.html);
  EXPECT_EQ(first.files, second.files);
  ASSERT_GE(first.files.size(), 12u);
  for (const auto& [name, bytes] : first.files)
    EXPECT_TRUE(bytes.starts_with(name.ends_with(".pdf") ? "%PDF" : "<svg")) << name;
}

using SlowReportTest = ReportTest;

TEST_F(SlowReportTest, StaysSmallWithTwoHundredRuns) {
  fill({.n_layers = 32, .n_windows = 8, .groups = {32, 64, 128, 256, 512}});
  const auto html = report().html;
  EXPECT_LT(html.size(), std::size_t{2} << 20);
  EXPECT_GE(count(html, "<code>"), 200);  // a run each
}

TEST_F(ReportTest, TakesSettingsThatVaryIntoTheTable) {
  fill({.n_layers = 2, .n_windows = 2, .groups = {32, 64}});
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
  EXPECT_THAT(html, HasSubstr("Over 2 settings, lowest: gsr in 2 (1 for sure)."));
}

}  // namespace
}  // namespace gyre::analysis
