// What a user can do wrong: a clear error, the right exit status, nothing lost.
#include "program.h"

namespace gyre::testing {
namespace {

namespace fs = std::filesystem;
const std::string kTiny = GYRE_SOURCE_DIR "/experiments/assets/wiki-tiny";
const std::string kStories = GYRE_TEST_DATA "/models/stories260K/stories260K.bin";

struct BadInput : ::testing::Test {
  // A copy of the embedded model, to be spoilt.
  std::string model() const {
    const auto path = folder / "model";
    if (!fs::exists(path)) fs::copy(kTiny, path);
    return path.string();
  }
  void expect(const std::vector<std::string>& arguments, int status,
              const std::vector<std::string>& words) const {
    const auto outcome = gyre(folder, arguments);
    EXPECT_EQ(outcome.status, status) << ::testing::PrintToString(arguments) << "\n" << outcome.err;
    EXPECT_EQ(outcome.out, "") << ::testing::PrintToString(arguments);
    for (const auto& word : words)
      EXPECT_NE(outcome.err.find(word), std::string::npos) << "no '" << word << "' in: " << outcome.err;
  }
  void expect_run(std::vector<std::string> settings, int status,
                  const std::vector<std::string>& words) const {
    expect(std::vector<std::string>{"run"} + quick() + settings, status, words);
  }
  void replace(const fs::path& file, const std::string& from, const std::string& to) const {
    auto text = bytes_of(file);
    const auto at = text.find(from);
    ASSERT_NE(at, std::string::npos) << from;
    write_bytes(file, text.replace(at, from.size(), to));
  }
  TemporaryFolder folder;
};

TEST_F(BadInput, SettingsNameTheKeyAndTheRange) {
  expect_run({"quant.weight.n_bit=3"}, 2, {"n_bit", "n_bits"});
  expect_run({"quant.weight.n_bits=9"}, 2, {"quant.weight.n_bits", "9", "8"});
  expect_run({"quant.weight.n_bits=1"}, 2, {"quant.weight.n_bits", "1", "2"});
  expect_run({"quant.weight.n_bits=four"}, 2, {"quant.weight.n_bits", "four"});
  expect_run({"quant.weight.symmetric=3"}, 2, {"quant.weight.symmetric"});
  expect_run({"rotation=gsrr"}, 2, {"gsrr", "gsr"});
  expect_run({"rotation.r1.scheme=hadamrd"}, 2, {"hadamrd", "hadamard"});
  expect_run({"quant.weight.scheme=rtm"}, 2, {"rtm", "rtn"});
  expect_run({"rotation.r1.scheme=gsr", "rotation.r1.block_size=48"}, 2, {"block_size", "48"});
  expect_run({"quant.weight.group_size=100"}, 2, {"group_size", "100"});
  expect_run({"eval.window=100000"}, 2, {"window", "100000", "512"});
  expect_run({"quant.weight.zero_point=integer"}, 2, {"zero_point", "symmetric"});
  expect_run({"eval.dataset=wikitext2-valid", "calibration.path=wikitext2-valid"}, 2,
             {"calibration", "refused"});
  expect_run({"run.device=gpu"}, 2, {"run.device", "cuda"});
  expect_run({"experiment=nothing"}, 2, {"nothing"});
  expect({"run", "--no-such-flag"}, 2, {"no-such-flag"});
  expect({"frobnicate"}, 2, {});
}

TEST_F(BadInput, TomlNamesFileLineAndColumn) {
  write_bytes(folder / "sweep.toml",
              "[base]\nmodel = \"default\"\n[[axis]]\nkey = \"quant.weight.n_bits\"\nvalues = [4, 99]\n");
  expect({"sweep", (folder / "sweep.toml").string()}, 2, {"99", "n_bits"});
  write_bytes(folder / "broken.toml", "[base]\nmodel = \n");
  expect({"sweep", (folder / "broken.toml").string()}, 2, {"broken.toml:2:"});
  write_bytes(folder / "typo.toml", "[base]\nmodel = \"default\"\n[[axes]]\nkey = \"seed\"\nvalues = [1]\n");
  expect({"sweep", (folder / "typo.toml").string()}, 2, {"typo.toml:3:", "axes", "axis"});
  expect({"sweep", (folder / "missing.toml").string()}, 4, {"missing.toml"});
  EXPECT_FALSE(fs::exists(folder / "gyre.sqlite")) << "a sweep that cannot start made a database";
}

TEST_F(BadInput, AMissingOrForeignModel) {
  expect_run({"model.path=/no/such/model"}, 4, {"/no/such/model", "no such model"});
  fs::create_directory(folder / "empty");
  expect_run({"model.path=" + (folder / "empty").string()}, 4, {"config.json"});
  write_bytes(folder / "notes.txt", "hello");
  expect_run({"model.path=" + (folder / "notes.txt").string()}, 2, {"notes.txt", "config.json"});
  replace(fs::path(model()) / "config.json", "LlamaForCausalLM", "GPT2LMHeadModel");
  expect_run({"model.path=" + model()}, 2, {"GPT2LMHeadModel", "LlamaForCausalLM"});
}

TEST_F(BadInput, ATruncatedSafetensors) {
  const auto file = fs::path(model()) / "model.safetensors";
  const auto whole = bytes_of(file);
  for (const std::size_t size :
       {std::size_t{0}, std::size_t{7}, std::size_t{100}, whole.size() / 2, whole.size() - 1}) {
    write_bytes(file, whole.substr(0, size));
    expect_run({"model.path=" + model()}, 4, {"model.safetensors"});
  }
}

TEST_F(BadInput, AHeaderThatPointsOutside) {
  const auto file = fs::path(model()) / "model.safetensors";
  auto bytes = bytes_of(file);
  const auto at = bytes.find("\"data_offsets\":[");
  ASSERT_NE(at, std::string::npos);
  const auto comma = bytes.find(',', at), close = bytes.find(']', comma);
  bytes.replace(comma + 1, close - comma - 1, std::string(close - comma - 1, '9'));
  write_bytes(file, bytes);
  expect_run({"model.path=" + model()}, 4, {"model.safetensors"});
}

TEST_F(BadInput, AShapeThatTheConfigurationDoesNotHave) {
  replace(fs::path(model()) / "config.json", "\"num_hidden_layers\": ", "\"num_hidden_layers\": 1");
  expect_run({"model.path=" + model()}, 4, {"missing", "model.layers."});
}

TEST_F(BadInput, WeightsThatAreNotNumbers) {
  const auto file = fs::path(model()) / "model.safetensors";
  auto bytes = bytes_of(file);
  write_bytes(file, bytes.replace(bytes.size() - 4, 4, std::string("\xff\xff\xff\xff", 4)));
  expect_run({"model.path=" + model()}, 4, {"model.norm.weight", "nan"});
}

TEST_F(BadInput, TextThatIsNotUtf8OrTooShort) {
  write_bytes(folder / "latin1.txt", std::string(5000, 'a') + "\xe9t\xe9");
  expect_run({"eval.dataset=" + (folder / "latin1.txt").string()}, 4, {"latin1.txt", "UTF-8", "5000"});
  write_bytes(folder / "short.txt", "Once.");
  expect_run({"eval.dataset=" + (folder / "short.txt").string()}, 2, {"short.txt", "window"});
  expect_run({"eval.dataset=wikitext3"}, 4, {"wikitext3", "wikitext2"});
}

TEST_F(BadInput, ATruncatedLlama2c) {
  const auto file = folder / "stories.bin";
  fs::copy(GYRE_TEST_DATA "/tokenizers/stories260K/tok512.bin", folder / "tok512.bin");
  const auto whole = bytes_of(kStories);
  for (const std::size_t size : {std::size_t{10}, std::size_t{28}, whole.size() - 4}) {
    write_bytes(file, whole.substr(0, size));
    expect_run({"model.path=" + file.string()}, 4, {"stories.bin"});
  }
}

TEST_F(BadInput, ASliceOfATableNeedsAKeyAndAValue) {
  expect({"table", "nothing", "--where", "gsr"}, 2, {"--where", "KEY=VALUE", "'gsr'"});
}

TEST_F(BadInput, ADatabaseThatCannotBeUsedLosesNothing) {
  expect(std::vector<std::string>{"run", "--db", "/proc/gyre.sqlite"} + quick(), 5, {"/proc/gyre.sqlite"});
  write_bytes(folder / "text.sqlite", "this is no database, but somebody's notes");
  expect(std::vector<std::string>{"run", "--db", (folder / "text.sqlite").string()} + quick(), 5,
         {"text.sqlite"});
  EXPECT_EQ(bytes_of(folder / "text.sqlite"), "this is no database, but somebody's notes");
  expect({"table", "nothing", "--db", (folder / "none.sqlite").string()}, 5, {"none.sqlite"});
}

}  // namespace
}  // namespace gyre::testing
