// One exception type for everything that a user, a file or a device can cause. Bugs are assertions.
#pragma once

#include <fmt/core.h>

#include <source_location>
#include <stdexcept>
#include <string>

namespace gyre {

enum class ErrorCode {
  kUsage,        // wrong command line
  kConfig,       // wrong configuration: unknown key, bad value, sizes that do not fit
  kInput,        // a file, model, data set or device that is missing or malformed
  kUnsupported,  // well-formed, but not something gyre can do
  kStore,        // the database or the cache
  kResource,     // out of memory or disk
  kRun,          // a run failed for a reason of its own (invariance gate, numbers)
  kReproduce,    // not reproduced, regressed
  kInterrupted,  // the user stopped it; state is saved
};

// The program's exit status for an error: 1 run failed, 2 usage or configuration, 3 not reproduced,
// 4 input missing, 5 database or cache, 6 out of memory or disk, 130 interrupted.
int exit_code(ErrorCode code);

// A short name for logs and the database: "config", "input", ...
const char* error_name(ErrorCode code);

// What went wrong, in words for the user: what was found, what was expected, what to do.
class Error : public std::runtime_error {
 public:
  Error(ErrorCode code, const std::string& message,
        std::source_location where = std::source_location::current());
  ErrorCode code() const { return code_; }
  const std::source_location& where() const { return where_; }

 private:
  ErrorCode code_;
  std::source_location where_;
};

// Throws Error with a message in fmt's syntax.
template <typename... Args>
[[noreturn]] void fail(ErrorCode code, fmt::format_string<Args...> format, Args&&... args) {
  throw Error(code, fmt::format(format, std::forward<Args>(args)...));
}

[[noreturn]] void assertion_failed(const char* expression, std::source_location where);

}  // namespace gyre

// GYRE_CHECK(n > 0, ErrorCode::kConfig, "n is {}, expected a positive number", n): the message is built only
// on failure.
#define GYRE_CHECK(condition, code, ...)               \
  do {                                                 \
    if (!(condition)) ::gyre::fail(code, __VA_ARGS__); \
  } while (false)

// For what only a bug in gyre can cause; on in every build.
#define GYRE_ASSERT(condition)                                                               \
  do {                                                                                       \
    if (!(condition)) ::gyre::assertion_failed(#condition, std::source_location::current()); \
  } while (false)
