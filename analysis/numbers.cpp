#include "analysis/numbers.h"

#include <fmt/format.h>

#include <cmath>

namespace gyre::analysis {
namespace {

// "1.2e5": without the sign and the leading zero that C prints.
std::string scientific(double value, int digits) {
  const std::string text = fmt::format("{:.{}e}", value, digits);
  const auto e = text.find('e');
  return fmt::format("{}e{}", text.substr(0, e), std::stoi(text.substr(e + 1)));
}

// Decimals that a value of this size is shown with, or -1: scientific.
int decimals_of(double value) {
  const double size = std::abs(value);
  if (size >= 9999.5) return -1;
  if (size >= 999.95) return 0;
  if (size >= 99.995) return 1;
  return 2;
}

std::string format_error(double error, int decimals) {
  if (decimals < 0) return error > 0 ? scientific(error, 0) : "0";
  const bool vanishes = error > 0 && error < 0.5 * std::pow(10.0, -decimals);
  return vanishes ? fmt::format("{:.1g}", error) : fmt::format("{:.{}f}", error, decimals);
}

}  // namespace

std::string format_value(double value) {
  if (!std::isfinite(value)) return fmt::format("{}", value);
  const int decimals = decimals_of(value);
  if (decimals < 0) return scientific(value, 1);
  if (value != 0 && std::abs(value) < 1) return fmt::format("{:.3g}", value);
  return fmt::format("{:.{}f}", value, decimals);
}

std::string format_with_error(double value, double error) {
  if (!(error > 0) || !std::isfinite(error)) return format_value(value);
  const bool small = value != 0 && std::abs(value) < 1;
  return format_value(value) + " ± " +
         (small ? fmt::format("{:.1g}", error) : format_error(error, decimals_of(value)));
}

std::string format_ratio(const Comparison& ratio) {
  if (!std::isfinite(ratio.value)) return "×n/a";
  const int decimals = ratio.value >= 9999.5 ? -1 : ratio.value >= 99.95 ? 0 : ratio.value >= 9.995 ? 1 : 3;
  const std::string value =
      decimals < 0 ? scientific(ratio.value, 1) : fmt::format("{:.{}f}", ratio.value, decimals);
  if (!std::isfinite(ratio.std_error)) return "×" + value;
  return "×" + value + " ± " + format_error(ratio.std_error, decimals);
}

std::string format_difference(const Comparison& difference) {
  if (!std::isfinite(difference.value)) return "n/a";
  const std::string value = fmt::format("{:+.1f}", 100 * difference.value);
  return std::isfinite(difference.std_error) ? value + fmt::format(" ± {:.1f}", 100 * difference.std_error)
                                             : value;
}

}  // namespace gyre::analysis
