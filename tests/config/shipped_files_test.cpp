// Everything in experiments/conf, presets and sweeps composes and means what its name says. No model is
// needed.
#include <gmock/gmock.h>
#include <gtest/gtest.h>

#include <set>

#include "config/compose.h"
#include "core/error.h"

namespace gyre::config {
namespace {
namespace fs = std::filesystem;

const fs::path kExperiments = fs::path(GYRE_SOURCE_DIR) / "experiments";

RunConfig composed(const std::vector<std::string>& words) {
  return compose(kExperiments, words).config;
}

std::vector<std::string> choices(const std::string& group) {
  return group_choices(kExperiments, group);
}

std::vector<fs::path> toml_files(const fs::path& folder) {
  std::vector<fs::path> files;
  for (const auto& entry : fs::directory_iterator(folder))
    if (entry.path().extension() == ".toml") files.push_back(entry.path());
  return files;
}

TEST(ShippedGroups, AreThoseOfTheDocuments) {
  EXPECT_THAT(groups(kExperiments),
              testing::ElementsAre("data", "eval", "model", "online", "quant", "rotation"));
  EXPECT_THAT(choices("rotation"),
              testing::IsSupersetOf({"none", "identity", "random", "hadamard", "randomized_hadamard",
                                     "sequency", "local_hadamard", "gsr"}));
  EXPECT_THAT(choices("quant"),
              testing::IsSupersetOf({"none", "w4a16", "w3a16", "w2a16", "w4a8kv8", "w4a4kv4"}));
  EXPECT_THAT(choices("data"), testing::IsSupersetOf({"wikitext2", "stories"}));
}

TEST(ShippedGroups, EveryChoiceComposesWithEveryOther) {
  std::set<std::string> texts;
  std::size_t n = 0;
  for (const auto& rotation : choices("rotation"))
    for (const auto& quant : choices("quant"))
      for (const auto& online : choices("online")) {
        texts.insert(
            canonical_text(composed({"rotation=" + rotation, "quant=" + quant, "online=" + online})));
        ++n;
      }
  EXPECT_EQ(texts.size(), n);  // no two choices say the same
  for (const auto& model : choices("model"))
    for (const auto& data : choices("data"))
      for (const auto& eval : choices("eval"))
        EXPECT_NO_THROW(composed({"model=" + model, "data=" + data, "eval=" + eval}))
            << model << data << eval;
}

TEST(ShippedGroups, EveryChoiceCanBeDroppedOrReplacedInAnyOrder) {
  for (const auto& group : groups(kExperiments)) {
    EXPECT_NO_THROW(composed({"~" + group})) << group;
    for (const auto& choice : choices(group)) {
      const auto before = composed({group + "=" + choice, "seed=3"});
      const auto after = composed({"seed=3", group + "=" + choice});
      EXPECT_EQ(canonical_text(before), canonical_text(after));
    }
  }
}

TEST(ShippedRotations, SetR1ByTheirNameAndR2) {
  struct Row {
    const char *name, *r1, *r2;
    bool signs = false;
  };
  constexpr Row kRows[] = {
      {"none", "none", "none"},
      {"identity", "identity", "none"},
      {"random", "random", "random"},
      {"hadamard", "hadamard", "hadamard"},
      {"randomized_hadamard", "hadamard", "hadamard", true},
      {"sequency", "sequency", "hadamard"},
      {"local_hadamard", "local_hadamard", "hadamard"},
      {"gsr", "gsr", "hadamard"},
  };
  for (const auto& [name, r1, r2, signs] : kRows) {
    const auto rotation = composed({std::string("rotation=") + name}).rotation;
    EXPECT_EQ(rotation.r1.scheme, r1) << name;
    EXPECT_EQ(rotation.r1.random_signs, signs) << name;
    EXPECT_TRUE(rotation.r1.block_size.is_auto()) << name;
    EXPECT_EQ(rotation.r2.scheme, r2) << name;
    EXPECT_FALSE(rotation.r2.random_signs) << name;
    EXPECT_EQ(rotation.r3.scheme, "none") << name;
    EXPECT_EQ(rotation.r4.scheme, "none") << name;
  }
  EXPECT_EQ(std::size(kRows), choices("rotation").size());
}

TEST(ShippedRotations, OnlineOnesAreHadamardsInEveryRow) {
  for (const auto& name : choices("rotation")) {
    const auto rotation = composed({"rotation=" + name, "online=r3r4"}).rotation;
    for (const auto* site : {&rotation.r3, &rotation.r4}) {
      EXPECT_EQ(site->scheme, "hadamard") << name;
      EXPECT_FALSE(site->random_signs) << name;
    }
  }
}

TEST(ShippedQuantizers, KeepWhatTheirNamesPromise) {
  for (const auto& name : choices("quant")) {
    const auto config = composed({"quant=" + name, "online=none"});
    const auto& q = config.quant;
    std::string label = name.substr(0, name.find('_'));
    for (char& c : label) c = static_cast<char>(std::toupper(c));
    EXPECT_EQ(bits_label(config), name == "none" ? "FP" : label) << name;
    for (const auto* site : {&q.weight, &q.activation, &q.key, &q.value}) {
      if (!site->enabled()) continue;
      EXPECT_EQ(site->scheme, "rtn") << name;
      EXPECT_EQ(site->group_size.value, name.ends_with("_g64") ? 64 : AutoSize::kAuto) << name;
    }
    EXPECT_EQ(to_text(q.weight.clip), q.weight.enabled() ? "lp" : "minmax") << name;
    EXPECT_FALSE(q.key.before_rope) << name;
  }
}

TEST(ShippedModels, BringTheTextThatTheyAreJudgedOn) {
  const auto tiny = composed({});
  EXPECT_EQ(tiny.model.path, "default");
  EXPECT_EQ(tiny.eval.dataset, "stories");
  EXPECT_EQ(tiny.eval.window, 512);
  const auto smollm2 = composed({"model=smollm2-135m"});
  EXPECT_EQ(smollm2.model.path, "models/smollm2-135m.gguf");
  EXPECT_EQ(smollm2.eval.dataset, "wikitext2");
  EXPECT_EQ(smollm2.eval.window, 2048);
  EXPECT_EQ(smollm2.calibration.path, "wikitext2-valid");
  EXPECT_EQ(composed({"model=smollm2-135m", "data=stories"}).eval.dataset, "stories");
  EXPECT_EQ(composed({"data=wikitext2"}).eval.window, 2048);
}

TEST(ShippedPresets, Compose) {
  for (const auto& file : toml_files(kExperiments / "presets"))
    EXPECT_NO_THROW(composed({"experiment=" + file.stem().string()})) << file;
}

TEST(ShippedSweeps, Load) {
  const auto files = toml_files(kExperiments / "sweeps");
  EXPECT_GE(files.size(), 4u);
  for (const auto& file : files) {
    try {
      EXPECT_EQ(load_sweep(file, kExperiments, {}).name, file.stem().string());
    } catch (const Error& error) {
      ADD_FAILURE() << error.what();
    }
  }
}

std::multiset<std::string> rows_and_columns(const std::string& sweep) {
  std::multiset<std::string> out;
  for (const auto& point : load_sweep(kExperiments / "sweeps" / (sweep + ".toml"), kExperiments, {}).points) {
    const auto& config = point.composed.config;
    out.insert(config.rotation.r1.scheme + " " + bits_label(config));
  }
  return out;
}

std::multiset<std::string> product(const std::vector<std::string>& rotations,
                                   const std::vector<std::string>& bits) {
  std::multiset<std::string> out = {"none FP"};
  for (const auto& rotation : rotations)
    for (const auto& label : bits) out.insert(rotation + " " + label);
  return out;
}

TEST(ShippedSweeps, TheQuickStartIsTheTableOfTheReadme) {
  const auto expected = product({"none", "hadamard", "gsr"}, {"W4A16", "W4A8KV8", "W4A4KV4+R3R4"});
  EXPECT_EQ(rows_and_columns("quickstart"), expected);
  EXPECT_EQ(rows_and_columns("quickstart_tiny"), expected);
  for (const auto& point : load_sweep(kExperiments / "sweeps/quickstart.toml", kExperiments, {}).points) {
    const auto& config = point.composed.config;
    EXPECT_EQ(config.eval.max_windows, 4);
    EXPECT_EQ(config.eval.dataset, "wikitext2");
    EXPECT_EQ(config.quant.weight.group_size.value, config.quant.weight.enabled() ? 64 : -1);
  }
  for (const auto& point :
       load_sweep(kExperiments / "sweeps/quickstart_tiny.toml", kExperiments, {}).points) {
    const auto& config = point.composed.config;
    EXPECT_EQ(config.eval.dataset, "stories");
    EXPECT_EQ(config.eval.window, 512);
    EXPECT_EQ(config.quant.weight.group_size.is_auto(), config.quant.weight.enabled());
  }
}

TEST(ShippedSweeps, TheReferenceTableIsComplete) {
  EXPECT_EQ(rows_and_columns("smollm2_ptq"),
            product({"none", "identity", "random", "hadamard", "sequency", "local_hadamard", "gsr"},
                    {"W4A16", "W3A16", "W2A16", "W4A8KV8", "W4A4KV4", "W4A4KV4+R3R4"}));
  for (const auto& point : load_sweep(kExperiments / "sweeps/smollm2_ptq.toml", kExperiments, {}).points)
    EXPECT_EQ(point.composed.config.eval.max_windows, 8);
}

}  // namespace
}  // namespace gyre::config
