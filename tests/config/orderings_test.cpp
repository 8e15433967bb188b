// Recorded orderings: what is written reads back, and what is damaged is refused.
#include "config/orderings.h"

#include <gmock/gmock.h>
#include <gtest/gtest.h>

#include <cmath>

#include "config_testing.h"

namespace gyre::config {
namespace {
using testing::HasSubstr;

Orderings sample() {
  Orderings out{.model = "a \"model\"",
                .sweep = "s",
                .metric = "ppl/wikitext2@gptq2048",
                .test = "wilcoxon",
                .version = "0.1.0",
                .date = "2026-01-02",
                .command = "gyre table s -o orderings"};
  out.cells = {{"W4A16", "none", 20.5, "quant.weight.clip = \"lp\""}, {"W4A16", "gsr", 1.0 / 3, ""}};
  out.pairs = {{"W4A16", "none", "gsr", 0.1, 1e-7, 0, 0.25, false}};
  return out;
}

class RecordedOrderings : public testing::Test {
 protected:
  Orderings load(const std::string& text, const std::string& name = "o") const {
    folder_.write("references/orderings/o.toml", text);
    return load_orderings(name, folder_.dir());
  }
  std::string refusal(const std::string& text, const std::string& name = "o") const {
    try {
      load(text, name);
    } catch (const Error& error) {
      return std::string(error_name(error.code())) + ": " + error.what();
    }
    return "accepted";
  }
  // The sample's file with one part changed.
  static std::string with(const std::string& from, const std::string& to) {
    std::string text = to_toml(sample());
    const auto at = text.find(from);
    EXPECT_NE(at, std::string::npos) << from;
    return text.replace(at, from.size(), to);
  }
  SettingsFolder folder_;
};

TEST_F(RecordedOrderings, ReadBackAsTheyWereWritten) {
  const auto there = sample();
  for (const auto& name : {std::string("o"), (folder_.dir() / "references/orderings/o.toml").string()}) {
    const auto read = load(to_toml(there), name);
    EXPECT_EQ(to_toml(read), to_toml(there));
    EXPECT_EQ(read.model, there.model);
    EXPECT_EQ(read.test, "wilcoxon");
    ASSERT_EQ(read.cells.size(), 2u);
    EXPECT_EQ(read.cells[0].method, there.cells[0].method);
    EXPECT_EQ(read.cells[1].value, 1.0 / 3);
    ASSERT_EQ(read.pairs.size(), 1u);
    EXPECT_EQ(read.pairs[0].std_error, 1e-7);
    EXPECT_EQ(read.pairs[0].p_holm, 0.25);
    EXPECT_FALSE(read.pairs[0].told);
  }
}

TEST_F(RecordedOrderings, LeaveOutWhatIsNotKnown) {
  auto there = sample();
  there.pairs[0].std_error = there.pairs[0].p_holm = std::nan("");
  const auto text = to_toml(there);
  EXPECT_EQ(text.find("nan"), std::string::npos);
  EXPECT_TRUE(std::isnan(load(text).pairs[0].std_error));
  EXPECT_TRUE(std::isnan(load(text).pairs[0].p_holm));
}

TEST_F(RecordedOrderings, RefuseWhatIsDamaged) {
  const auto whole = to_toml(sample());
  ASSERT_EQ(refusal(whole), "accepted");
  for (const auto& [text, part] : {
           std::pair(whole.substr(0, whole.size() / 2), "config: experiments/references/orderings/o.toml"),
           std::pair(whole.substr(0, whole.find("[[pair]]")), "there is no [[pair]]"),
           std::pair(std::string("[[reference]]\nid = \"x\"\n"), "unknown key 'reference'"),
           std::pair(std::string(), "there is no table [recorded]"),
           std::pair(with("sweep = \"s\"\n", ""), "sweep is missing; record the orderings anew"),
           std::pair(with("\"wilcoxon\"", "\"welch\""), "expected one of 't', 'wilcoxon'"),
           std::pair(with("value = 20.5", "value = \"20.5\""), "value is '20.5' (a text)"),
           std::pair(with("p_holm = 0.25", "p_holm = 1.5"), "p_holm is 1.5"),
           std::pair(with("floor = 0", "flaw = 0"), "unknown key 'flaw' (known: setting, a, b, "),
           std::pair(with("row = \"gsr\"", "row = \"none\""), "cell (none, W4A16) is there already"),
           std::pair(with("a = \"none\"", "a = \"identity\""), "there is no cell (identity, W4A16)"),
           std::pair(with("a = \"none\"", "a = \"gsr\""), "of a row with itself"),
           std::pair(whole + whole.substr(whole.find("[[pair]]")), "or there already"),
           std::pair(
               with("floor = 0\np_holm = 0.25\ntold = false", "floor = 0.1\np_holm = 0.01\ntold = true"),
               "above a floor of 0.1"),
           std::pair(with("p_holm = 0.25\ntold = false", "told = true"), "is called told"),
       })
    EXPECT_THAT(refusal(text), HasSubstr(part)) << text;
}

TEST_F(RecordedOrderings, NameThoseThatThereAre) {
  const auto whole = to_toml(sample());
  EXPECT_THAT(refusal(whole, "oo"), HasSubstr("input: there are no recorded orderings 'oo'"));
  EXPECT_THAT(refusal(whole, "oo"), HasSubstr("did you mean 'o'?"));
  EXPECT_THAT(refusal(whole, "nosuch.toml"), HasSubstr("nosuch.toml"));
}

TEST_F(RecordedOrderings, AreNamedByTheSweepsFile) {
  const auto of = [&](const std::string& sweep) { return orderings_of_sweep(sweep, folder_.dir()); };
  folder_.write("sweeps/s.toml", "orderings = \"o\"\n");
  folder_.write("sweeps/plain.toml", "baseline = \"none\"\n");
  folder_.write("sweeps/renamed.toml", "name = \"other\"\norderings = \"o\"\n");
  EXPECT_EQ(of("s"), "o");
  for (const char* none : {"plain", "renamed", "other", "", "../sweeps/s"}) EXPECT_EQ(of(none), "") << none;
  EXPECT_THAT(folder_.sweep_refusal("orderings = 3\n"),
              HasSubstr("orderings is 3 (an integer), expected a text"));
}

}  // namespace
}  // namespace gyre::config
