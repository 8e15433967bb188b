#include "analysis/facts.h"

#include <gmock/gmock.h>

#include "analysis/fixture.h"
#include "analysis/report.h"

namespace gyre::analysis {
namespace {

using namespace testing;
using ::testing::HasSubstr;

store::RunRow run_of(RunConfig c) {
  store::RunRow run;
  run.params = params(c);
  return run;
}

RunConfig with_sizes() {
  RunConfig c;
  c.quant.weight.scheme = "rtn";
  c.quant.weight.group_size = AutoSize{};
  c.model.shape = {576, 1536, 30, 9, 3, 64, 49152};
  return c;
}

TEST(BitsPerWeight, AreWhatTheRunRecorded) {
  auto run = run_of(with_sizes());
  run.metrics = {{"bits_per_weight", 4.75, 0, 210, "bits"}};
  EXPECT_EQ(bits_per_weight(run), 4.75);
}

// 576 = 64 * 9 and 1536 = 128 * 12: groups of 64 for q, k, v, o, gate, up, of 128 for down.
TEST(BitsPerWeight, FollowFromTheSizesWhereGroupsDo) {
  RunConfig c = with_sizes();
  const double down = 576 * 1536, others = 576 * (576 + 2 * 192) + 576 * 576 + 2 * 576 * 1536;
  EXPECT_NEAR(bits_per_weight(run_of(c)), 4 + 32 * (others / 64 + down / 128) / (others + down), 1e-12);
  c.quant.weight.group_size.value = -1;
  c.quant.weight.symmetric = false;
  c.quant.weight.zero_point = "integer";
  EXPECT_NEAR(bits_per_weight(run_of(c)), 4 + 36 * (others / 576 + down / 1536) / (others + down), 1e-12);
  c.quant.weight.group_size.value = 64;
  c.model.shape = {};
  EXPECT_NEAR(bits_per_weight(run_of(c)), 4 + 36.0 / 64, 1e-12);
  c.quant.weight.group_size.value = -1;
  EXPECT_EQ(bits_per_weight(run_of(c)), 4);  // sizes are not known
}

TEST(Seconds, LeaveOutWhatARunMeasures) {
  store::RunRow run;
  run.stages = {{"load", "k", 1, false, 0},
                {"measure_original", "k", 10, false, 0},
                {"quantize", "k", 2, false, 0},
                {"evaluate", "k", 4, false, 0},
                {"measure", "k", 20, false, 0}};
  EXPECT_EQ(preparation_seconds(run), 3);
  EXPECT_EQ(total_seconds(run), 7);
}

class CollapsedTest : public Fixture {};

TEST_F(CollapsedTest, AreToldApartByTheirKl) {
  ok(config("none", 16), blocks(3));
  const auto add = [&](const char* r1, double nll, double kl) {
    const auto samples = blocks(nll);
    store_->finish(begin(config(r1, 2)), "ok",
                   {{kMetric, std::exp(nll), 1, 400, ""}, {"kl/wikitext2@4x512", kl, 0.1, 512, "nats"}},
                   {{kMetric, samples}}, {});
  };
  add("none", 9, 7.5);
  add("gsr", 10, 5.25);
  const auto html = make_report(*store_, {"s", "gyre report"}, false).html;
  EXPECT_THAT(
      html, HasSubstr("the order means nothing. Closest to full precision by kl/wikitext2@4x512: gsr 5.25 ± "
                      "0.10 nats, then none 7.50 ± 0.10."));
}

}  // namespace
}  // namespace gyre::analysis
