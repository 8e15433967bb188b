#include "core/interrupt.h"

#include <atomic>
#include <csignal>

#include "core/error.h"

namespace gyre {
namespace {
// Set in a handler and read by worker threads; lock-free, so both are allowed.
std::atomic<bool> g_interrupted = false;
static_assert(std::atomic<bool>::is_always_lock_free);

void on_signal(int) {
  g_interrupted = true;
  std::signal(SIGINT, SIG_DFL);
  std::signal(SIGTERM, SIG_DFL);
}
}  // namespace

void install_interrupt_handler() {
  std::signal(SIGINT, on_signal);
  std::signal(SIGTERM, on_signal);
}

bool interrupted() {
  return g_interrupted;
}

void throw_if_interrupted() {
  GYRE_CHECK(!interrupted(), ErrorCode::kInterrupted,
             "interrupted; what is finished is saved, the same command continues");
}

}  // namespace gyre
