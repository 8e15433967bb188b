#include "analysis/figure.h"

#include <gmock/gmock.h>
#include <stdlib.h>

#include "core/error.h"

namespace gyre::analysis {
namespace {

using ::testing::HasSubstr;
using ::testing::Not;

Figure figure(const std::string& id, const std::string& title) {
  return {id, "", "", "plot [0:1] x title " + gnuplot_text(title) + "\n", {}};
}

TEST(GnuplotText, MeansOnlyItself) {
  EXPECT_EQ(gnuplot_text("it's"), "'it''s'");
  EXPECT_EQ(gnuplot_text("a\nb\x01"), "'a b '");
  EXPECT_EQ(gnuplot_text("x\xff±"), "'x?±'");
  EXPECT_EQ(gnuplot_tic("10 %"), "'10 %%'");
}

// Characters that a gnuplot string, a format, enhanced text or XML would take for their own.
TEST(Draw, ShowsNamesAsTheyAre) {
  const std::string name = R"(a_b^c {/Bold d} "q" it's `date` @x $y \n 5% <b>&amp;)";
  auto drawn = draw({figure("one", name)}, FigureFormat::kSvg).at(0);
  EXPECT_THAT(drawn, HasSubstr(R"(>a_b^c {/Bold d} "q" it's `date` @x $y \n 5% &lt;b>&amp;amp;</text>)"));
  const std::string tics = "set xtics (" + gnuplot_tic("5% of %d") + " 0.5)\nplot [0:1] x notitle\n";
  EXPECT_THAT(draw({{"one", "", "", tics, {}}}, FigureFormat::kSvg).at(0), HasSubstr(">5% of %d<"));
}

TEST(Draw, GivesTheSameBytesWithoutDates) {
  for (const auto format : {FigureFormat::kSvg, FigureFormat::kPdf}) {
    const std::vector<Figure> figures = {figure("one", "x"), figure("two", "y")};
    const auto drawn = draw(figures, format);
    ASSERT_EQ(drawn.size(), 2u);
    EXPECT_EQ(drawn, draw(figures, format));
    EXPECT_NE(drawn[0], drawn[1]);
  }
  EXPECT_THAT(draw({figure("one", "x")}, FigureFormat::kPdf).at(0),
              HasSubstr("/CreationDate (D:20000101000000"));
}

TEST(Draw, PrefixesIdsSoThatDrawingsCanStandInOnePage) {
  const auto drawn = draw({figure("one-a", "x")}, FigureFormat::kSvg).at(0);
  EXPECT_TRUE(drawn.starts_with("<svg"));
  EXPECT_THAT(drawn, HasSubstr("id=\"one-a-canvas\""));
  EXPECT_THAT(drawn, Not(HasSubstr("'#gp")));
  EXPECT_THAT(drawn, Not(HasSubstr("id='gp")));
}

TEST(Draw, SaysWhatGnuplotSays) {
  try {
    draw({{"one", "", "", "plot nonsense(x)\n", {}}}, FigureFormat::kSvg);
    FAIL() << "nothing was thrown";
  } catch (const Error& error) {
    EXPECT_THAT(error.what(), HasSubstr("undefined function"));
  }
}

TEST(Draw, NamesThePackageWhenGnuplotIsMissing) {
  const std::string path = ::getenv("PATH");
  ::setenv("PATH", "/nonexistent", 1);
  try {
    draw({figure("one", "x")}, FigureFormat::kSvg);
    ADD_FAILURE() << "nothing was thrown";
  } catch (const Error& error) {
    EXPECT_EQ(error.code(), ErrorCode::kInput);
    EXPECT_THAT(error.what(), HasSubstr("apt-get install gnuplot-nox"));
  }
  ::setenv("PATH", path.c_str(), 1);
}

TEST(Draw, OfNothingIsNothing) {
  EXPECT_TRUE(draw({}, FigureFormat::kSvg).empty());
}

}  // namespace
}  // namespace gyre::analysis
