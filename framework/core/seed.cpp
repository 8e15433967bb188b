#include "core/seed.h"

#include <cmath>
#include <numbers>
#include <string>

#include "core/digest.h"
#include "core/error.h"

namespace gyre {

std::uint64_t derive_seed(std::uint64_t run_seed, std::string_view name) {
  const std::string hex = sha256_hex(std::to_string(run_seed) + "/" + std::string(name));
  return std::stoull(hex.substr(0, 16), nullptr, 16);
}

std::uint64_t Rng::next() {
  std::uint64_t z = state_ += 0x9E3779B97F4A7C15u;
  z = (z ^ (z >> 30)) * 0xBF58476D1CE4E5B9u;
  z = (z ^ (z >> 27)) * 0x94D049BB133111EBu;
  return z ^ (z >> 31);
}

double Rng::uniform() {
  return static_cast<double>(next() >> 11) * 0x1.0p-53;
}

double Rng::normal() {
  if (has_spare_) {
    has_spare_ = false;
    return spare_;
  }
  const double radius = std::sqrt(-2 * std::log(1 - uniform()));  // 1 - u is never 0
  const double angle = 2 * std::numbers::pi * uniform();
  spare_ = radius * std::sin(angle);
  has_spare_ = true;
  return radius * std::cos(angle);
}

std::uint64_t Rng::below(std::uint64_t n) {
  GYRE_ASSERT(n > 0);
  const std::uint64_t limit = UINT64_MAX - UINT64_MAX % n;
  std::uint64_t value = next();
  while (value >= limit) value = next();
  return value % n;
}

}  // namespace gyre
