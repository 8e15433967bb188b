#include "quant/checks.h"

#include "core/error.h"

namespace gyre {

int checked_bits(const QuantSpec& spec) {
  GYRE_CHECK(spec.n_bits >= 2 && spec.n_bits <= 8, ErrorCode::kConfig, "n_bits is {}, expected 2 to 8",
             spec.n_bits);
  return static_cast<int>(spec.n_bits);
}

double checked_ratio(const Clip& clip) {
  const double ratio = clip.method == Clip::Method::kRatio ? clip.ratio : 1.0;
  GYRE_CHECK(ratio > 0 && ratio <= 1, ErrorCode::kConfig, "clip is {}, expected a ratio in (0, 1]", ratio);
  return ratio;
}

double search_power(const Clip& clip) {
  if (clip.method == Clip::Method::kLp) return 2.4;
  return clip.method == Clip::Method::kMse ? 2.0 : 0.0;
}

}  // namespace gyre
