#include "core/error.h"

#include <cstdio>
#include <cstdlib>

namespace gyre {

int exit_code(ErrorCode code) {
  switch (code) {
    case ErrorCode::kUsage:
    case ErrorCode::kConfig:
    case ErrorCode::kUnsupported:
      return 2;
    case ErrorCode::kInput:
      return 4;
    case ErrorCode::kStore:
      return 5;
    case ErrorCode::kResource:
      return 6;
    case ErrorCode::kRun:
      return 1;
    case ErrorCode::kReproduce:
      return 3;
    case ErrorCode::kInterrupted:
      return 130;
  }
  return 1;
}

const char* error_name(ErrorCode code) {
  switch (code) {
    case ErrorCode::kUsage:
      return "usage";
    case ErrorCode::kConfig:
      return "config";
    case ErrorCode::kInput:
      return "input";
    case ErrorCode::kUnsupported:
      return "unsupported";
    case ErrorCode::kStore:
      return "store";
    case ErrorCode::kResource:
      return "resource";
    case ErrorCode::kRun:
      return "run";
    case ErrorCode::kReproduce:
      return "reproduce";
    case ErrorCode::kInterrupted:
      return "interrupted";
  }
  return "unknown";
}

Error::Error(ErrorCode code, const std::string& message, std::source_location where)
    : std::runtime_error(message), code_(code), where_(where) {}

void assertion_failed(const char* expression, std::source_location where) {
  std::fprintf(stderr, "%s:%u: assertion failed: %s (a bug in gyre; please report it)\n", where.file_name(),
               where.line(), expression);
  std::abort();
}

}  // namespace gyre
