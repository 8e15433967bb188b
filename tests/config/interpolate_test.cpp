#include <gmock/gmock.h>
#include <gtest/gtest.h>

#include <cstdlib>

#include "config_testing.h"

namespace gyre::config {
namespace {
using testing::HasSubstr;

class Interpolation : public testing::Test {
 protected:
  void config(const std::string& text) const { folder_.write("conf/config.toml", text); }
  SettingsFolder folder_;
};

TEST_F(Interpolation, TakesAnotherSettingWithItsType) {
  config(
      "seed = 7\nreplica = \"${seed}\"\n[quant]\nweight.n_bits = 3\nactivation.n_bits = "
      "\"${quant.weight.n_bits}\"\n");
  EXPECT_EQ(folder_.value("replica"), "7");
  EXPECT_EQ(folder_.value("quant.activation.n_bits"), "3");
  EXPECT_EQ(folder_.value("quant.activation.n_bits", {"quant.weight.n_bits=5"}), "5");
  EXPECT_EQ(folder_.origin("replica"), "experiments/conf/config.toml:2:1");
}

TEST_F(Interpolation, StandsInsideATextOrAWord) {
  config("seed = 7\nmodel.path = \"/m/${model.dtype}/s${seed}.gguf\"\n");
  EXPECT_EQ(folder_.value("model.path"), "\"/m/float32/s7.gguf\"");  // dtype by its built-in default
  EXPECT_EQ(folder_.value("model.path", {"model.path=x${seed}"}), "\"x7\"");
  EXPECT_EQ(folder_.value("replica", {"replica=${quant.kv.n_bits}"}), "4");
}

TEST_F(Interpolation, GoesThroughSeveralSettings) {
  config("seed = \"${replica}\"\nreplica = \"${eval.max_windows}\"\neval.max_windows = 3\n");
  EXPECT_EQ(folder_.value("seed"), "3");
}

TEST_F(Interpolation, ReadsTheEnvironment) {
  ::setenv("GYRE_CONFIG_TEST", "9", 1);
  ::unsetenv("GYRE_CONFIG_TEST_MISSING");
  config("seed = \"${env:GYRE_CONFIG_TEST}\"\nmodel.path = \"${env:GYRE_CONFIG_TEST}/x\"\n");
  EXPECT_EQ(folder_.value("seed"), "9");
  EXPECT_EQ(folder_.value("model.path"), "\"9/x\"");
  config("seed = \"${env:GYRE_CONFIG_TEST_MISSING,5}\"\n");
  EXPECT_EQ(folder_.value("seed"), "5");
  config("replica = 8\nseed = \"${env:GYRE_CONFIG_TEST_MISSING,${replica}}\"\n");
  EXPECT_EQ(folder_.value("seed"), "8");
  config("seed = \"${env:GYRE_CONFIG_TEST_MISSING}\"\n");
  EXPECT_THAT(folder_.refusal(), HasSubstr("config.toml:1:1: seed needs the environment variable "
                                           "GYRE_CONFIG_TEST_MISSING, which is not set"));
}

TEST_F(Interpolation, ThatCannotBeIsRefused) {
  struct Row {
    const char *text, *expected;
  };
  constexpr Row kRows[] = {
      {"seed = \"${seed}\"", "config.toml:1:1: interpolation goes in a circle: seed -> seed"},
      {"seed = \"${replica}\"\nreplica = \"${seed}\"", "goes in a circle: seed -> replica -> seed"},
      {"model.path = \"${model.pth}\"",
       "config.toml:1:7: model.path refers to 'model.pth', which is no setting (did you "
       "mean 'model.path'?)"},
      {"model.path = \"${quant}\"", "which is no setting"},
      {"quant.weight.n_bits = 3\nmodel.path = \"${quant.weight}\"", "which is a table; name one setting"},
      {"model.path = \"${seed\"", "'${' has no closing '}'"},
      {"model.path = \"${}\"", "refers to '', which is no setting"},
      {"seed = \"${model.dtype}\"",
       "config.toml:1:1: seed is 'float32' (a text); expected an integer of at least 0"},
      {"seed = \"${replica}\"\nreplica = \"???\"", "config.toml:2:1: replica is mandatory and has no value"},
  };
  for (const auto& [text, expected] : kRows) {
    config(std::string(text) + "\n");
    EXPECT_THAT(folder_.refusal(), HasSubstr(expected)) << text;
  }
}

TEST_F(Interpolation, MandatoryValuesMustBeGiven) {
  config("[model]\npath = \"???\"\n");
  EXPECT_THAT(folder_.refusal(), HasSubstr("config.toml:2:1: model.path is mandatory and has no value; set "
                                           "model.path=VALUE"));
  EXPECT_EQ(folder_.value("model.path", {"model.path=x"}), "\"x\"");
  EXPECT_EQ(folder_.value("model.path", {"~model.path"}), "\"default\"");
}

}  // namespace
}  // namespace gyre::config
