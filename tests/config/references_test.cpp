// The registry of published values: what it refuses, and that what is shipped is whole.
#include "config/references.h"

#include <gmock/gmock.h>
#include <gtest/gtest.h>

#include <algorithm>
#include <map>
#include <set>

#include "config_testing.h"

namespace gyre::config {
namespace {
namespace fs = std::filesystem;
using testing::HasSubstr;

const fs::path kExperiments = fs::path(GYRE_SOURCE_DIR) / "experiments";

constexpr const char* kModels = R"([[model]]
name = "M-7B"
full_precision = "fp"
shape = { hidden_size = 4096 }
)";
constexpr const char* kRow = R"(source = "A paper"
[[reference]]
id = "a/1"
preset = "fp"
location = "table 1"
certainty = "paper"
model = "M-7B"
value = 5.40
)";

class Registry : public testing::Test {
 protected:
  Registry() {
    folder_.write("presets/fp.toml", "");
    folder_.write("references/models.toml", kModels);
  }
  std::string refusal(const std::string& rows) const {
    folder_.write("references/a.toml", rows);
    try {
      load_references(folder_.dir());
    } catch (const Error& error) {
      EXPECT_EQ(error.code(), ErrorCode::kConfig);
      return error.what();
    }
    return "accepted";
  }
  static std::string with(const std::string& from, const std::string& to) {
    std::string text = kRow;
    return text.replace(text.find(from), from.size(), to);
  }
  SettingsFolder folder_;
};

TEST_F(Registry, ReadsRowsAndModels) {
  ASSERT_EQ(refusal(kRow), "accepted");
  const auto references = load_references(folder_.dir());
  ASSERT_EQ(references.rows.size(), 1u);
  const auto& row = references.rows[0];
  EXPECT_EQ(row.source, "A paper");
  EXPECT_EQ(row.metric, "ppl/wikitext2@gptq2048");
  EXPECT_EQ(published(row), "5.40");
  EXPECT_DOUBLE_EQ(rounding(row), 0.005);
  ASSERT_EQ(references.models.size(), 1u);
  EXPECT_EQ(references.models[0].shape.hidden_size, 4096);
}

TEST_F(Registry, RefusesWhatIsIncompleteOrContradictsItself) {
  for (const auto& [rows, part] : {
           std::pair(with("certainty", "certanty"), "did you mean 'certainty'"),
           std::pair(with("\"paper\"\nmodel", "\"rumour\"\nmodel"), "second_hand"),
           std::pair(with("source = \"A paper\"", "sauce = \"A paper\""), "unknown key 'sauce'"),
           std::pair(with("source = \"A paper\"", ""), "has no source"),
           std::pair(with("location = \"table 1\"\n", ""), "has no location"),
           std::pair(with("\"M-7B\"", "\"M-13B\""), "no model 'M-13B'"),
           std::pair(with("preset = \"fp\"", "preset = \"fpp\""), "no preset 'fpp' (did you mean 'fp'?)"),
           std::pair(with("preset = \"fp\"\n", ""), "either a preset or"),
           std::pair(with("preset = \"fp\"", "preset = \"fp\"\nneeds = \"training\""), "either a preset or"),
           std::pair(with("value = 5.40", "value = 5.405"), "not printed with 2 digits"),
           std::pair(with("value = 5.40", ""), "either a value or the word"),
           std::pair(with("value = 5.40", "value = 5.40\nprinted = \"NaN\""), "either a value or the word"),
           std::pair(with("value = 5.40", "printed = \"Inf\""), "above belongs to"),
           std::pair(with("value = 5.40", "value = \"5.40\""), "a number"),
           std::pair(std::string("reference = 3\n"), "[[reference]]"),
           std::pair(std::string("reference = [3]\n"), "expected a table"),
           std::pair(std::string(kRow) + std::string(kRow).substr(std::string(kRow).find("[[")),
                     "is taken, at"),
       }) {
    const auto message = refusal(rows);
    EXPECT_THAT(message, HasSubstr(part));
    EXPECT_THAT(message, testing::StartsWith("experiments/references/a.toml:")) << message;
  }
  EXPECT_EQ(refusal(with("value = 5.40", "printed = \"Inf\"\nabove = 100")), "accepted");
  EXPECT_EQ(refusal(with("preset = \"fp\"", "needs = \"training\"")), "accepted");
}

TEST_F(Registry, RefusesModelsWithoutShapeOrPreset) {
  for (const auto& [text, part] :
       {std::pair("[[model]]\nname = \"M\"\nfull_precision = \"fp\"\n", "needs a name and a shape"),
        std::pair("[[model]]\nname = \"M\"\nshape = { hidden_size = 8 }\n", "no preset ''"),
        std::pair("[[modle]]\n", "did you mean 'model'")}) {
    folder_.write("references/models.toml", text);
    EXPECT_THAT(refusal(""), HasSubstr(part));
  }
}

// The rows of QuaRot's tables and of full precision, RTN and GPTQ beside them, for LLaMA-2-7B: what was
// printed, and the bits and solver of the preset that reproduces it.
struct Row {
  const char *preset, *printed, *bits;
  bool gptq = false;
};
constexpr Row kRows[] = {
    {"quarot_fp16", "5.47", "FP"},
    {"quarot_w4a4kv4_gptq", "6.10", "W4A4KV4+R3R4", true},
    {"quarot_w4a4kv4_g256_gptq", "5.98", "W4A4KV4+R3R4", true},
    {"quarot_w4a4kv4_g128_gptq", "5.93", "W4A4KV4+R3R4", true},
    {"quarot_w4a4kv4_g64_gptq", "5.88", "W4A4KV4+R3R4", true},
    {"quarot_a4_clip100", "5.938", "W16A4+R4"},
    {"quarot_a4_clip95", "5.910", "W16A4+R4"},
    {"quarot_a4_clip90", "5.828", "W16A4+R4"},
    {"quarot_a4_clip85", "5.850", "W16A4+R4"},
    {"quarot_kv4_clip100", "5.513", "W16A16KV4+R3R4"},
    {"quarot_k4v4", "5.510", "W16A16KV4+R3R4"},
    {"quarot_kv4_clip90", "5.517", "W16A16KV4+R3R4"},
    {"quarot_kv4_clip85", "5.532", "W16A16KV4+R3R4"},
    {"quarot_k4v4", "5.51", "W16A16KV4+R3R4"},
    {"quarot_k4v2", "5.75", "W16A16K4V2+R3R4"},
    {"quarot_k3v3", "5.68", "W16A16KV3+R3R4"},
    {"quarot_k2v4", "8.06", "W16A16K2V4+R3R4"},
    {"quarot_k2v2", "9.23", "W16A16KV2+R3R4"},
    {"rtn_w4a16", "6.99", "W4A16"},
    {"rtn_w3a16", "Inf", "W3A16"},
    {"rtn_w2a16", "Inf", "W2A16"},
    {"gptq_w4a16", "8.25", "W4A16", true},
    {"gptq_w3a16", "NaN", "W3A16", true},
    {"gptq_w2a16", "NaN", "W2A16", true},
    {"quarot_w4a16_rtn", "6.76", "W4A16+R4"},
    {"quarot_w3a16_rtn", "Inf", "W3A16+R4"},
    {"quarot_w2a16_rtn", "Inf", "W2A16+R4"},
    {"quarot_w4a16_gptq", "5.60", "W4A16+R4", true},
    {"quarot_w3a16_gptq", "6.09", "W3A16+R4", true},
    {"quarot_w2a16_gptq", "22.07", "W2A16+R4", true},
    {"quarot_random_w4a4kv4_gptq", "7.45", "W4A4KV4+R3R4", true},
    {"quarot_w4a4kv4_rtn", "8.37", "W4A4KV4+R3R4"},
    {"quarot_w6a6kv6_rtn", "5.56", "W6A6KV6+R3R4"},
    {"quarot_w8a8kv8_rtn", "5.50", "W8A8KV8+R3R4"},
    {"quarot_w6a6kv6_gptq", "5.52", "W6A6KV6+R3R4", true},
    {"quarot_w8a8kv8_gptq", "5.50", "W8A8KV8+R3R4", true},
    {"gptq_w3a16_g128", "6.29", "W3A16", true},
};

RunConfig preset(const std::string& name) {
  return compose(kExperiments, {"experiment=" + name, "model.path=m", "calibration.path=c", "train.path=t"})
      .config;
}

TEST(ShippedReferences, HoldEveryRowThatAPresetReproduces) {
  const auto references = load_references(kExperiments);
  for (const auto& row : kRows) {
    const bool there = std::ranges::any_of(references.rows, [&](const Reference& r) {
      return r.preset == row.preset && published(r) == row.printed && r.model == "LLaMA-2-7B" &&
             r.metric == "ppl/wikitext2@gptq2048" && r.certainty == "paper" && r.unsettled.empty();
    });
    EXPECT_TRUE(there) << row.preset << " " << row.printed;
    const auto config = preset(row.preset);
    EXPECT_EQ(bits_label(config), row.bits) << row.preset;
    EXPECT_EQ(config.quant.weight.solver, row.gptq ? "gptq" : "nearest") << row.preset;
  }
}

TEST(ShippedReferences, FitTheirPresets) {
  const auto references = load_references(kExperiments);
  ASSERT_EQ(references.models.size(), 1u);
  for (const auto& row : references.rows) {
    EXPECT_NE(row.source.find("arXiv:"), row.source.starts_with("ButterflyQuant") ? 0 : std::string::npos)
        << row.id;
    if (row.preset.empty()) continue;
    const auto config = preset(row.preset);
    EXPECT_EQ(config.model.shape, references.models[0].shape) << row.preset;
    EXPECT_EQ(config.quant.weight.solver == "gptq", !row.calibration.empty()) << row.id;
    // What nobody vouches for judges no run.
    if (row.certainty == "second_hand" && row.id != "butterflyquant/quarot_w2a16") {
      EXPECT_FALSE(row.unsettled.empty()) << row.id;
    }
  }
}

TEST(ShippedReferences, EveryPresetOfAPublishedMethodHasOne) {
  std::set<std::string> judged;
  for (const auto& row : load_references(kExperiments).rows) judged.insert(row.preset);
  for (const auto& name : presets(kExperiments)) {
    const bool unpublished = name.find("unlearned") != std::string::npos ||
                             name.find("untrained") != std::string::npos || name == "gsr_w2a16_gptq" ||
                             name == "llm_qat";
    EXPECT_EQ(judged.contains(name), !unpublished) << name;
  }
}

}  // namespace
}  // namespace gyre::config
