// gyre compare: a stand-in runs a paper's preset and is not judged; the exit status tells a miss.
#include <gmock/gmock.h>

#include "pipeline/stand_in.h"
#include "program.h"

namespace gyre::testing {
namespace {

using ::testing::HasSubstr;

class Compare : public ::testing::Test {
 protected:
  std::vector<std::string> stand_in(const std::string& preset) {
    if (model_.empty()) model_ = write_stand_in(folder_.path()).string();
    return {"run",
            "experiment=" + preset,
            "model.path=" + model_,
            "model.any_shape=true",
            "model.dtype=float32",
            "calibration.samples=4",
            "calibration.window=64",
            "eval.window=64",
            "eval.max_windows=1",
            "run.threads=1"};
  }
  Outcome compare(std::vector<std::string> words) {
    words.insert(words.begin(), "compare");
    return gyre(folder_, words);
  }
  TemporaryFolder folder_;
  std::string model_;
};

TEST_F(Compare, RefusesToJudgeAStandIn) {
  for (const char* preset : {"quarot_fp16", "quarot_w4a4kv4_gptq"}) {
    const auto run =
        gyre(folder_, stand_in(preset) + std::vector<std::string>{"calibration.path=wikitext2-valid"});
    ASSERT_EQ(run.status, 0) << run.err;
    const auto text = compare({preset});
    EXPECT_EQ(text.status, 0) << text.err;
    EXPECT_THAT(text.out, HasSubstr("NOT COMPARABLE"));
    EXPECT_THAT(text.out, HasSubstr("hidden_size 256, intermediate_size 768"));
    EXPECT_THAT(text.out, HasSubstr("LLaMA-2-7B has hidden_size 4096, intermediate_size 11008"));
    EXPECT_THAT(text.out, HasSubstr("ppl/wikitext2@gptq64[1 window]"));
    for (const char* verdict : {"| MATCH", "| CLOSE", "| MISS"})
      EXPECT_EQ(text.out.find(verdict), std::string::npos);
  }
  const auto json = compare({"quarot_w4a4kv4_gptq", "-o", "json"}).out;
  EXPECT_THAT(json, HasSubstr("\"published\": 6.1"));
  EXPECT_THAT(json, HasSubstr("\"value\": null"));
  EXPECT_THAT(json, HasSubstr("calibrated on wikitext2-valid"));
  const auto csv = compare({"quarot_w4a4kv4_gptq", "-o", "csv"}).out;
  EXPECT_THAT(csv, HasSubstr("quarot/table1/w4a4kv4,"));
  EXPECT_THAT(csv, HasSubstr(",NOT COMPARABLE,"));
}

// The verdict does not look at who computed the value: a run record with the model's sizes is enough.
TEST_F(Compare, ExitStatusTellsAMiss) {
  ASSERT_EQ(gyre(folder_, stand_in("quarot_w4a4kv4_rtn")).status, 0);
  ASSERT_EQ(gyre(folder_, stand_in("quarot_fp16")).status, 0);
  const auto made = store::RunStore(folder_ / "gyre.sqlite", true).runs("");
  ASSERT_EQ(made.size(), 2u);
  const auto record = [&](const store::RunRow& run, double value, const char* version) {
    store::Point point{run.digest, run.canonical, run.label, run.params};
    point.digest[0] = point.digest[0] == 'a' ? 'b' : 'a';
    for (auto& [key, text] : point.params)
      for (const auto& [name, size] :
           {std::pair("hidden_size", "4096"), std::pair("intermediate_size", "11008"),
            std::pair("num_hidden_layers", "32"), std::pair("num_attention_heads", "32"),
            std::pair("num_key_value_heads", "32"), std::pair("head_dim", "128"),
            std::pair("vocab_size", "32000")})
        if (key == std::string("model.shape.") + name) text = size;
    store::RunStore store(folder_ / "gyre.sqlite");
    const auto id = store.begin("", point, version, "{}");
    store.finish(id.value(), "ok", {{"ppl/wikitext2@gptq2048", value, 0.05, 1000, ""}}, {}, {});
  };
  record(made[1], 5.472, "1");
  record(made[0], 8.40, "1");
  auto outcome = compare({"quarot_w4a4kv4_rtn"});
  EXPECT_EQ(outcome.status, 0) << outcome.out;
  EXPECT_THAT(outcome.out, HasSubstr("| MATCH"));
  record(made[0], 9.40, "2");  // the newest of a digest counts
  outcome = compare({"quarot_w4a4kv4_rtn"});
  EXPECT_THAT(outcome.out, HasSubstr("| MISS"));
  EXPECT_EQ(outcome.status, 3);
}

TEST_F(Compare, SaysWhenThereIsNothingToCompare) {
  store::RunStore(folder_ / "gyre.sqlite");
  const auto none = compare({"quarot_w4a4kv4_gptq"});
  EXPECT_EQ(none.status, 4);
  EXPECT_THAT(none.out, HasSubstr("no finished run"));
  EXPECT_EQ(compare({"rcp_untrained_w2a4kv4"}).status, 0);
  const auto unknown = compare({"quarot_w4a4kv4"});
  EXPECT_EQ(unknown.status, 2);
  EXPECT_THAT(unknown.err, HasSubstr("did you mean 'quarot_"));
  EXPECT_EQ(compare({}).status, 2);
  EXPECT_EQ(gyre(folder_, {"compare", "quarot_fp16", "--db", (folder_ / "missing.sqlite").string()}).status,
            5);
}

TEST_F(Compare, RecordsPublishedValues) {
  store::RunStore(folder_ / "gyre.sqlite");
  for (int i = 0; i < 2; ++i) EXPECT_EQ(compare({"quarot_fp16", "--record"}).status, 4);
}

TEST_F(Compare, ListsPresetsAndReferences) {
  const auto presets = gyre(folder_, {"list", "presets"}).out;
  EXPECT_THAT(presets, HasSubstr("quarot_w4a4kv4_gptq"));
  EXPECT_THAT(presets, HasSubstr("LLaMA-2-7B 6.10"));
  const auto references = gyre(folder_, {"list", "references"}).out;
  EXPECT_THAT(references, HasSubstr("none yet: needs the settings of the row"));
  EXPECT_THAT(references, HasSubstr("rcp/abstract/w2a4kv4"));
}

}  // namespace
}  // namespace gyre::testing
