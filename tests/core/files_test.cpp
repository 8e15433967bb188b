#include "core/files.h"

#include <gmock/gmock.h>
#include <gtest/gtest.h>
#include <sys/resource.h>
#include <unistd.h>

#include <csignal>
#include <cstdlib>
#include <filesystem>
#include <functional>

#include "core/error.h"

namespace gyre {
namespace {
namespace fs = std::filesystem;
using testing::HasSubstr;

class Files : public testing::Test {
 protected:
  void SetUp() override { fs::create_directories(folder_); }
  void TearDown() override { fs::remove_all(folder_); }
  std::ptrdiff_t entries() const {
    return std::distance(fs::directory_iterator(folder_), fs::directory_iterator{});
  }
  const fs::path folder_ = fs::temp_directory_path() / ("gyre_files_test_" + std::to_string(::getpid()));
};

// "input: message" of the error that f throws.
std::string failure(const std::function<void()>& f) {
  try {
    f();
  } catch (const Error& error) {
    return std::string(error_name(error.code())) + ": " + error.what();
  }
  return "no error";
}

TEST_F(Files, KeepEveryByte) {
  std::string bytes;
  for (int i = 0; i < 70'000; ++i) bytes += static_cast<char>(i * 31);
  const auto path = folder_ / "made" / "on the way" / "bytes";
  write_file_atomically(path, bytes);
  EXPECT_EQ(read_file(path), bytes);
  write_file_atomically(path, "");
  EXPECT_EQ(read_file(path), "");
}

TEST_F(Files, LeaveNothingBesideThem) {
  write_file_atomically(folder_ / "a", "1");
  write_file_atomically(folder_ / "a", "2");
  EXPECT_EQ(read_file(folder_ / "a"), "2");
  EXPECT_EQ(entries(), 1);
}

TEST_F(Files, ReadingSaysWhatIsThereInstead) {
  EXPECT_THAT(failure([] { read_file("/nonexistent/file"); }),
              HasSubstr("input: /nonexistent/file: no such file"));
  EXPECT_THAT(failure([&] { read_file(folder_); }), HasSubstr("is a folder"));
  EXPECT_THAT(failure([] { read_file("/dev/zero"); }), HasSubstr("is a device"));
  // A file whose first read fails with EIO.
  EXPECT_THAT(failure([] { read_file("/proc/self/mem"); }),
              HasSubstr("input: /proc/self/mem: reading failed"));
}

TEST_F(Files, WritingSaysWhyItCannot) {
  EXPECT_THAT(failure([] { write_file_atomically("/proc/nope/file", "x"); }),
              HasSubstr("input: /proc/nope/file: cannot be written"));
  write_file_atomically(folder_ / "file", "x");
  EXPECT_THAT(failure([&] { write_file_atomically(folder_ / "file" / "below", "x"); }),
              HasSubstr("Not a directory"));
  fs::create_directory(folder_ / "taken");
  EXPECT_THAT(failure([&] { write_file_atomically(folder_ / "taken", "x"); }), HasSubstr("Is a directory"));
  EXPECT_EQ(entries(), 2);  // no partial file is left
}

// A limit on file sizes stands for a full disk, which a test cannot make.
TEST_F(Files, AFullDiskLeavesTheOldFile) {
  const auto path = folder_ / "file";
  write_file_atomically(path, "old");
  const auto write_too_much = [&] {
    const rlimit limit{1000, 1000};
    std::signal(SIGXFSZ, SIG_IGN);
    if (::setrlimit(RLIMIT_FSIZE, &limit) != 0) std::_Exit(2);
    const auto found = failure([&] { write_file_atomically(path, std::string(100'000, 'x')); });
    std::_Exit(found.starts_with("resource: " + path.string()) ? 0 : 1);
  };
  EXPECT_EXIT(write_too_much(), testing::ExitedWithCode(0), "");
  EXPECT_EQ(read_file(path), "old");
  EXPECT_EQ(entries(), 1);
}

TEST(ExperimentsDir, IsBesideTheSourcesOrWhereGyreHomeSays) {
  ::unsetenv("GYRE_HOME");
  EXPECT_TRUE(fs::exists(experiments_dir() / "conf" / "config.toml")) << experiments_dir();
  ::setenv("GYRE_HOME", "/elsewhere", 1);
  EXPECT_EQ(experiments_dir(), "/elsewhere/experiments");
  EXPECT_EQ(asset_path("a/b.txt"), "/elsewhere/experiments/assets/a/b.txt");
  ::unsetenv("GYRE_HOME");
}

}  // namespace
}  // namespace gyre
