// Progress and messages on stderr; stdout belongs to data.
#pragma once

#include <chrono>
#include <cstdint>
#include <string>
#include <string_view>

namespace gyre {

enum class Verbosity { kQuiet, kNormal, kVerbose };
void set_verbosity(Verbosity verbosity);
Verbosity verbosity();

// A line on stderr, above a running progress bar; info is dropped when quiet.
void log_info(std::string_view message);
void log_warning(std::string_view message);

// A bar with rate and ETA on a terminal, as wide as that is, redrawn at most ten times a second and gone when
// finished or destroyed; elsewhere a plain line every 30 seconds. Silent when quiet. One bar at a time.
// Neither bar nor messages fail when stderr cannot be written.
class Progress {
 public:
  // label: "evaluate gsr W4A4KV4"; unit: what is counted, "windows".
  Progress(std::string label, std::int64_t total, std::string unit);
  ~Progress();
  Progress(const Progress&) = delete;
  Progress& operator=(const Progress&) = delete;
  void advance(std::int64_t n = 1, std::string_view note = {});
  void finish();

 private:
  void draw();
  std::string label_, unit_, note_;
  std::int64_t total_, done_ = 0;
  std::chrono::steady_clock::time_point start_, last_draw_;
  bool active_;
};

}  // namespace gyre
