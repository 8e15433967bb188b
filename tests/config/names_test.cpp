// The names that scripts rely on: each is set on the command line and in a file, and arrives where it
// belongs.
#include <gmock/gmock.h>
#include <gtest/gtest.h>

#include <algorithm>

#include "config_testing.h"

namespace gyre::config {
namespace {

struct Name {
  std::string key, value;  // as TOML writes it, and as the canonical text does; not the default
};

std::vector<Name> contract() {
  std::vector<Name> names = {
      {"model.path", "\"/models/x.gguf\""},
      {"model.dtype", "\"bfloat16\""},
      {"model.any_shape", "true"},
      {"quant.weight.solver", "\"gptq\""},
      {"quant.gptq.damping", "0.1"},
      {"quant.gptq.block_size", "64"},
      {"quant.gptq.act_order", "true"},
      {"quant.gptq.hessian_dtype", "\"float64\""},
      {"quant.gptq.quantize_activations", "true"},
      {"smoothing.scheme", "\"smoothquant\""},
      {"smoothing.alpha", "0.7"},
      {"rotation.r2.scope", "\"all_heads\""},
      {"learn.objective", "\"kl\""},
      {"learn.optimizer", "\"adam\""},
      {"learn.retraction", "\"qr\""},
      {"learn.step_bound", "false"},
      {"learn.path", "\"my.txt\""},
      {"learn.steps", "7"},
      {"learn.batch", "2"},
      {"learn.accumulation", "3"},
      {"learn.window", "128"},
      {"learn.lr", "0.5"},
      {"learn.schedule", "\"linear\""},
      {"learn.warmup", "2"},
      {"learn.final_lr", "0.1"},
      {"learn.beta1", "0.8"},
      {"learn.beta2", "0.95"},
      {"learn.epsilon", "0.001"},
      {"learn.weight_decay", "0.1"},
      {"learn.grad_clip", "0.5"},
      {"learn.clipped", "\"stop\""},
      {"learn.dtype", "\"float64\""},
      {"learn.save_every", "3"},
      {"learn.quant.weight", "\"same\""},
      {"learn.quant.activation", "\"none\""},
      {"learn.quant.key", "\"none\""},
      {"learn.quant.value", "\"none\""},
      {"calibration.path", "\"my.txt\""},
      {"calibration.samples", "7"},
      {"calibration.window", "128"},
      {"calibration.order", "\"random\""},
      {"eval.dataset", "\"stories\""},
      {"eval.window", "1024"},
      {"eval.max_windows", "3"},
      {"eval.bos", "\"stream\""},
      {"eval.bos", "\"none\""},
      {"eval.bos", "\"auto\""},
      {"measure.scheme", "\"statistics\""},
      {"measure.samples", "7"},
      {"measure.window", "128"},
      {"measure.group_size", "32"},
      {"seed", "17"},
      {"replica", "2"},
      {"run.device", "\"cuda\""},
      {"run.host_weights", "true"},
      {"run.threads", "3"},
      {"run.memory", "1.5"},
      {"run.db", "\"x.sqlite\""},
  };
  for (const std::string size : {"hidden_size", "intermediate_size", "num_hidden_layers",
                                 "num_attention_heads", "num_key_value_heads", "head_dim", "vocab_size"})
    names.push_back({"model.shape." + size, "64"});
  for (const std::string site : {"r1", "r2", "r3", "r4"})
    for (const auto& [field, value] : {std::pair("scheme", "\"hadamard\""), std::pair("block_size", "32"),
                                       std::pair("block_size", "\"auto\""), std::pair("random_signs", "true"),
                                       std::pair("init", "\"gsr\""), std::pair("keep_init", "true")})
      names.push_back({"rotation." + site + "." + field, value});
  for (const std::string site : {"weight", "activation", "key", "value", "kv"})
    for (const auto& [field, value] :
         {std::pair("scheme", "\"rtn\""), std::pair("n_bits", "3"), std::pair("group_size", "32"),
          std::pair("group_size", "\"auto\""), std::pair("group_size", "-1"), std::pair("symmetric", "false"),
          std::pair("zero_point", "\"integer\""), std::pair("zero_point", "\"real\""),
          std::pair("zero_point", "\"none\""), std::pair("clip", "0.9"), std::pair("clip", "\"mse\""),
          std::pair("clip", "\"lp\""), std::pair("clip", "\"minmax\""),
          std::pair("rules", "\"layers.0: scheme=rtn n_bits=8\"")})
      names.push_back({"quant." + site + "." + field, value});
  return names;
}

// The settings that a name of the contract sets.
std::vector<std::string> targets(const std::string& key) {
  if (!key.starts_with("quant.kv.")) return {key};
  return {"quant.key." + key.substr(9), "quant.value." + key.substr(9)};
}

std::string bare(const std::string& value) {
  return value.starts_with('"') ? value.substr(1, value.size() - 2) : value;
}

TEST(Names, WorkOnTheCommandLine) {
  const SettingsFolder folder;
  for (const auto& [key, value] : contract())
    for (const auto& target : targets(key)) {
      EXPECT_EQ(folder.value(target, {key + "=" + bare(value)}), value) << key;
      EXPECT_EQ(folder.value(target, {key + "=" + value}), value) << key;
      EXPECT_EQ(folder.origin(target, {key + "=" + value}), "command line") << key;
    }
}

TEST(Names, WorkInFiles) {
  const SettingsFolder folder;
  for (const auto& [key, value] : contract()) {
    folder.write("conf/config.toml", key + " = " + value + "\n");
    for (const auto& target : targets(key)) {
      EXPECT_EQ(folder.value(target), value) << key;
      EXPECT_THAT(folder.origin(target), testing::StartsWith("experiments/conf/config.toml:1:")) << key;
    }
  }
}

// What the table above sets differs from the built-in default at least once a setting, or it would prove
// nothing.
TEST(Names, EverySettingIsMovedByTheTable) {
  std::vector<std::string> still;
  for (const auto& [key, value] : params(RunConfig{})) {
    const auto moves = [&, key = key, value = value](const Name& name) {
      const auto set = targets(name.key);
      return std::find(set.begin(), set.end(), key) != set.end() && name.value != value;
    };
    const auto names = contract();
    if (std::none_of(names.begin(), names.end(), moves)) still.push_back(key);
  }
  // before_rope is no name of the contract, solver one of weights and scope one of R2 only; nor is how
  // quantizers learn and how training goes.
  std::erase_if(still, [](const std::string& key) {
    return key.starts_with("quant.lsq.") || key.starts_with("quant.ldp.") || key.starts_with("train.") ||
           key == "run.packed";
  });
  EXPECT_THAT(still, testing::UnorderedElementsAre("rotation.r1.scope", "rotation.r3.scope",
                                                   "rotation.r4.scope", "quant.weight.before_rope",
                                                   "quant.activation.solver", "quant.activation.before_rope",
                                                   "quant.key.solver", "quant.key.before_rope",
                                                   "quant.value.solver", "quant.value.before_rope"));
}

TEST(Names, EnterTheCanonicalTextWhereTheyMoveAResult) {
  const SettingsFolder folder;
  const auto plain = canonical_text(folder.composed().config);
  for (const auto& [key, value] : contract()) {
    const std::string word = key + "=" + value;
    // Settings of what is off mean nothing; they are moved where it is on.
    const bool about_learning =
        key.starts_with("learn.") ||
        (key.starts_with("rotation.") && (key.ends_with(".init") || key.ends_with(".keep_init")));
    std::vector<std::string> on;
    if (about_learning) on = {"rotation.r1.scheme=learned", "rotation.r2.scheme=learned"};
    if (key.starts_with("measure.") && key != "measure.scheme") on = {"measure.scheme=statistics"};
    if (!on.empty()) {
      EXPECT_EQ(canonical_text(folder.composed({word}).config), plain) << key;
    }
    if (key == "learn.weight_decay") continue;  // refused there
    const bool idle = !enters_digest(key) || key.starts_with("rotation.r3.init") ||
                      key.starts_with("rotation.r4.init") || key.starts_with("rotation.r3.keep") ||
                      key.starts_with("rotation.r4.keep") || folder.value(targets(key).front(), on) == value;
    const auto before = canonical_text(folder.composed(on).config);
    on.push_back(word);
    EXPECT_EQ(canonical_text(folder.composed(on).config) == before, idle) << key;
  }
}

TEST(CanonicalText, DoesNotDependOnTheOrderOfWords) {
  const SettingsFolder folder;
  folder.write("conf/config.toml", "defaults = [\"quant/four\", \"_self_\"]\neval.window = 512\n");
  folder.write("conf/quant/four.toml", "weight.scheme = \"rtn\"\nweight.n_bits = 4\n");
  folder.write("conf/quant/two.toml", "weight.n_bits = 2\n");
  std::vector<std::string> words = {
      "++eval.bos=none",        "+seed=3",     "quant=two", "quant.weight.clip=0.9",
      "model.path=${eval.bos}", "~eval.window"};
  std::sort(words.begin(), words.end());
  const auto expected = canonical_text(folder.composed(words).config);
  do {
    ASSERT_EQ(canonical_text(folder.composed(words).config), expected);
  } while (std::next_permutation(words.begin(), words.end()));
}

TEST(CanonicalText, ReadsBackAsAConfiguration) {
  const SettingsFolder folder;
  const auto config =
      folder
          .composed({"model.path=it's \"7\"", "quant.kv.scheme=rtn", "quant.kv.zero_point=real",
                     "quant.weight.clip=0.30000000000000004", "seed=9223372036854775807"})
          .config;
  folder.write("conf/config.toml", canonical_text(config));
  EXPECT_EQ(canonical_text(folder.composed().config), canonical_text(config));
}

}  // namespace
}  // namespace gyre::config
