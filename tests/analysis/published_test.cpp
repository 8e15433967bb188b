// Verdicts on runs made up for it: what is compared, how, and what never is.
#include "analysis/published.h"

#include <gmock/gmock.h>
#include <gtest/gtest.h>

#include <cmath>

#include "analysis/fixture.h"

namespace gyre::analysis {
namespace {

using testing::Fixture;
using ::testing::HasSubstr;
using ::testing::Not;

constexpr const char* kFull = "ppl/wikitext2@gptq2048";
const ModelShape kShape{4096, 11008, 32, 32, 32, 128, 32000};

class Published : public Fixture {
 protected:
  Published() {
    input_.preset = "paper_w4";
    input_.settings["paper_w4"] = settings("hadamard", 4);
    input_.settings["paper_fp"] = settings("none", 16);
    input_.published.models = {{"M-7B", "paper_fp", kShape}};
    input_.published.rows = {row("fp", "paper_fp", 5.47), row("w4", "paper_w4", 6.10)};
    input_.named_texts = {"wikitext2", "wikitext2-valid"};
  }

  static Reference row(const std::string& id, const std::string& preset, double value) {
    Reference r;
    r.id = id;
    r.preset = preset;
    r.source = "A paper";
    r.model = "M-7B";
    r.value = value;
    return r;
  }
  Reference& reference() { return input_.published.rows[1]; }

  static RunConfig settings(const std::string& r1, int bits) {
    RunConfig c = config(r1, bits);
    c.model.path = "/models/m-7b";
    c.model.shape = kShape;
    return c;
  }

  void measured(const RunConfig& c, double value, double std_error = 0.03,
                const std::string& metric = kFull) {
    store_->finish(begin(c), std::isfinite(value) ? "ok" : "diverged", {{metric, value, std_error, 1000, ""}},
                   {}, {});
  }
  void full_precision(double value = 5.4712, const std::string& path = "/models/m-7b") {
    auto c = settings("none", 16);
    c.model.path = path;
    measured(c, value, 0.1);
  }
  Judgement only() {
    const auto all = judge(*store_, input_);
    EXPECT_EQ(all.size(), 1u);
    return all.at(0);
  }
  // Of one run of the preset with this value, the model being the right one.
  Verdict verdict(double value, double std_error = 0.03) {
    start_anew();
    full_precision();
    measured(settings("hadamard", 4), value, std_error);
    return only().verdict;
  }
  // Why a run that is changed like this is not compared.
  template <class Change>
  std::string reason(Change change, const std::string& metric = kFull) {
    start_anew();
    auto c = settings("hadamard", 4);
    change(c);
    full_precision(5.4712, c.model.path);
    measured(c, 6.10, 0.03, metric);
    const auto judgement = only();
    EXPECT_EQ(judgement.verdict, Verdict::kNotComparable);
    return judgement.reason;
  }

  void start_anew() {
    store_.reset();
    plan_.clear();
    std::filesystem::remove_all(folder_);
    std::filesystem::create_directories(folder_);
    store_ = std::make_unique<store::RunStore>(folder_ / "gyre.sqlite");
  }

  JudgeInput input_;
};

TEST_F(Published, VerdictsFollowTheDistance) {
  EXPECT_EQ(verdict(6.10), Verdict::kMatch);
  EXPECT_EQ(verdict(6.1349), Verdict::kMatch);  // rounding 0.005 + one error of 0.03
  EXPECT_EQ(verdict(6.1351), Verdict::kClose);
  EXPECT_EQ(verdict(6.10 + 0.005 + 0.1219), Verdict::kClose);  // 2 % of 6.10 is 0.122
  EXPECT_EQ(verdict(6.10 + 0.005 + 0.1221), Verdict::kMiss);
  EXPECT_EQ(verdict(6.10 - 0.005 - 0.1221), Verdict::kMiss);
  EXPECT_EQ(verdict(6.10 + 0.005 + 0.19, 0.1), Verdict::kClose);  // twice an error of 0.1
  EXPECT_EQ(verdict(6.104, 0), Verdict::kMatch);
  EXPECT_EQ(verdict(6.106, 0), Verdict::kClose);
  EXPECT_EQ(verdict(std::numeric_limits<double>::infinity()), Verdict::kMiss);
  EXPECT_EQ(verdict(NAN), Verdict::kMiss);
}

TEST_F(Published, SeedsAndReplicasAreJudgedTogetherByTheirSpread) {
  full_precision();
  const double values[] = {6.05, 6.10, 6.21};
  for (int seed = 0; seed < 3; ++seed) {
    auto c = settings("hadamard", 4);
    c.seed = seed;
    measured(c, values[seed]);
  }
  const auto judgement = only();
  EXPECT_EQ(judgement.runs.size(), 3u);
  EXPECT_DOUBLE_EQ(judgement.value, (6.05 + 6.10 + 6.21) / 3);
  // Standard deviation 0.0818535..., times sqrt(4 / 3).
  EXPECT_NEAR(judgement.tolerance, 0.0818535 * std::sqrt(4.0 / 3), 1e-6);
  EXPECT_EQ(judgement.verdict, Verdict::kMatch);
}

TEST_F(Published, FullPrecisionHasNoExcuseInSampling) {
  input_.preset = "paper_fp";
  for (const auto& [value, expected] :
       {std::pair(5.4712, Verdict::kMatch), std::pair(5.4797, Verdict::kMatch),
        std::pair(5.49, Verdict::kClose), std::pair(5.51, Verdict::kMiss), std::pair(6.94, Verdict::kMiss)}) {
    start_anew();
    full_precision(value);
    EXPECT_EQ(only().verdict, expected) << value;
  }
}

TEST_F(Published, AModelOfTheSameShapeMustBeShownToBeTheOne) {
  measured(settings("hadamard", 4), 6.10);
  EXPECT_EQ(only().verdict, Verdict::kNotComparable);
  EXPECT_THAT(only().reason, HasSubstr("gyre run experiment=paper_fp model.path=/models/m-7b"));
  full_precision(6.94);  // a chat model, say
  EXPECT_EQ(only().verdict, Verdict::kNotComparable);
  EXPECT_THAT(only().reason, HasSubstr("6.94 in full precision, M-7B of 5.47"));
  full_precision(5.4712, "/models/another");
  EXPECT_EQ(only().verdict, Verdict::kNotComparable);
}

TEST_F(Published, AnotherModelIsNeverCompared) {
  EXPECT_THAT(reason([](RunConfig& c) { c.model.shape.hidden_size = 256; }),
              HasSubstr("hidden_size 256, intermediate_size 11008"));
  EXPECT_THAT(reason([](RunConfig& c) { c.model.shape = {}; }), HasSubstr("does not say which sizes"));
  EXPECT_THAT(reason([](RunConfig& c) { c.model.path = "/models/m-7b.gguf"; }), HasSubstr("GGUF"));
}

TEST_F(Published, AnotherProtocolTextOrWindowIsNeverCompared) {
  const auto as_it_is = [](RunConfig&) {};
  EXPECT_THAT(reason(as_it_is, "ppl/wikitext2@gptq2048[4 windows]"), HasSubstr("only a part of the text"));
  EXPECT_THAT(reason(as_it_is, "ppl/wikitext2@gptq4096"), HasSubstr("the run has ppl/wikitext2@gptq4096"));
  EXPECT_THAT(reason(as_it_is, "ppl/stories@gptq2048"), HasSubstr("another protocol, text or window"));
  EXPECT_THAT(reason([](RunConfig& c) { c.eval.dataset = "/tmp/wikitext2.txt"; }),
              HasSubstr("may be another text"));
  EXPECT_THAT(reason([](RunConfig& c) { c.eval.bos = "none"; }),
              HasSubstr("eval.bos is none, the preset's auto"));
}

TEST_F(Published, CalibrationMattersWhereItIsRead) {
  const auto other_windows = [](RunConfig& c) { c.calibration.samples = 3; };
  start_anew();
  full_precision();
  auto nearest = settings("hadamard", 4);
  other_windows(nearest);
  measured(nearest, 6.10);
  EXPECT_EQ(only().verdict, Verdict::kMatch);

  auto& preset = input_.settings["paper_w4"];
  preset.quant.weight.solver = "gptq";
  preset.calibration.samples = 128;
  reference().calibration = "WikiText-2 train";
  const auto gptq = [&](RunConfig& c) {
    c.quant.weight.solver = "gptq";
    c.calibration = preset.calibration;
    c.calibration.path = "/data/train.txt";
  };
  EXPECT_THAT(reason([&](RunConfig& c) {
                gptq(c);
                c.calibration.samples = 16;
              }),
              HasSubstr("calibration.samples is 16, the preset's 128"));
  EXPECT_THAT(reason([&](RunConfig& c) {
                gptq(c);
                c.calibration.path = "wikitext2-valid";
              }),
              HasSubstr("calibrated on wikitext2-valid, not on WikiText-2 train"));
  start_anew();
  full_precision();
  auto right = settings("hadamard", 4);
  gptq(right);
  measured(right, 6.10);
  EXPECT_EQ(only().verdict, Verdict::kMatch);
}

TEST_F(Published, RowsThatCannotJudgeSayWhy) {
  reference().unsettled = "the group size";
  EXPECT_THAT(reason([](RunConfig&) {}), HasSubstr("the source leaves open: the group size"));
  reference().unsettled = "";
  reference().value = 0;
  reference().printed = "NaN";
  EXPECT_THAT(reason([](RunConfig&) {}), HasSubstr("NaN"));
}

TEST_F(Published, InfIsMetByWhatTheSourceWouldHavePrintedSo) {
  reference().value = 0;
  reference().printed = "Inf";
  reference().above = 100;
  EXPECT_EQ(verdict(101), Verdict::kMatch);
  EXPECT_EQ(verdict(std::numeric_limits<double>::infinity()), Verdict::kMatch);
  EXPECT_EQ(verdict(99), Verdict::kMiss);
}

TEST_F(Published, OnlyRunsWithThePresetsMethodBelongToIt) {
  full_precision();
  auto other = settings("hadamard", 4);
  other.quant.weight.group_size.value = 128;
  measured(other, 6.10);
  auto failed = settings("hadamard", 4);
  store_->fail(begin(failed), "failed", "no memory");
  const auto judgement = only();
  EXPECT_TRUE(judgement.runs.empty());
  EXPECT_EQ(judgement.verdict, Verdict::kNotComparable);
  EXPECT_THAT(judgement.reason, HasSubstr("no finished run of paper_w4"));
  EXPECT_TRUE(std::isnan(judgement.value));
}

TEST_F(Published, OneFullPrecisionValueThatIsMetIsEnoughInAnyOrder) {
  full_precision();
  measured(settings("hadamard", 4), 6.10);
  const auto other = row("fp of another paper", "paper_fp", 5.00);
  for (const std::size_t place : {0u, 2u}) {
    auto rows = input_.published.rows;
    rows.insert(rows.begin() + static_cast<std::ptrdiff_t>(place), other);
    std::swap(input_.published.rows, rows);
    EXPECT_EQ(only().verdict, Verdict::kMatch) << place;
    std::swap(input_.published.rows, rows);
  }
  input_.published.rows[0] = other;
  EXPECT_THAT(only().reason, HasSubstr("another model: /models/m-7b has a perplexity of 5.47"));
}

TEST_F(Published, TheModelIsKnownByItsFilesNotByItsPath) {
  const auto verdict_on = [&](const std::string& files, const std::string& path) {
    start_anew();
    const auto record = [&](const RunConfig& c, const std::string& digest, double value) {
      auto p = point(c);
      p.params.push_back({"model.digest", '"' + digest + '"'});
      p.digest = sha256_hex(p.canonical + digest);
      store_->finish(store_->begin("", p, "0.1.0", "{}").value(), "ok", {{kFull, value, 0.03, 1000, ""}}, {},
                     {});
    };
    record(settings("none", 16), "a", 5.4712);
    auto quantized = settings("hadamard", 4);
    quantized.model.path = path;
    record(quantized, files, 6.10);
    return only();
  };
  EXPECT_EQ(verdict_on("a", "/models/m-7b").verdict, Verdict::kMatch);
  EXPECT_EQ(verdict_on("a", "/models/m-7b/").verdict, Verdict::kMatch);
  const auto swapped = verdict_on("b", "/models/m-7b");
  EXPECT_EQ(swapped.verdict, Verdict::kNotComparable);
  EXPECT_THAT(swapped.reason, HasSubstr("no full-precision run of the same files"));
}

TEST_F(Published, EachWayOfMeasuringIsJudgedByItself) {
  full_precision();
  measured(settings("hadamard", 4), 6.10);
  auto partial = settings("hadamard", 4);
  partial.eval.max_windows = 4;
  measured(partial, 5.9, 0.2, "ppl/wikitext2@gptq2048[4 windows]");
  const auto all = judge(*store_, input_);
  ASSERT_EQ(all.size(), 2u);
  EXPECT_EQ(all[0].verdict, Verdict::kMatch);
  EXPECT_EQ(all[1].verdict, Verdict::kNotComparable);
  EXPECT_THAT(all[1].reason, Not(HasSubstr("another model")));
  EXPECT_TRUE(std::isnan(all[1].value));
}

}  // namespace
}  // namespace gyre::analysis
