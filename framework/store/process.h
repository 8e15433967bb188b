// Who holds a run: a process, told apart from a later one with the same number. Private to framework/store.
#pragma once

#include <cstdint>
#include <string>

namespace gyre::store {

struct ProcessId {
  std::int64_t pid = 0;
  std::int64_t start = 0;  // clock ticks from boot; 0: unknown
  std::string host;
  std::string machine;  // boot and process namespace in which pid means something
};

ProcessId this_process();

// Whether the holder still runs. Nothing can be said of another machine's processes: there a lease decides,
// and heartbeat_age (seconds) above kLeaseSeconds means that it is gone.
inline constexpr std::int64_t kLeaseSeconds = 120;
bool is_alive(const ProcessId& holder, const ProcessId& self, std::int64_t heartbeat_age);

}  // namespace gyre::store
