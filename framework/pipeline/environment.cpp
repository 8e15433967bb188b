#include "pipeline/environment.h"

#include <ATen/Version.h>
#include <ATen/cpu/Utils.h>
#include <sys/resource.h>
#include <sys/utsname.h>
#include <torch/version.h>
#include <unistd.h>

#include <fstream>
#include <nlohmann/json.hpp>
#include <thread>

#include "gyre_version.h"

namespace gyre {

std::string gyre_version() {
  return GYRE_VERSION_TEXT;
}

std::int64_t machine_memory_bytes() {
  return static_cast<std::int64_t>(::sysconf(_SC_PHYS_PAGES)) * ::sysconf(_SC_PAGE_SIZE);
}

std::int64_t peak_memory_bytes() {
  rusage usage{};
  ::getrusage(RUSAGE_SELF, &usage);
  return static_cast<std::int64_t>(usage.ru_maxrss) * 1024;
}

namespace {
std::string cpu_name() {
  std::ifstream in("/proc/cpuinfo");
  for (std::string line; std::getline(in, line);)
    if (line.starts_with("model name")) return line.substr(line.find(':') + 2);
  return "unknown";
}
}  // namespace

std::string environment_json(const std::string& device, int threads, const std::string& model_note) {
  utsname os{};
  ::uname(&os);
  nlohmann::json json = {{"version", gyre_version()},
                         {"torch", TORCH_VERSION},
                         {"cpu", cpu_name()},
                         {"capability", at::get_cpu_capability()},
                         {"cores", std::thread::hardware_concurrency()},
                         {"threads", threads},
                         {"memory_bytes", machine_memory_bytes()},
                         {"os", std::string(os.sysname) + " " + os.release},
                         {"device", device}};
  if (!model_note.empty()) json["model_note"] = model_note;
  return json.dump();
}

}  // namespace gyre
