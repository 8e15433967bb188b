#include "core/interrupt.h"

#include <gtest/gtest.h>

#include <csignal>
#include <cstdlib>

#include "core/error.h"

namespace gyre {
namespace {

// Each in a process of its own: handlers and the flag belong to the whole process.

[[noreturn]] void stop_once(int signal) {
  install_interrupt_handler();
  if (interrupted()) std::_Exit(2);
  throw_if_interrupted();
  std::raise(signal);
  if (!interrupted()) std::_Exit(3);
  try {
    throw_if_interrupted();
  } catch (const Error& error) {
    std::_Exit(exit_code(error.code()));
  }
  std::_Exit(4);
}

[[noreturn]] void stop_twice(int first, int second) {
  install_interrupt_handler();
  std::raise(first);
  std::raise(second);
  std::_Exit(0);
}

TEST(InterruptDeathTest, TheFirstSignalWaitsForASafePoint) {
  EXPECT_EXIT(stop_once(SIGINT), testing::ExitedWithCode(130), "");
  EXPECT_EXIT(stop_once(SIGTERM), testing::ExitedWithCode(130), "");
}

TEST(InterruptDeathTest, TheSecondOneOfEitherKindEndsTheProcess) {
  EXPECT_EXIT(stop_twice(SIGINT, SIGINT), testing::KilledBySignal(SIGINT), "");
  EXPECT_EXIT(stop_twice(SIGINT, SIGTERM), testing::KilledBySignal(SIGTERM), "");
  EXPECT_EXIT(stop_twice(SIGTERM, SIGINT), testing::KilledBySignal(SIGINT), "");
}

}  // namespace
}  // namespace gyre
