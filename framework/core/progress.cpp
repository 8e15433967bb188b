#include "core/progress.h"

#include <fmt/format.h>
#include <sys/ioctl.h>
#include <unistd.h>

#include <algorithm>
#include <atomic>
#include <cstdio>

#include "core/text.h"

namespace gyre {
namespace {
Verbosity g_verbosity = Verbosity::kNormal;  // set once by main, before any thread starts
std::atomic<bool> g_bar_on_screen = false;

constexpr std::string_view kClearLine = "\r\033[K";

bool on_terminal() {
  return ::isatty(STDERR_FILENO) == 1;
}

std::size_t terminal_columns() {
  winsize size{};
  return ::ioctl(STDERR_FILENO, TIOCGWINSZ, &size) == 0 && size.ws_col > 0 ? size.ws_col : 80;
}

// A closed or full stderr must not end a run, so errors are passed over.
void write(const std::string& text) {
  std::fwrite(text.data(), 1, text.size(), stderr);
  std::fflush(stderr);
}

void print_line(std::string_view prefix, std::string_view message) {
  write(fmt::format("{}{}{}\n", g_bar_on_screen ? kClearLine : "", prefix, message));
}

// At most `columns` bytes, no character cut in two.
std::string cut(std::string text, std::size_t columns) {
  if (text.size() <= columns) return text;
  while (columns > 0 && (static_cast<unsigned char>(text[columns]) & 0xC0) == 0x80) --columns;
  text.resize(columns);
  return text;
}

std::string bar(double share, std::size_t width) {
  const auto full = static_cast<std::size_t>(share * static_cast<double>(width));
  return "[" + std::string(full, '=') + std::string(width - full, ' ') + "] ";
}
}  // namespace

void set_verbosity(Verbosity value) {
  g_verbosity = value;
}
Verbosity verbosity() {
  return g_verbosity;
}

void log_info(std::string_view message) {
  if (g_verbosity != Verbosity::kQuiet) print_line("", message);
}
void log_warning(std::string_view message) {
  print_line("warning: ", message);
}

Progress::Progress(std::string label, std::int64_t total, std::string unit)
    : label_(std::move(label)),
      unit_(std::move(unit)),
      total_(total),
      start_(std::chrono::steady_clock::now()),
      last_draw_(start_),
      active_(g_verbosity != Verbosity::kQuiet) {
  if (active_ && on_terminal()) draw();
}

Progress::~Progress() {
  finish();
}

void Progress::advance(std::int64_t n, std::string_view note) {
  done_ += n;
  note_ = note;
  if (!active_) return;
  const auto pause = on_terminal() ? std::chrono::milliseconds(100) : std::chrono::milliseconds(30000);
  const auto now = std::chrono::steady_clock::now();
  if (now - last_draw_ < pause) return;
  last_draw_ = now;
  draw();
}

void Progress::finish() {
  if (!active_) return;
  active_ = false;
  if (on_terminal()) write(std::string(kClearLine));
  g_bar_on_screen = false;
}

void Progress::draw() {
  const double seconds = std::chrono::duration<double>(std::chrono::steady_clock::now() - start_).count();
  const double done = static_cast<double>(done_), total = static_cast<double>(total_);
  std::string line = fmt::format("{}/{} {}", done_, total_, unit_);
  if (done > 0 && seconds > 0) line += fmt::format(", {:.3g}/s", done / seconds);
  if (done > 0 && done <= total) line += ", ETA " + format_duration(seconds / done * (total - done));
  if (!note_.empty()) line += "  " + note_;
  if (!on_terminal()) {
    write(label_ + ": " + line + "\n");
    return;
  }
  constexpr std::size_t kWidest = 24, kNarrowest = 6;
  const std::size_t columns = terminal_columns() - 1;  // a full last column would wrap
  const std::size_t taken = label_.size() + line.size() + 4;
  const std::size_t width = columns > taken ? std::min(kWidest, columns - taken) : 0;
  const double share = total > 0 ? std::clamp(done / total, 0.0, 1.0) : 0;
  write(std::string(kClearLine) +
        cut(label_ + " " + (width >= kNarrowest ? bar(share, width) : "") + line, columns));
  g_bar_on_screen = true;
}

}  // namespace gyre
