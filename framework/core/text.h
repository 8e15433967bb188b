// Text helpers shared by every layer: suggestions, joining, fixed number formats.
#pragma once

#include <cstdint>
#include <optional>
#include <span>
#include <string>
#include <string_view>
#include <vector>

namespace gyre {

std::string join(std::span<const std::string> parts, std::string_view separator);
std::vector<std::string> split(std::string_view text, char separator);
std::string_view trim(std::string_view text);

// The candidate nearest to name by edit distance, if it is near enough to be a plausible slip.
std::optional<std::string> nearest_name(std::string_view name, std::span<const std::string> candidates);

// " (did you mean 'gsr'?)" or, without a near name, " (known: a, b, c)".
std::string suggestion(std::string_view name, std::span<const std::string> candidates);

// Shortest text that reads back as the same double: "0.1", "25", "1e-07"; "nan", "inf".
std::string format_number(double value);

std::string format_bytes(std::uint64_t bytes);  // "98.4 MB", decimal units
std::string format_duration(double seconds);    // "3.2 s", "4 min 05 s", "2 h 03 min"

// The byte offset of the first sequence that is not UTF-8, or nothing.
std::optional<std::size_t> find_invalid_utf8(std::string_view text);

}  // namespace gyre
