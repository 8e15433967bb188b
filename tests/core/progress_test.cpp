#include "core/progress.h"

#include <gmock/gmock.h>
#include <gtest/gtest.h>
#include <pty.h>
#include <sys/wait.h>
#include <unistd.h>

#include <cstdlib>
#include <functional>
#include <thread>

namespace gyre {
namespace {
using namespace std::chrono_literals;
using testing::HasSubstr;
using testing::Not;

// What f prints on stderr when that is a terminal of so many columns; f runs in a process of its own.
std::string on_terminal(unsigned short columns, const std::function<void()>& f) {
  winsize size{};
  size.ws_col = columns;
  size.ws_row = 24;
  int terminal = -1;
  const pid_t child = ::forkpty(&terminal, nullptr, nullptr, &size);
  if (child == 0) {
    f();
    std::_Exit(0);
  }
  std::string out;
  char buffer[4096];
  for (ssize_t n; (n = ::read(terminal, buffer, sizeof buffer)) > 0;)
    out.append(buffer, static_cast<std::size_t>(n));
  int status = -1;
  ::waitpid(child, &status, 0);
  ::close(terminal);
  EXPECT_TRUE(WIFEXITED(status) && WEXITSTATUS(status) == 0) << out;
  return out;
}

// The lines that the bar was redrawn to.
std::vector<std::string> drawn(const std::string& out) {
  std::vector<std::string> lines;
  const std::string clear = "\r\033[K";
  for (std::size_t at = out.find(clear); at != std::string::npos;) {
    const auto begin = at + clear.size();
    at = out.find(clear, begin);
    lines.push_back(out.substr(begin, at - begin));
  }
  return lines;
}

std::string on_pipe(const std::function<void()>& f) {
  testing::internal::CaptureStderr();
  f();
  return testing::internal::GetCapturedStderr();
}

TEST(Progress, DrawsABarAndTakesItAway) {
  const auto lines = drawn(on_terminal(120, [] {
    Progress progress("evaluate gsr", 4, "windows");
    std::this_thread::sleep_for(120ms);
    progress.advance(3, "ppl 21.5");
  }));
  ASSERT_EQ(lines.size(), 3u);
  EXPECT_EQ(lines[0], "evaluate gsr [                        ] 0/4 windows");
  EXPECT_THAT(lines[1], testing::StartsWith("evaluate gsr [==================      ] 3/4 windows, "));
  EXPECT_THAT(lines[1], testing::ContainsRegex("/s, ETA [0-9.]+ s  ppl 21.5$"));
  EXPECT_EQ(lines[2], "");
}

TEST(Progress, IsNoWiderThanTheTerminal) {
  for (const unsigned short columns : {1, 10, 40, 64, 200}) {
    const auto lines = drawn(on_terminal(columns, [] {
      Progress progress("evaluate häufig W4A4KV4+R3R4", 148, "windows");
      std::this_thread::sleep_for(120ms);
      progress.advance(2, "perplexity 21.5");
    }));
    ASSERT_EQ(lines.size(), 3u) << columns;
    for (const auto& line : lines) EXPECT_LT(line.size(), columns) << line;
  }
}

TEST(Progress, BearsMoreThanWasAnnounced) {
  for (const int total : {0, 2}) {
    const auto lines = drawn(on_terminal(100, [total] {
      Progress progress("read", total, "files");
      std::this_thread::sleep_for(120ms);
      progress.advance(5);
    }));
    ASSERT_EQ(lines.size(), 3u);
    EXPECT_THAT(lines[1], HasSubstr("5/" + std::to_string(total)));
    EXPECT_THAT(lines[1], Not(HasSubstr("ETA")));
  }
}

TEST(Progress, IsNotRedrawnForEveryStep) {
  const auto lines = drawn(on_terminal(100, [] {
    Progress progress("count", 100'000, "steps");
    for (int i = 0; i < 100'000; ++i) progress.advance();
  }));
  EXPECT_LT(lines.size(), 1000u);
}

TEST(Progress, MessagesStandAboveTheBar) {
  const auto out = on_terminal(100, [] {
    log_info("before");
    const Progress progress("count", 3, "steps");
    log_warning("during");
  });
  EXPECT_THAT(out, testing::StartsWith("before"));
  EXPECT_THAT(out, HasSubstr("steps\r\033[Kwarning: during\r\n"));
}

TEST(Progress, IsSilentForShortWorkElsewhere) {
  EXPECT_EQ(on_pipe([] {
              Progress progress("count", 3, "steps");
              progress.advance(3);
            }),
            "");
}

TEST(Progress, QuietKeepsWarningsOnly) {
  set_verbosity(Verbosity::kQuiet);
  const auto out = on_terminal(100, [] {
    Progress progress("count", 3, "steps");
    log_info("news");
    log_warning("trouble");
  });
  set_verbosity(Verbosity::kNormal);
  EXPECT_EQ(out, "warning: trouble\r\n");
}

TEST(Progress, AClosedStderrEndsNothing) {
  EXPECT_EXIT(
      {
        ::close(STDERR_FILENO);
        Progress progress("count", 3, "steps");
        progress.advance();
        log_warning("nobody hears this");
        std::_Exit(7);
      },
      testing::ExitedWithCode(7), "");
}

}  // namespace
}  // namespace gyre
