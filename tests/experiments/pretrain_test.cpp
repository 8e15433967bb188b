// gyre pretrain as a user runs it: a model that gyre loads, interruptions, and what is refused before the
// first step.
#include <gmock/gmock.h>

#include <fstream>

#include "core/files.h"
#include "program.h"

namespace gyre::testing {
namespace {

using ::testing::AllOf;
using ::testing::HasSubstr;

struct PretrainTest : ::testing::Test {
  PretrainTest() {
    write_bytes(folder / "micro.toml", R"(name = "micro"
[model]
hidden_size = 32
intermediate_size = 48
num_hidden_layers = 2
num_attention_heads = 4
num_key_value_heads = 2
head_dim = 8
vocab_size = 320
max_position_embeddings = 64
[tokenizer]
sample_mb = 0.05
[data]
style = "wikitext"
about = "Made up."
licence = "none"
[train]
steps = 40
batch = 2
accumulation = 2
window = 32
lr = 1e-2
schedule = "cosine"
warmup = 4
checkpoint_every = 5
[eval]
dataset = "wikitext2"
window = 64
max_windows = 2
)");
    std::string articles;
    for (int i = 0; i < 200; ++i)
      articles += "{\"id\": " + std::to_string(100 + i) + ", \"title\": \"Place " + std::to_string(i * i) +
                  "\", \"text\": \"The town of " + std::to_string(i * 7 % 31) +
                  " has a well-known school, (the " + std::to_string(1900 + i % 90) +
                  " one).\\nHistory.\\nIt was built by " + std::to_string(i * 13 % 57) + ",000 people.\"}\n";
    write_bytes(folder / "articles.jsonl", articles);
  }
  std::vector<std::string> command(const std::string& place,
                                   const std::vector<std::string>& more = {}) const {
    return std::vector<std::string>{"pretrain",
                                    (folder / "micro.toml").string(),
                                    "out=" + (folder / place / "model").string(),
                                    "data.sources=" + (folder / "articles.jsonl").string(),
                                    "run.threads=1",
                                    "--db",
                                    (folder / place / "gyre.sqlite").string()} +
           more;
  }
  Outcome run(const std::string& place, const std::vector<std::string>& more = {}) const {
    return gyre(folder, command(place, more));
  }
  std::string model(const std::string& place) const {
    return bytes_of(folder / place / "model" / "model.safetensors");
  }
  TemporaryFolder folder;
};

TEST_F(PretrainTest, MakesAModelLikeAnyOther) {
  const auto outcome = run("a", {"outlier_injection.mlp_channels=2"});
  ASSERT_EQ(outcome.status, 0) << outcome.err;
  EXPECT_THAT(outcome.out, AllOf(HasSubstr("ppl/wikitext2@gptq64[2 windows]"), HasSubstr("bits_per_byte/"),
                                 HasSubstr("ppl_unigram/"), HasSubstr("written: ")));
  const auto card = bytes_of(folder / "a/model/README.md");
  EXPECT_THAT(card, AllOf(HasSubstr("# micro"), HasSubstr("Made up."),
                          HasSubstr("Licence of the texts: none"), HasSubstr("Outlier channels were put in"),
                          HasSubstr("| 40-40 |"), HasSubstr("200 documents"), HasSubstr("gyre pretrain ")));
  const auto runs = store::RunStore(folder / "a/gyre.sqlite", true).runs("");
  ASSERT_EQ(runs.size(), 1u);
  EXPECT_EQ(runs[0].status, "ok");
  EXPECT_EQ(store::RunStore(folder / "a/gyre.sqlite", true).curve(runs[0].run_id).size(), 3 * 40u);
  const auto evaluated = gyre(folder, {"run", "model.path=" + (folder / "a/model").string(), "data=wikitext2",
                                       "rotation=none", "quant=none", "eval.window=64", "eval.max_windows=2",
                                       "calibration.window=64", "run.threads=1", "-o", "json"});
  ASSERT_EQ(evaluated.status, 0) << evaluated.err;
  const auto value = [](const std::string& text, const std::string& before) {
    return std::stod(text.substr(text.find(before) + before.size()));
  };
  EXPECT_NEAR(value(evaluated.out, "\"value\": "), value(outcome.out, "[2 windows] = "), 1e-3);
  // Once more: what is there is not touched.
  const auto before = model("a");
  run("a", {"outlier_injection.mlp_channels=2"});
  EXPECT_EQ(model("a"), before);
  EXPECT_EQ(run("a", {"seed=1"}).status, 2);
  EXPECT_EQ(model("a"), before);
}

TEST_F(PretrainTest, ContinuesAfterInterruptionAndKill) {
  ASSERT_EQ(run("whole").status, 0);
  for (const int signal : {SIGINT, SIGKILL}) {
    const auto place = "stopped" + std::to_string(signal);
    const auto long_run = command(place, {"train.checkpoint_every=1"});
    Program program(folder.path(), long_run);
    const auto state_folder = folder / place / "cache" / "training";
    for (int i = 0;
         i < 6000 && (!std::filesystem::exists(state_folder) || std::filesystem::is_empty(state_folder)); ++i)
      std::this_thread::sleep_for(std::chrono::milliseconds(5));
    program.send(signal);
    const auto stopped = program.wait();
    EXPECT_TRUE(stopped.status == 130 || stopped.status == 128 + SIGKILL || stopped.status == 0)
        << stopped.err;
    const auto outcome = run(place);
    if (stopped.status != 0) {
      ASSERT_EQ(outcome.status, 0) << outcome.err;
    }
    EXPECT_EQ(model(place), model("whole"));
  }
}

TEST_F(PretrainTest, RefusesBadInputBeforeTheFirstStep) {
  const auto refused = [&](int status, const std::vector<std::string>& more) {
    const auto outcome = run("bad", more);
    EXPECT_EQ(outcome.status, status) << outcome.err;
    EXPECT_FALSE(std::filesystem::exists(folder / "bad/model"));
    EXPECT_FALSE(std::filesystem::exists(folder / "bad/cache/training"));
    return outcome.err;
  };
  const auto text = bytes_of(folder / "articles.jsonl");
  write_bytes(folder / "cut.jsonl.xz", std::string("\xFD\x37zXZ\0\0\x04\xE6\xD6\xB4\x46\x02\0\x21\x01", 16));
  EXPECT_THAT(refused(4, {"data.sources=" + (folder / "cut.jsonl.xz").string()}), HasSubstr("cut off"));
  write_bytes(folder / "latin1.txt", "first\ncaf\xe9\n");
  EXPECT_THAT(refused(4, {"data.sources=" + (folder / "latin1.txt").string()}),
              AllOf(HasSubstr("line 2"), HasSubstr("not UTF-8")));
  write_bytes(folder / "half.jsonl", text.substr(0, text.size() - 20));
  EXPECT_THAT(refused(4, {"data.sources=" + (folder / "half.jsonl").string()}),
              HasSubstr("line 200 is not an article"));
  EXPECT_THAT(refused(4, {"data.sources=" + (folder / "none.txt").string()}), HasSubstr("no such file"));
  EXPECT_THAT(refused(2, {"model.vocab_size=8192"}), AllOf(HasSubstr("8192"), HasSubstr("tokens at most")));
  EXPECT_THAT(refused(2, {"model.num_key_value_heads=3"}),
              AllOf(HasSubstr("is 4"), HasSubstr("num_key_value_heads 3")));
}

TEST_F(PretrainTest, LeavesOutListedArticlesAndEvaluatedText) {
  write_bytes(folder / "list.json", "[[\"101\", \"Place 1\", 11], [105, \"Place 25\", 12]]");
  const auto valid = read_file(asset_path("wikitext-2/wiki.valid.raw"));
  write_bytes(folder / "leak.raw", valid.substr(0, 30000));
  const auto outcome = run(
      "b", {"data.decontaminated=" + (folder / "list.json").string(),
            "data.sources=" + (folder / "articles.jsonl").string() + "; " + (folder / "leak.raw").string()});
  ASSERT_EQ(outcome.status, 0) << outcome.err;
  EXPECT_THAT(outcome.err, AllOf(HasSubstr("2 articles that"), HasSubstr("documents share 64 tokens")));
  EXPECT_THAT(bytes_of(folder / "b/model/README.md"), HasSubstr("Left out: 2 documents"));
}

TEST_F(PretrainTest, DryRunSaysWhatItTakes) {
  const auto outcome = run("c", {"--dry-run"});
  ASSERT_EQ(outcome.status, 0) << outcome.err;
  EXPECT_THAT(outcome.out, AllOf(HasSubstr("40 steps of 128 tokens: 5120 tokens"), HasSubstr("not made yet"),
                                 HasSubstr("AdamW's moments"), HasSubstr("model.hidden_size = 32")));
  EXPECT_FALSE(std::filesystem::exists(folder / "c/model"));
}

}  // namespace
}  // namespace gyre::testing
