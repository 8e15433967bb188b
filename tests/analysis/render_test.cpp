#include "analysis/render.h"

#include <gmock/gmock.h>

#include <nlohmann/json.hpp>

#include "analysis/fixture.h"

namespace gyre::analysis {
namespace {

using namespace testing;
using ::testing::HasSubstr;

class RenderTest : public Fixture {
 protected:
  RenderTest() {
    ok(config("none", 16), blocks(3), 0.4);
    ok(config("none", 4), blocks(3.25), 0.5);
    ok(config("gsr", 4), blocks(3.2, 1, -1, 1, -1), 0.5);
    ok(config("none", 4, 4), blocks(12), 3000);
    point(config("gsr", 4, 4));
  }
};

TEST_F(RenderTest, WritesMarkdownThatReadsAsText) {
  EXPECT_EQ(render(table({.sweep = "s", .baseline = "none"}), Format::kMarkdown),
            R"(**Perplexity of Tiny_1.gguf on wikitext2, by rotation and bits**

| rotation       |           FP |                              W4A16 |        W4A4 |
|:---------------|-------------:|-----------------------------------:|------------:|
| full precision | 20.09 ± 0.40 |                                    |             |
| none           |              |                       25.79 ± 0.50 | 1.6e5 ± 3e3 |
| gsr            |              | **24.53 ± 0.50** (×0.951 ± 0.000†) |     pending |

- Metric ppl/wikitext2@gptq2048[2 windows]: 400 targets in 2 windows; ± is the standard error from the text (windows as clusters); lower is better.
- Model: Tiny_1.gguf (stored as Q4_1 & Q8_0), evaluated in float32; full precision means the file's weights, dequantized.
- Quantizers: weights rtn, groups of 64, symmetric, clip lp; activations rtn, per token, symmetric, clip minmax.
- Rotations: a row names R1; R2 is hadamard (off in none); blocks of block-diagonal schemes: auto.
- ×: perplexity over that of row 'none' in the same column, e^d with d the mean paired difference of NLL per target over blocks of 128 targets; ± its standard error with the blocks of a window kept together; †: a difference (paired Student t over 2 windows, two-sided, Holm over 1 comparison, p < 0.05); n/a where blocks do not pair; nothing where both have collapsed (above 1000).
- Bold: the best cell of its column, better than each of the others; italic: not told from the best one. Test: paired Student t over 2 windows, two-sided, Holm over 1 comparison, p < 0.05.
- Blank: there is no such point.
- Sweep s: 4 of 5 points finished; gyre 0.1.0.
)");
}

TEST_F(RenderTest, WritesOneCsvRecordPerCell) {
  const std::string csv = render(table({.sweep = "s", .baseline = "none"}), Format::kCsv);
  EXPECT_TRUE(csv.starts_with(
      "rotation,bits,metric,value,std_error,n,n_runs,n_seeds,seed_spread,n_replicas,arithmetic_spread,status,"
      "standing,ratio,ratio_std_error,ratio_low,ratio_high,p,p_holm,runs\r\n"
      "full precision,FP,ppl/wikitext2@gptq2048[2 windows],20.085536923187668,0.4,400,1,1,,1,,ok,,,,,,,,"))
      << csv;
  EXPECT_THAT(csv, HasSubstr("\r\ngsr,W4A4,ppl/wikitext2@gptq2048[2 windows],,,,0,,,,,pending,,,,,,,,\r\n"));
  EXPECT_EQ(std::count(csv.begin(), csv.end(), '\n'), 6);
}

TEST_F(RenderTest, WritesJsonObjectsLikeThoseOfRuns) {
  const auto list = nlohmann::json::parse(render(table({.sweep = "s", .baseline = "none"}), Format::kJson));
  ASSERT_EQ(list.size(), 5u);
  EXPECT_EQ(list[0]["row"], "full precision");
  EXPECT_EQ(list[0]["column"], "FP");
  EXPECT_EQ(list[0]["status"], "ok");
  EXPECT_EQ(list[0]["run"], plan_[0].digest);
  EXPECT_EQ(list[0]["metrics"][0]["name"], kMetric);
  EXPECT_EQ(list[0]["metrics"][0]["value"], std::exp(3.0));
  EXPECT_EQ(list[0]["metrics"][0]["stderr"], 0.4);
  EXPECT_EQ(list[0]["metrics"][0]["n"], 400);
  EXPECT_EQ(list[0]["seconds"]["evaluate"], 2.0);
  EXPECT_EQ(list[3]["keys"]["rotation"], "gsr");
  EXPECT_NEAR(list[3]["ratio"]["value"].get<double>(), std::exp(-0.05), 1e-12);
  EXPECT_EQ(list[4]["status"], "pending");
  EXPECT_TRUE(list[4]["run"].is_null());
  EXPECT_TRUE(list[4]["metrics"].empty());
}

TEST_F(RenderTest, WritesABooktabsTable) {
  const std::string latex = render(table({.sweep = "s", .baseline = "none"}), Format::kLatex);
  EXPECT_THAT(latex, HasSubstr(R"(\caption{Perplexity of Tiny\_1.gguf on wikitext2, by rotation and bits}
\begin{tabular}{lrrr}
\toprule
rotation & FP & W4A16 & W4A4 \\
\midrule
full precision & 20.09 $\pm$ 0.40 & & \\
none & & 25.79 $\pm$ 0.50 & 1.6e5 $\pm$ 3e3 \\
gsr & & \textbf{24.53 $\pm$ 0.50} ($\times$0.951 $\pm$ 0.000\textdagger{}) & pending \\
\bottomrule
\end{tabular}
)"));
  EXPECT_THAT(latex, HasSubstr(R"(stored as Q4\_1 \& Q8\_0)"));
}

TEST_F(RenderTest, GivesTheSameTextTwice) {
  for (const auto format : {Format::kMarkdown, Format::kCsv, Format::kJson, Format::kLatex})
    EXPECT_EQ(render(table(), format), render(table(), format));
}

TEST(Render, EscapesNamesInEveryFormat) {
  Table t;
  t.title = "50% of $x_1 & {y}^2 ~ #3 \\ <z>";
  t.metric = "m";
  t.row_keys = {"rotation"};
  t.column_keys = {"bits"};
  t.columns = {{"a|b"}};
  t.rows = {{{"say \"hi\", you"}, {Cell{.status = "ok", .text = "1.00", .value = 1}}}};
  EXPECT_THAT(render(t, Format::kMarkdown), HasSubstr("| rotation      | a\\|b |"));
  EXPECT_THAT(render(t, Format::kCsv), HasSubstr("\r\n\"say \"\"hi\"\", you\",a|b,m,1,"));
  EXPECT_EQ(nlohmann::json::parse(render(t, Format::kJson))[0]["row"], "say \"hi\", you");
  const std::string latex = render(t, Format::kLatex);
  EXPECT_THAT(
      latex,
      HasSubstr(
          R"(50\% of \$x\_1 \& \{y\}\textasciicircum{}2 \textasciitilde{} \#3 \textbackslash{} \textless{}z\textgreater{})"));
  EXPECT_THAT(latex, HasSubstr("a\\textbar{}b"));
  EXPECT_THAT(latex, HasSubstr("say ''hi'', you"));
}

TEST(Render, KeepsMarkdownFromReadingNamesAsMarkup) {
  Table t;
  t.row_keys = {"rotation"};
  t.column_keys = {"bits"};
  t.columns = {{"_a_b_"}};
  t.rows = {{{"<b>&amp; *x* `y` 1 < 2 & 3"}, {Cell{.status = "ok", .text = "1.00"}}}};
  const auto text = render(t, Format::kMarkdown);
  EXPECT_THAT(text, HasSubstr(R"(\<b>\&amp; \*x\* \`y\` 1 < 2 & 3)"));
  EXPECT_THAT(text, HasSubstr(R"(\_a_b\_)"));
}

TEST(Render, MarksTheBestAndTheTied) {
  Table t;
  t.row_keys = {"rotation"};
  t.column_keys = {"bits"};
  t.columns = {{"a"}, {"b"}};
  t.rows = {{{"x"},
             {Cell{.status = "ok", .text = "1.00", .standing = Standing::kBest, .versus_text = "×2†"},
              Cell{.status = "ok", .text = "3.00", .standing = Standing::kTied}}}};
  EXPECT_THAT(render(t, Format::kMarkdown), HasSubstr("**1.00** (×2†) | *3.00* |"));
  EXPECT_THAT(render(t, Format::kLatex),
              HasSubstr(R"(\textbf{1.00} ($\times$2\textdagger{}) & \textit{3.00})"));
}

TEST(ParseFormat, KnowsFourFormats) {
  EXPECT_EQ(parse_format("md"), Format::kMarkdown);
  EXPECT_EQ(parse_format("csv"), Format::kCsv);
  EXPECT_EQ(parse_format("json"), Format::kJson);
  EXPECT_EQ(parse_format("latex"), Format::kLatex);
  EXPECT_THROW(parse_format("html"), Error);
}

}  // namespace
}  // namespace gyre::analysis
