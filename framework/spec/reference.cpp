#include "spec/reference.h"

#include <fmt/format.h>

#include <cmath>

namespace gyre {

double rounding(const Reference& reference) {
  return 0.5 * std::pow(10.0, -static_cast<double>(reference.digits));
}

std::string published(const Reference& reference) {
  return reference.printed.empty() ? fmt::format("{:.{}f}", reference.value, reference.digits)
                                   : reference.printed;
}

}  // namespace gyre
