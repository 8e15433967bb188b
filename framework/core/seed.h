// Random numbers from a name: adding a consumer never moves the numbers of another.
#pragma once

#include <cstdint>
#include <string_view>

namespace gyre {

// A seed for one named consumer of a run, e.g. derive_seed(seed, "rotation/r2/layer7").
std::uint64_t derive_seed(std::uint64_t run_seed, std::string_view name);

// Counter-based generator (SplitMix64 of seed + counter); the same on every platform.
class Rng {
 public:
  explicit Rng(std::uint64_t seed) : state_(seed) {}
  std::uint64_t next();                  // 64 uniform bits
  double uniform();                      // [0, 1), 53 bits
  double normal();                       // standard normal, Box-Muller
  std::uint64_t below(std::uint64_t n);  // 0..n-1, unbiased
  int sign() { return next() >> 63 ? 1 : -1; }

 private:
  std::uint64_t state_;
  double spare_ = 0;
  bool has_spare_ = false;
};

}  // namespace gyre
