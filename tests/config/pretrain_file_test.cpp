// Settings of `gyre pretrain`: what the shipped file says, and what is refused before anything is opened.
#include "config/pretrain_file.h"

#include <gmock/gmock.h>
#include <gtest/gtest.h>
#include <stdlib.h>
#include <unistd.h>

#include "core/files.h"

namespace gyre::config {
namespace {

using testing::AllOf;
using testing::HasSubstr;

const std::string kShipped = GYRE_SOURCE_DIR "/experiments/pretrain/wiki-tiny.toml";

std::string refusal(const std::vector<std::string>& words) {
  try {
    load_pretrain(kShipped, words);
  } catch (const Error& error) {
    EXPECT_EQ(error.code(), ErrorCode::kConfig);
    return error.what();
  }
  return "accepted";
}

TEST(PretrainFile, TheShippedModelIsWhatItsNameSays) {
  ::setenv("GYRE_DATA", "/data", 1);
  const auto spec = load_pretrain(kShipped, {"seed=7", "out=elsewhere"}).spec;
  ::unsetenv("GYRE_DATA");
  EXPECT_EQ(spec.seed, 7);
  EXPECT_EQ(spec.out, "elsewhere");
  EXPECT_EQ(spec.model.head_dim, 64);
  EXPECT_EQ(spec.model.hidden_size % 128, 0);
  EXPECT_NE(spec.model.intermediate_size & (spec.model.intermediate_size - 1), 0);
  EXPECT_FALSE(spec.outliers.enabled());
  const auto sources = parse_sources(spec.data.sources);
  ASSERT_EQ(sources.size(), 2u);
  EXPECT_EQ(sources[0].path, "/data/wikipedia-2014/wiki_long.jsonl.xz");
  EXPECT_EQ(sources[0].weight, 0.4);
  EXPECT_FALSE(sources[0].keep_unknown);
}

TEST(PretrainFile, SizesThatDoNotDivideAreRefusedWithTheNumbers) {
  EXPECT_THAT(refusal({"model.num_key_value_heads=3"}),
              AllOf(HasSubstr("num_attention_heads is 4"), HasSubstr("num_key_value_heads 3"),
                    HasSubstr("wiki-tiny.toml:")));
  EXPECT_THAT(refusal({"model.head_dim=48"}), AllOf(HasSubstr("4 x 48 = 192"), HasSubstr("256")));
  EXPECT_THAT(refusal({"model.head_dim=63", "model.hidden_size=252"}), HasSubstr("head_dim is 63"));
  EXPECT_THAT(refusal({"train.window=1024"}), AllOf(HasSubstr("1024"), HasSubstr("512")));
  EXPECT_THAT(refusal({"eval.window=2048"}), HasSubstr("eval.window is 2048"));
  EXPECT_THAT(refusal({"train.warmup=3000"}), HasSubstr("train.warmup is 3000"));
  EXPECT_THAT(refusal({"model.vocab_size=100"}), HasSubstr("model.vocab_size is 100"));
  EXPECT_THAT(refusal({"outlier_injection.norm_channels=300"}), HasSubstr("is 300 of hidden_size 256"));
}

TEST(PretrainFile, UnknownKeysAndBadSourcesAreRefused) {
  EXPECT_THAT(refusal({"model.hiden_size=4"}), HasSubstr("did you mean 'hidden_size'?"));
  EXPECT_THAT(refusal({"data.sources=a.txt weight=many"}), HasSubstr("'weight=many'"));
  EXPECT_THAT(refusal({"data.sources=weight=2"}), HasSubstr("names no file"));
  EXPECT_THAT(refusal({"data.sources=a unk=maybe"}), HasSubstr("unk=drop or unk=keep"));
  EXPECT_THAT(refusal({"data.sources=;"}), HasSubstr("names no text"));
  EXPECT_THAT(refusal({"name=\"\""}), HasSubstr("name must be given"));
}

TEST(PretrainFile, IdentityLeavesOutHowItIsCarriedOut) {
  const auto text = [](const std::vector<std::string>& words) {
    return canonical_text(load_pretrain(kShipped, words).spec);
  };
  const auto base = text({});
  EXPECT_EQ(text({"out=x", "run.threads=2", "train.checkpoint_every=7", "data.licence=MIT"}), base);
  EXPECT_NE(text({"train.lr=1e-3"}), base);
  EXPECT_NE(text({"outlier_injection.mlp_channels=2"}), base);
}

}  // namespace
}  // namespace gyre::config
