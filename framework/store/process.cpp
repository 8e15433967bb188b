#include "store/process.h"

#include <signal.h>
#include <unistd.h>

#include <cerrno>
#include <filesystem>
#include <fstream>
#include <optional>
#include <sstream>

namespace gyre::store {
namespace {

struct ProcessStat {
  char state = '?';
  std::int64_t start = 0;
};

// Fields 3 and 22 of /proc/PID/stat; field 2, the program's name in parentheses, may hold anything.
std::optional<ProcessStat> read_stat(std::int64_t pid) {
  std::ifstream in("/proc/" + std::to_string(pid) + "/stat");
  std::string line;
  if (!std::getline(in, line)) return std::nullopt;
  const auto name_end = line.rfind(')');
  if (name_end == std::string::npos) return std::nullopt;
  std::istringstream fields(line.substr(name_end + 1));
  ProcessStat stat;
  fields >> stat.state;
  std::string skipped;
  for (int field = 4; field < 22; ++field) fields >> skipped;
  if (!(fields >> stat.start)) return std::nullopt;
  return stat;
}

std::string first_line(const char* path) {
  std::ifstream in(path);
  std::string line;
  std::getline(in, line);
  return line;
}

}  // namespace

ProcessId this_process() {
  ProcessId self;
  self.pid = ::getpid();
  if (const auto stat = read_stat(self.pid)) self.start = stat->start;
  char host[256] = {};
  ::gethostname(host, sizeof host - 1);
  self.host = host;
  std::error_code ignored;
  self.machine = first_line("/proc/sys/kernel/random/boot_id") + " " +
                 std::filesystem::read_symlink("/proc/self/ns/pid", ignored).string();
  return self;
}

bool is_alive(const ProcessId& holder, const ProcessId& self, std::int64_t heartbeat_age) {
  if (holder.machine != self.machine || holder.host != self.host) return heartbeat_age <= kLeaseSeconds;
  if (const auto stat = read_stat(holder.pid)) {
    const bool ended = stat->state == 'Z' || stat->state == 'X';
    return !ended && (holder.start == 0 || stat->start == holder.start);
  }
  // /proc may hide other users' processes.
  return ::kill(static_cast<pid_t>(holder.pid), 0) == 0 || errno == EPERM;
}

}  // namespace gyre::store
