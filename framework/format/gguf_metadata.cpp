// Metadata of a GGUF as C++ values. That the bytes are there was checked when the file was opened.
#include <fmt/format.h>

#include <utility>

#include "core/error.h"
#include "core/text.h"
#include "format/gguf.h"
#include "format/gguf_cursor.h"

namespace gyre::format {
namespace {

const char* type_name(GgufType type) {
  switch (type) {
    case GgufType::kU8:
      return "uint8";
    case GgufType::kI8:
      return "int8";
    case GgufType::kU16:
      return "uint16";
    case GgufType::kI16:
      return "int16";
    case GgufType::kU32:
      return "uint32";
    case GgufType::kI32:
      return "int32";
    case GgufType::kF32:
      return "float32";
    case GgufType::kBool:
      return "bool";
    case GgufType::kString:
      return "string";
    case GgufType::kArray:
      return "array";
    case GgufType::kU64:
      return "uint64";
    case GgufType::kI64:
      return "int64";
    case GgufType::kF64:
      return "float64";
  }
  GYRE_ASSERT(false);
}

// Calls use with each element; false, without a call, when they are no integers.
template <typename Use>
bool each_integer(const GgufValue& value, Use use) {
  const auto all = [&]<typename T>(T) {
    for (std::size_t i = 0; i < value.count; ++i) use(load<T>(value.data.data() + i * sizeof(T)));
    return true;
  };
  switch (value.type) {
    case GgufType::kU8:
      return all(std::uint8_t{});
    case GgufType::kI8:
      return all(std::int8_t{});
    case GgufType::kU16:
      return all(std::uint16_t{});
    case GgufType::kI16:
      return all(std::int16_t{});
    case GgufType::kU32:
      return all(std::uint32_t{});
    case GgufType::kI32:
      return all(std::int32_t{});
    case GgufType::kU64:
      return all(std::uint64_t{});
    case GgufType::kI64:
      return all(std::int64_t{});
    default:
      return false;
  }
}

}  // namespace

const GgufValue* Gguf::find(std::string_view key) const {
  const auto found = metadata_.find(key);
  return found == metadata_.end() ? nullptr : &found->second;
}

void Gguf::refuse(std::string_view key, const GgufValue& value, std::string_view expected) const {
  const auto found = value.is_array ? fmt::format("an array of {} {}", value.count, type_name(value.type))
                                    : fmt::format("a {} that does not fit", type_name(value.type));
  fail(ErrorCode::kInput, "{}: metadata '{}' is {}, expected {}", path(), key, found, expected);
}

const GgufValue& Gguf::value(std::string_view key, bool is_array, std::string_view expected) const {
  const auto* value = find(key);
  if (!value) {
    std::vector<std::string> known;
    for (const auto& entry : metadata_) known.push_back(entry.first);
    const auto near = nearest_name(key, known);
    fail(ErrorCode::kInput, "{}: metadata '{}' is missing, expected {}{}", path(), key, expected,
         near ? fmt::format("; there is '{}'", *near) : "");
  }
  if (value->is_array != is_array) refuse(key, *value, expected);
  return *value;
}

std::vector<std::string> Gguf::get_strings(std::string_view key) const {
  const auto& found = value(key, true, "an array of strings");
  if (found.type != GgufType::kString) refuse(key, found, "an array of strings");
  GgufCursor cursor(found.data, path());
  std::vector<std::string> texts;
  texts.reserve(static_cast<std::size_t>(found.count));
  for (std::uint64_t i = 0; i < found.count; ++i) {
    const auto text = cursor.text();
    GYRE_CHECK(!find_invalid_utf8(text), ErrorCode::kInput,
               "{}: metadata '{}'[{}] is not UTF-8; the file is damaged", path(), key, i);
    texts.emplace_back(text);
  }
  return texts;
}

std::string Gguf::get_string(std::string_view key) const {
  const auto& found = value(key, false, "a string");
  if (found.type != GgufType::kString) refuse(key, found, "a string");
  const auto text = GgufCursor(found.data, path()).text();
  GYRE_CHECK(!find_invalid_utf8(text), ErrorCode::kInput,
             "{}: metadata '{}' is not UTF-8; the file is damaged", path(), key);
  return std::string(text);
}

bool Gguf::get_bool(std::string_view key) const {
  const auto& found = value(key, false, "a bool");
  if (found.type != GgufType::kBool) refuse(key, found, "a bool");
  const auto byte = std::to_integer<int>(found.data.front());
  if (byte > 1) refuse(key, found, "0 or 1");
  return byte == 1;
}

std::uint64_t Gguf::get_uint(std::string_view key) const {
  constexpr const char* kExpected = "an integer that is not negative";
  const auto& found = value(key, false, kExpected);
  std::uint64_t result = 0;
  const bool is_integer = each_integer(found, [&](auto x) {
    if (std::cmp_less(x, 0)) refuse(key, found, kExpected);
    result = static_cast<std::uint64_t>(x);
  });
  if (!is_integer) refuse(key, found, kExpected);
  return result;
}

double Gguf::get_double(std::string_view key) const {
  const auto& found = value(key, false, "a number");
  double result = 0;
  if (found.type == GgufType::kF32)
    result = static_cast<double>(load<float>(found.data.data()));
  else if (found.type == GgufType::kF64)
    result = load<double>(found.data.data());
  else if (!each_integer(found, [&](auto x) { result = static_cast<double>(x); }))
    refuse(key, found, "a number");
  return result;
}

std::vector<float> Gguf::get_floats(std::string_view key) const {
  const auto& found = value(key, true, "an array of float32");
  if (found.type != GgufType::kF32) refuse(key, found, "an array of float32");
  std::vector<float> values(static_cast<std::size_t>(found.count));
  for (std::size_t i = 0; i < values.size(); ++i)
    values[i] = load<float>(found.data.data() + i * sizeof(float));
  return values;
}

std::vector<std::int64_t> Gguf::get_ints(std::string_view key) const {
  constexpr const char* kExpected = "an array of integers below 2^63";
  const auto& found = value(key, true, kExpected);
  std::vector<std::int64_t> values;
  values.reserve(static_cast<std::size_t>(found.count));
  const bool is_integer = each_integer(found, [&](auto x) {
    if (!std::in_range<std::int64_t>(x)) refuse(key, found, kExpected);
    values.push_back(static_cast<std::int64_t>(x));
  });
  if (!is_integer) refuse(key, found, kExpected);
  return values;
}

}  // namespace gyre::format
