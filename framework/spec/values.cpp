#include "spec/values.h"

#include <fmt/format.h>

#include <charconv>

#include "core/error.h"
#include "core/text.h"

namespace gyre {

std::int64_t resolve_size(const AutoSize& size, std::int64_t dimension, std::string_view what) {
  if (size.value == -1) return dimension;
  if (size.is_auto()) {
    std::int64_t power = 1;
    while (power < 128 && dimension % (power * 2) == 0) power *= 2;
    return power;
  }
  GYRE_CHECK(size.value > 0 && dimension % size.value == 0, ErrorCode::kConfig,
             "{} = {} does not divide {}; use a divisor or 'auto'", what, size.value, dimension);
  return size.value;
}

std::string to_text(const AutoSize& size) {
  return size.is_auto() ? "auto" : std::to_string(size.value);
}

std::string to_text(const Clip& clip) {
  switch (clip.method) {
    case Clip::Method::kMinMax:
      return "minmax";
    case Clip::Method::kLp:
      return "lp";
    case Clip::Method::kMse:
      return "mse";
    case Clip::Method::kRatio:
      return format_number(clip.ratio);
  }
  return "";
}

std::optional<Clip> parse_clip(std::string_view text) {
  if (text == "minmax") return Clip{};
  if (text == "lp") return Clip{Clip::Method::kLp, 1.0};
  if (text == "mse") return Clip{Clip::Method::kMse, 1.0};
  double ratio = 0;
  const auto [end, status] = std::from_chars(text.data(), text.data() + text.size(), ratio);
  if (status != std::errc{} || end != text.data() + text.size() || !(ratio > 0 && ratio <= 1))
    return std::nullopt;
  return Clip{Clip::Method::kRatio, ratio};
}

std::string quoted_text(std::string_view text) {
  std::string out = "\"";
  for (const char c : text) {
    const auto byte = static_cast<unsigned char>(c);
    if (c == '"' || c == '\\') out += '\\';
    if (byte < 0x20 || byte == 0x7F)
      out += fmt::format("\\u{:04X}", static_cast<unsigned>(byte));
    else
      out += c;
  }
  return out + "\"";
}

}  // namespace gyre
