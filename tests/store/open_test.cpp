// Which files become a database, and that the others are left alone.
#include <grp.h>
#include <sqlite3.h>
#include <sys/stat.h>
#include <sys/wait.h>
#include <unistd.h>

#include "store/store_testing.h"

namespace gyre::store {
namespace {

using namespace testing;
namespace fs = std::filesystem;

void sqlite(const fs::path& path, const char* sql) {
  sqlite3* connection = nullptr;
  ASSERT_EQ(sqlite3_open(path.c_str(), &connection), SQLITE_OK);
  EXPECT_EQ(sqlite3_exec(connection, sql, nullptr, nullptr, nullptr), SQLITE_OK)
      << sqlite3_errmsg(connection);
  sqlite3_close(connection);
}

// Opening throws kStore with these words, and the file keeps its bytes and gets no companions.
void expect_refused(const TemporaryFolder& folder, const fs::path& path, const std::string& part) {
  const std::string before = bytes_of(path);
  const auto count = [&] {
    return std::distance(fs::directory_iterator(folder.path()), fs::directory_iterator());
  };
  const auto files = count();
  for (const bool read_only : {false, true}) {
    const Error error = error_of([&] { RunStore store(path, read_only); });
    EXPECT_TRUE(is_error(error, ErrorCode::kStore, part));
    EXPECT_TRUE(is_error(error, ErrorCode::kStore, path.string()));
    EXPECT_EQ(bytes_of(path), before);
    EXPECT_EQ(count(), files);
  }
}

TEST(OpenStore, RefusesATextFile) {
  TemporaryFolder folder;
  write_bytes(folder / "notes.txt", "these are notes of forty bytes and more, not a database\n");
  expect_refused(folder, folder / "notes.txt", "no SQLite database");
  write_bytes(folder / "short", "x");
  expect_refused(folder, folder / "short", "no SQLite database");
}

TEST(OpenStore, RefusesADatabaseOfAnotherProgram) {
  TemporaryFolder folder;
  sqlite(folder / "other.sqlite", "CREATE TABLE t (x)");
  expect_refused(folder, folder / "other.sqlite", "of another program");
  sqlite(folder / "tagged.sqlite", "PRAGMA application_id = 77; PRAGMA user_version = 1; CREATE TABLE t (x)");
  expect_refused(folder, folder / "tagged.sqlite", "0x4d");
}

TEST(OpenStore, RefusesANewerSchemaNamingBoth) {
  TemporaryFolder folder;
  { RunStore store(folder / "g.sqlite"); }
  sqlite(folder / "g.sqlite", "PRAGMA user_version = 12");
  expect_refused(folder, folder / "g.sqlite",
                 "has schema 12, made by a newer gyre; this one knows schemas up to 1");
}

TEST(OpenStore, RefusesAFolder) {
  TemporaryFolder folder;
  EXPECT_TRUE(is_error(error_of([&] { RunStore store(folder.path()); }), ErrorCode::kStore, "is a folder"));
}

TEST(OpenStore, ReadsOnlyWhatIsThere) {
  TemporaryFolder folder;
  const Error error = error_of([&] { RunStore store(folder / "none.sqlite", true); });
  EXPECT_TRUE(is_error(error, ErrorCode::kStore, "does not exist"));
  EXPECT_FALSE(fs::exists(folder / "none.sqlite"));
  write_bytes(folder / "empty.sqlite", "");
  EXPECT_TRUE(is_error(error_of([&] { RunStore store(folder / "empty.sqlite", true); }), ErrorCode::kStore,
                       "is empty"));
}

TEST(OpenStore, MakesADatabaseInAnEmptyFile) {
  TemporaryFolder folder;
  write_bytes(folder / "empty.sqlite", "");
  RunStore store(folder / "empty.sqlite");
  store.plan_sweep("s", make_points(1));
  EXPECT_EQ(store.sweeps().size(), 1u);
}

TEST(OpenStore, TakesNamesWithAnyCharacter) {
  TemporaryFolder folder;
  const auto path = folder / "a b?c#d%41\xC3\xA4/g&x=1.sqlite";
  { RunStore store(path); }
  EXPECT_TRUE(fs::exists(path));
  EXPECT_NO_THROW(RunStore(path, true).sweeps());
}

TEST(OpenStore, RefusesAFolderThatCannotBeMade) {
  EXPECT_TRUE(
      is_error(error_of([] { RunStore store("/proc/gyre/g.sqlite"); }), ErrorCode::kStore, "cannot be made"));
  TemporaryFolder folder;
  write_bytes(folder / "file", "x");
  EXPECT_TRUE(
      is_error(error_of([&] { RunStore store(folder / "file/g.sqlite"); }), ErrorCode::kStore, "/file"));
}

TEST(OpenStore, ReportsATruncatedDatabase) {
  TemporaryFolder folder;
  {
    RunStore store(folder / "g.sqlite");
    store.plan_sweep("s", make_points(200));
  }
  const std::string whole = bytes_of(folder / "g.sqlite");
  write_bytes(folder / "g.sqlite", whole.substr(0, whole.size() / 2));
  expect_refused(folder, folder / "g.sqlite", "damaged");
}

TEST(OpenStore, ReportsOverwrittenPages) {
  TemporaryFolder folder;
  {
    RunStore store(folder / "g.sqlite");
    store.plan_sweep("s", make_points(200));
  }
  std::string bytes = bytes_of(folder / "g.sqlite");
  std::fill(bytes.begin() + 4096, bytes.end(), '\xA5');
  write_bytes(folder / "g.sqlite", bytes);
  const Error error = error_of([&] {
    RunStore store(folder / "g.sqlite");
    store.pending("s", false);
  });
  EXPECT_TRUE(is_error(error, ErrorCode::kStore, "damaged"));
}

// Runs the call as a user who owns nothing (root may write everywhere) and reports whether it returned true.
template <class Call>
bool true_as_nobody(Call&& call) {
  const pid_t child = ::fork();
  if (child == 0) {
    if (::geteuid() == 0 && (::setgroups(0, nullptr) != 0 || ::setgid(65534) != 0 || ::setuid(65534) != 0))
      ::_exit(2);
    bool result = false;
    try {
      result = call();
    } catch (const std::exception& error) {
      fprintf(stderr, "%s\n", error.what());
    }
    ::_exit(result ? 0 : 1);
  }
  int status = 0;
  ::waitpid(child, &status, 0);
  return WIFEXITED(status) && WEXITSTATUS(status) == 0;
}

TEST(OpenStore, RefusesToWriteInAReadOnlyFolderAndReadsThere) {
  TemporaryFolder folder;
  const auto path = folder / "g.sqlite";
  { RunStore(path).plan_sweep("s", make_points(2)); }
  const std::string before = bytes_of(path);
  ::chmod(path.c_str(), 0444);
  ::chmod(folder.path().c_str(), 0555);
  EXPECT_TRUE(true_as_nobody([&] {
    return bool(is_error(error_of([&] { RunStore store(path); }), ErrorCode::kStore, "not writable"));
  }));
  EXPECT_TRUE(true_as_nobody([&] {
    return bool(is_error(error_of([&] { RunStore store(folder / "new.sqlite"); }), ErrorCode::kStore,
                         "not writable"));
  }));
  EXPECT_TRUE(true_as_nobody([&] { return RunStore(path, true).runs("s").size() == 2; }));
  ::chmod(folder.path().c_str(), 0777);
  EXPECT_TRUE(true_as_nobody([&] {
    return bool(is_error(error_of([&] { RunStore store(path); }), ErrorCode::kStore, "not writable"));
  }));
  EXPECT_EQ(bytes_of(path), before);
}

}  // namespace
}  // namespace gyre::store
