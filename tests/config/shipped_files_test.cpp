// Everything in experiments/conf and presets composes and means what its name says. No model is
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

TEST(ShippedGroups, AreThoseOfTheDocuments) {
  EXPECT_THAT(groups(kExperiments),
              testing::ElementsAre("data", "eval", "model", "online", "quant", "rotation", "train"));
  EXPECT_THAT(
      choices("rotation"),
      testing::IsSupersetOf({"none", "identity", "random", "hadamard", "randomized_hadamard", "sequency",
                             "local_hadamard", "gsr", "learned", "learned_hadamard", "learned_gsr"}));
  EXPECT_THAT(choices("quant"),
              testing::IsSupersetOf({"none", "w4a16", "w3a16", "w2a16", "w4a8kv8", "w4a4kv4"}));
  EXPECT_THAT(choices("data"), testing::IsSupersetOf({"wikitext2", "wikitext2_512"}));
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
      const auto before = composed({group + "=" + choice, "train.path=t"});
      const auto after = composed({"train.path=t", group + "=" + choice});
      EXPECT_EQ(canonical_text(before), canonical_text(after));
    }
  }
}

TEST(ShippedRotations, SetR1ByTheirNameAndR2) {
  struct Row {
    const char *name, *r1, *r2;
    bool signs = false;
    const char* init = "hadamard";
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
      {"learned", "learned", "learned", true},
      {"learned_hadamard", "learned", "learned"},
      {"learned_gsr", "learned", "learned", false, "gsr"},
  };
  for (const auto& [name, r1, r2, signs, init] : kRows) {
    const auto rotation = composed({std::string("rotation=") + name}).rotation;
    EXPECT_EQ(rotation.r1.scheme, r1) << name;
    EXPECT_EQ(rotation.r1.random_signs, signs) << name;
    EXPECT_TRUE(rotation.r1.block_size.is_auto()) << name;
    EXPECT_EQ(rotation.r1.init, init) << name;
    EXPECT_EQ(rotation.r2.scheme, r2) << name;
    EXPECT_EQ(rotation.r2.random_signs, rotation.r2.learned() && signs) << name;
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
    // RCP's recipe: a learned scheme where the name says so, activations per token.
    const bool rcp = name.starts_with("w2a4kv4");
    const auto scheme = name.starts_with("w2a4kv4_") ? name.substr(name.find('_') + 1) : "rtn";
    for (const auto* site : {&q.weight, &q.activation, &q.key, &q.value}) {
      if (!site->enabled()) continue;
      EXPECT_EQ(site->scheme, site == &q.weight ? scheme : "rtn") << name;
      EXPECT_EQ(site->group_size.value, rcp && site == &q.activation ? -1
                                        : name.ends_with("_g64")     ? 64
                                                                     : AutoSize::kAuto)
          << name;
    }
    const bool least_squares = scheme == "lwc" || scheme == "ldp";
    EXPECT_EQ(to_text(q.weight.clip), !q.weight.enabled() ? "minmax" : least_squares ? "mse" : "lp") << name;
    if (rcp) {
      EXPECT_EQ(to_text(q.activation.clip) + to_text(q.key.clip) + to_text(q.value.clip), "0.90.950.95");
    }
    EXPECT_FALSE(q.key.before_rope) << name;
  }
}

TEST(ShippedModels, BringTheTextThatTheyAreJudgedOn) {
  const auto tiny = composed({});
  EXPECT_EQ(tiny.model.path, "default");
  EXPECT_EQ(tiny.eval.dataset, "wikitext2");
  EXPECT_EQ(tiny.eval.window, 512);
  const auto smollm2 = composed({"model=smollm2-135m"});
  EXPECT_EQ(smollm2.model.path, "models/smollm2-135m.gguf");
  EXPECT_EQ(smollm2.eval.dataset, "wikitext2");
  EXPECT_EQ(smollm2.eval.window, 2048);
  EXPECT_EQ(smollm2.calibration.path, "wikitext2-valid");
  EXPECT_EQ(composed({"model=smollm2-135m", "data=wikitext2_512"}).eval.window, 512);
  EXPECT_EQ(composed({"data=wikitext2"}).eval.window, 2048);
}

Composed composed_preset(const std::string& name) {
  return compose(kExperiments, {"experiment=" + name, "model.path=m", "calibration.path=c", "train.path=t"});
}

// Settings that matter to learned rotations alone.
bool is_about_learning(const std::string& key) {
  return key.starts_with("learn.") ||
         (key.starts_with("rotation.") && (key.ends_with(".init") || key.ends_with(".keep_init")));
}

bool learns(const std::string& key, const RotationPlan& rotation) {
  if (key.starts_with("learn.")) return rotation.r1.learned() || rotation.r2.learned();
  return key.starts_with("rotation.r1.") ? rotation.r1.learned()
                                         : key.starts_with("rotation.r2.") && rotation.r2.learned();
}

// A default that changes later must not change what a paper's preset means.
TEST(ShippedPresets, SayEverySettingThemselves) {
  const auto names = presets(kExperiments);
  EXPECT_GE(names.size(), 40u);
  for (const auto& name : names) {
    const auto preset = composed_preset(name);
    for (const auto& [key, origin] : preset.origins) {
      // How a run is looked at is no part of a method.
      if (key.starts_with("run.") || key.starts_with("measure.") || key == "model.path" ||
          key == "calibration.path")
        continue;
      if (key == "train.path" || (key.starts_with("train.") && !preset.config.train.enabled())) continue;
      if (is_about_learning(key) && !learns(key, preset.config.rotation)) continue;
      EXPECT_THAT(origin, testing::StartsWith("experiments/presets/" + name + ".toml:"))
          << name << " " << key;
    }
  }
}

TEST(ShippedPresets, AskForWhatTheRepositoryDoesNotHave) {
  for (const auto& name : presets(kExperiments)) {
    const auto refusal = [&](const std::vector<std::string>& words) -> std::string {
      try {
        auto all = words;
        all.push_back("experiment=" + name);
        composed(all);
      } catch (const Error& error) {
        return error.what();
      }
      return "accepted";
    };
    EXPECT_THAT(refusal({"calibration.path=c", "train.path=t"}), testing::HasSubstr("model.path")) << name;
    const auto config = composed_preset(name).config;
    const bool solves = config.quant.weight.solver == "gptq" || learns_rotations(config);
    const char* missing = solves ? "calibration.path" : "accepted";
    EXPECT_THAT(refusal({"model.path=m"}), testing::HasSubstr(missing)) << name;
  }
}

TEST(ShippedPresets, AreForLlama2AtThePublishedProtocol) {
  std::set<std::string> texts;
  for (const auto& name : presets(kExperiments)) {
    const auto config = composed_preset(name).config;
    EXPECT_TRUE(texts.insert(canonical_text(config)).second) << name << " says what another preset says";
    EXPECT_EQ(config.model.shape.hidden_size, 4096) << name;
    EXPECT_EQ(config.model.shape.vocab_size, 32000) << name;
    EXPECT_FALSE(config.model.any_shape) << name;
    EXPECT_EQ(config.eval.dataset, "wikitext2") << name;
    EXPECT_EQ(config.eval.window, 2048) << name;
    EXPECT_EQ(config.eval.max_windows, 0) << name;
    EXPECT_EQ(config.calibration.samples, 128) << name;
    EXPECT_EQ(config.calibration.window, 2048) << name;
    EXPECT_EQ(config.calibration.order, "random") << name;
    EXPECT_EQ(config.seed, 0) << name;
  }
}

TEST(ShippedPresets, OfQuarotHaveItsRotations) {
  for (const auto& name : presets(kExperiments)) {
    if (!name.starts_with("quarot_") || name == "quarot_fp16") continue;
    const auto config = composed_preset(name).config;
    const auto& r = config.rotation;
    EXPECT_EQ(r.r1.scheme, name.find("random") == std::string::npos ? "hadamard" : "random") << name;
    EXPECT_EQ(r.r1.random_signs, r.r1.scheme == "hadamard") << name;
    EXPECT_EQ(r.r2.scope, "all_heads") << name;
    EXPECT_EQ(r.r3.scheme, config.quant.key.enabled() ? "hadamard" : "none") << name;
    EXPECT_EQ(r.r4.scheme, "hadamard") << name;
  }
}

TEST(ShippedPresets, OfSpinQuantLearnAsPublished) {
  int n = 0;
  for (const auto& name : presets(kExperiments)) {
    const auto config = composed_preset(name).config;
    if (!learns_rotations(config)) continue;
    ++n;
    const auto& loop = config.learn.loop;
    EXPECT_EQ(loop.steps * loop.batch * loop.accumulation * loop.window, 100 * 8 * 2048) << name;
    EXPECT_EQ(loop.lr, 1.5) << name;
    EXPECT_EQ(config.learn.path, config.calibration.path) << name;
    const auto plan = learning_plan(config);
    EXPECT_EQ(plan.weight.used(), config.quant.weight.solver != "gptq") << name;
    EXPECT_EQ(plan.weight.solver, "nearest") << name;
    EXPECT_TRUE(plan.activation == config.quant.activation) << name;
    EXPECT_FALSE(plan.activation.symmetric) << name;
    EXPECT_EQ(config.rotation.r3.scheme, config.quant.key.enabled() ? "hadamard" : "none") << name;
    EXPECT_EQ(config.rotation.r4.scheme, "hadamard") << name;
  }
  EXPECT_EQ(n, 3);
}

}  // namespace
}  // namespace gyre::config
