// The value types that a setting may have beyond integer, number, boolean and text, and the limits that one
// may carry.
#pragma once

#include <cstdint>
#include <limits>
#include <optional>
#include <string>
#include <string_view>
#include <vector>

namespace gyre {

// A size that may be "auto": the largest power of two <= 128 that divides the dimension.
struct AutoSize {
  static constexpr std::int64_t kAuto = 0;
  std::int64_t value = kAuto;
  bool is_auto() const { return value == kAuto; }
  friend bool operator==(const AutoSize&, const AutoSize&) = default;
};

// How the range of a quantizer is clipped: "minmax", "lp" (search on the error's 2.4th power), "mse" (search
// on the squared error), or a fixed ratio in (0, 1] of the min-max range.
struct Clip {
  enum class Method { kMinMax, kLp, kMse, kRatio };
  Method method = Method::kMinMax;
  double ratio = 1.0;  // kRatio only
  friend bool operator==(const Clip&, const Clip&) = default;
};

// The size that a block or group has along a dimension: auto resolved, -1 the whole. Throws kConfig naming
// `what` when it does not divide.
std::int64_t resolve_size(const AutoSize& size, std::int64_t dimension, std::string_view what);

// Text forms. parse_* return nothing when the text is none of them.
std::string to_text(const AutoSize& size);
std::string to_text(const Clip& clip);  // "lp", "0.9"
std::optional<Clip> parse_clip(std::string_view text);

// The text in double quotes, as TOML and JSON both read it.
std::string quoted_text(std::string_view text);

// Limits of a setting, checked when it is read and printed in docs/CONFIG.md.
struct Limits {
  double min = -std::numeric_limits<double>::infinity();
  double max = std::numeric_limits<double>::infinity();
  std::vector<std::string_view> one_of = {};  // texts allowed; empty: any
  bool or_minus_one = false;                  // -1 is allowed beside [min, max]
};

}  // namespace gyre
