// The program as a user sees it: arguments in; exit status, stdout and stderr out.
#pragma once

#include <fcntl.h>
#include <gtest/gtest.h>
#include <signal.h>
#include <spawn.h>
#include <sys/wait.h>
#include <unistd.h>

#include <chrono>
#include <cstdlib>
#include <string>
#include <thread>
#include <vector>

#include "store/store_testing.h"

namespace gyre::testing {

using store::testing::bytes_of;
using store::testing::TemporaryFolder;
using store::testing::write_bytes;

struct Outcome {
  int status = -1;  // exit status, or 128 + signal
  std::string out, err;
};

// A started program; its output goes to files of the folder.
class Program {
 public:
  Program(const std::filesystem::path& folder, const std::vector<std::string>& arguments,
          const std::string& executable = GYRE_PROGRAM)
      : out_(folder / ("out-" + std::to_string(++count()))), err_(out_.string() + ".err") {
    std::vector<char*> argv{const_cast<char*>(executable.c_str())};
    for (const auto& argument : arguments) argv.push_back(const_cast<char*>(argument.c_str()));
    argv.push_back(nullptr);
    posix_spawn_file_actions_t actions;
    posix_spawn_file_actions_init(&actions);
    constexpr int kWrite = O_WRONLY | O_CREAT | O_TRUNC;
    posix_spawn_file_actions_addopen(&actions, STDIN_FILENO, "/dev/null", O_RDONLY, 0);
    posix_spawn_file_actions_addopen(&actions, STDOUT_FILENO, out_.c_str(), kWrite, 0600);
    posix_spawn_file_actions_addopen(&actions, STDERR_FILENO, err_.c_str(), kWrite, 0600);
    EXPECT_EQ(::posix_spawn(&pid_, executable.c_str(), &actions, nullptr, argv.data(), environ), 0);
    posix_spawn_file_actions_destroy(&actions);
  }
  ~Program() {
    if (pid_ > 0) send(SIGKILL), wait();
  }
  Program(const Program&) = delete;
  Program& operator=(const Program&) = delete;

  void send(int signal) const { ::kill(pid_, signal); }
  Outcome wait() {
    int status = 0;
    ::waitpid(pid_, &status, 0);
    pid_ = -1;
    return {WIFEXITED(status) ? WEXITSTATUS(status) : 128 + WTERMSIG(status), bytes_of(out_), bytes_of(err_)};
  }
  std::string err_so_far() const { return bytes_of(err_); }

 private:
  static int& count() {
    static int value = 0;
    return value;
  }
  std::filesystem::path out_, err_;
  pid_t pid_ = -1;
};

// Runs the program to its end, with its database in the folder unless the arguments name one.
inline Outcome gyre(const TemporaryFolder& folder, std::vector<std::string> arguments) {
  const auto has_database = [&] {
    for (const auto& argument : arguments)
      if (argument.starts_with("--db")) return true;
    return false;
  };
  if (!has_database()) {
    arguments.push_back("--db");
    arguments.push_back((folder / "gyre.sqlite").string());
  }
  return Program(folder.path(), arguments).wait();
}

// A few tokens of the embedded model: a run in well under a second.
inline std::vector<std::string> quick() {
  return {"eval.window=64", "eval.max_windows=1", "run.threads=1"};
}

inline std::vector<std::string> operator+(std::vector<std::string> a, const std::vector<std::string>& b) {
  a.insert(a.end(), b.begin(), b.end());
  return a;
}

}  // namespace gyre::testing
