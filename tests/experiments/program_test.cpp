// The verbs, on the embedded model.
#include <set>

#include "core/files.h"
#include "program.h"

namespace gyre::testing {
namespace {

TEST(Program, HelpTeachesEveryVerb) {
  const TemporaryFolder folder;
  const auto help = Program(folder.path(), {"--help"}).wait();
  EXPECT_EQ(help.status, 0);
  for (const char* verb : {"run", "sweep", "list", "show", "table", "report", "doctor", "bench"}) {
    EXPECT_NE(help.out.find(verb), std::string::npos) << verb;
    const auto text = Program(folder.path(), {verb, "--help"}).wait();
    EXPECT_EQ(text.status, 0) << verb;
    EXPECT_NE(text.out.find("--db"), std::string::npos) << verb;
  }
  EXPECT_EQ(Program(folder.path(), {}).wait().status, 2);
  const auto slip = Program(folder.path(), {"swep"}).wait();
  EXPECT_EQ(slip.status, 2);
  EXPECT_NE(slip.err.find("unknown verb 'swep' (did you mean 'sweep'?)"), std::string::npos) << slip.err;
}

TEST(Program, ACopiedTreeReadsItsOwnExperiments) {
  namespace fs = std::filesystem;
  const TemporaryFolder folder;
  const std::vector<std::string> settings = {"run", "--cfg", "quant=mine"};
  EXPECT_EQ(gyre(folder, settings).status, 2);
  for (const char* name : {"build", "experiments"}) fs::create_directories(folder / name);
  fs::copy(GYRE_PROGRAM, folder / "build" / "gyre");
  fs::copy(experiments_dir() / "conf", folder / "experiments" / "conf", fs::copy_options::recursive);
  fs::copy(folder / "experiments" / "conf" / "quant" / "w4a16.toml",
           folder / "experiments" / "conf" / "quant" / "mine.toml");
  const auto copied = Program(folder.path(), settings, (folder / "build" / "gyre").string()).wait();
  EXPECT_EQ(copied.status, 0) << copied.err;
  EXPECT_NE(copied.out.find("quant/mine.toml"), std::string::npos) << copied.out;
}

TEST(Program, RunPrintsOneJsonObjectAndRecordsIt) {
  const TemporaryFolder folder;
  const auto first = gyre(folder, std::vector<std::string>{"run", "-o", "json", "rotation=gsr"} + quick());
  ASSERT_EQ(first.status, 0) << first.err;
  for (const char* key : {"\"run\"", "\"status\": \"ok\"", "\"metrics\"", "\"stderr\"", "\"seconds\"",
                          "ppl/wikitext2@gptq64[1 window]"})
    EXPECT_NE(first.out.find(key), std::string::npos) << key << " in " << first.out;
  const auto runs = store::RunStore(folder / "gyre.sqlite", true).runs("");
  ASSERT_EQ(runs.size(), 1u);
  EXPECT_EQ(runs[0].status, "ok");
  const auto shown = gyre(folder, {"show", runs[0].digest.substr(0, 8)});
  EXPECT_EQ(shown.status, 0);
  EXPECT_NE(shown.out.find("rotation.r1.scheme = \"gsr\""), std::string::npos) << shown.out;
}

TEST(Program, TheSameRunGivesTheSameBitsInAnotherDatabase) {
  const TemporaryFolder folder;
  const std::vector<std::string> settings =
      std::vector<std::string>{"run", "rotation=random", "quant=w4a4kv4"} + quick();
  for (const char* name : {"a.sqlite", "b.sqlite"})
    ASSERT_EQ(gyre(folder, settings + std::vector<std::string>{"--db", (folder / name).string()}).status, 0);
  const auto a = store::RunStore(folder / "a.sqlite", true).runs(""),
             b = store::RunStore(folder / "b.sqlite", true).runs("");
  EXPECT_EQ(a[0].digest, b[0].digest);
  EXPECT_EQ(a[0].metrics[0].value, b[0].metrics[0].value);
}

TEST(Program, ExecutionIsNoPartOfARunsIdentity) {
  const TemporaryFolder folder;
  std::set<std::string> plans;
  for (const char* setting : {"run.threads=1", "run.threads=2", "run.memory=1"})
    plans.insert(gyre(folder, {"run", "--dry-run", setting}).out);
  EXPECT_EQ(plans.size(), 1u);
  EXPECT_NE(gyre(folder, {"run", "--dry-run", "seed=1"}).out, *plans.begin());
}

TEST(Program, CfgShowsWhereEachValueComesFrom) {
  const TemporaryFolder folder;
  const auto text = gyre(folder, {"run", "--cfg", "quant=w4a16", "seed=7"}).out;
  EXPECT_NE(text.find("quant/w4a16.toml"), std::string::npos) << text;
  EXPECT_NE(text.find("seed = 7"), std::string::npos) << text;
  EXPECT_NE(text.find("command line"), std::string::npos) << text;
}

TEST(Program, ListsAndDoctor) {
  const TemporaryFolder folder;
  const auto rotations = gyre(folder, {"list", "rotations"}).out;
  for (const char* name : {"none", "identity", "random", "hadamard", "sequency", "local_hadamard", "gsr"})
    EXPECT_NE(rotations.find(name), std::string::npos) << name;
  for (const char* what : {"quantizers", "data", "groups", "presets", "references", "sweeps", "stages"})
    EXPECT_EQ(gyre(folder, {"list", what}).status, 0);
  EXPECT_EQ(gyre(folder, {"list"}).status, 0);
  const auto doctor = gyre(folder, {"doctor"});
  EXPECT_EQ(doctor.status, 0) << doctor.out;
  EXPECT_EQ(doctor.out.find("FAIL"), std::string::npos) << doctor.out;
}

TEST(Program, ASweepMakesATableInEveryFormat) {
  const TemporaryFolder folder;
  write_bytes(
      folder / "grid.toml",
      "baseline = \"none\"\n[base]\nmodel = \"default\"\n\"eval.window\" = 64\n\"eval.max_windows\" = 2\n"
      "[[axis]]\nkey = \"rotation\"\nvalues = [\"none\", \"gsr\"]\n[[axis]]\nkey = \"quant\"\nvalues = "
      "[\"w4a16\"]\n");
  ASSERT_EQ(gyre(folder, {"sweep", (folder / "grid.toml").string()}).status, 0);
  for (const char* format : {"md", "csv", "json", "latex"}) {
    const auto table = gyre(folder, {"table", "grid", "-o", format, "--baseline", "none"});
    EXPECT_EQ(table.status, 0) << table.err;
    EXPECT_NE(table.out.find("gsr"), std::string::npos) << table.out;
  }
  ASSERT_EQ(gyre(folder, {"table", "grid", "--out", (folder / "table.md").string()}).status, 0);
  EXPECT_NE(bytes_of(folder / "table.md").find("W4A16"), std::string::npos);
}

// Recorded of one sweep, named in the file of another, found again by its report.
TEST(Program, AReportSaysWhichRecordedOrderingsHold) {
  const TemporaryFolder folder;
  const std::filesystem::path source = std::filesystem::path(GYRE_SOURCE_DIR) / "experiments",
                              home = folder / "home", experiments = home / "experiments";
  std::filesystem::create_directories(experiments / "sweeps");
  for (const char* part : {"conf", "presets", "assets"})
    std::filesystem::create_directory_symlink(source / part, experiments / part);
  const auto write_sweep = [&](const std::string& name, const std::string& head) {
    const auto file = experiments / "sweeps" / (name + ".toml");
    write_bytes(file, head +
                          "[base]\nmodel = \"default\"\nquant = \"w2a16\"\n\"eval.window\" = 64\n"
                          "\"eval.max_windows\" = 4\n\"run.threads\" = 1\n"
                          "[[axis]]\nkey = \"rotation\"\nvalues = [\"none\", \"gsr\"]\n");
    return file.string();
  };
  ::setenv("GYRE_HOME", home.c_str(), 1);
  const auto recorded = (experiments / "references/orderings/of_grid.toml").string();
  const auto report = (folder / "report.html").string();
  ASSERT_EQ(gyre(folder, {"sweep", write_sweep("grid", "")}).status, 0);
  ASSERT_EQ(gyre(folder, {"sweep", write_sweep("other", "orderings = \"of_grid\"\n")}).status, 0);

  const auto missing = gyre(folder, {"report", "--sweep", "other", "--out", report});
  EXPECT_NE(missing.status, 0);
  EXPECT_NE(missing.err.find("there are no recorded orderings 'of_grid'"), std::string::npos) << missing.err;

  const auto table = gyre(folder, {"table", "grid", "-o", "orderings", "--out", recorded});
  ASSERT_EQ(table.status, 0) << table.err;
  EXPECT_NE(bytes_of(recorded).find("command = \"gyre table grid -o orderings\""), std::string::npos);
  std::string said;
  const auto page_of = [&](const std::vector<std::string>& arguments) {
    const auto made = gyre(folder, std::vector<std::string>{"report", "--out", report} + arguments);
    EXPECT_EQ(made.status, 0) << made.err;
    said = made.err;
    return bytes_of(report);
  };
  EXPECT_NE(page_of({"--sweep", "other"}).find("orderings hold here?"), std::string::npos);
  EXPECT_NE(said.find("Of 1 ordering recorded of wiki-tiny"), std::string::npos) << said;
  EXPECT_NE(page_of({}).find("Of 1 ordering recorded of wiki-tiny"), std::string::npos);
  EXPECT_EQ(page_of({"--sweep", "grid", "--orderings", recorded}).find("orderings hold here?"),
            std::string::npos);
  EXPECT_NE(gyre(folder, {"report", "--orderings", recorded, "--out", report}).status, 0);
  ::unsetenv("GYRE_HOME");
}

}  // namespace
}  // namespace gyre::testing
