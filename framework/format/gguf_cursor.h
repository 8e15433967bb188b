// Little-endian values one after the other, each checked against the end of the file. Private to
// framework/format.
#pragma once

#include <cstdint>
#include <span>
#include <string>
#include <string_view>

#include "core/error.h"
#include "format/half.h"

namespace gyre::format {

class GgufCursor {
 public:
  GgufCursor(std::span<const std::byte> bytes, const std::string& file) : bytes_(bytes), file_(file) {}

  // What is being read, for messages.
  void set_place(std::string place) { place_ = std::move(place); }
  std::uint64_t position() const { return position_; }
  std::uint64_t left() const { return bytes_.size() - position_; }

  std::span<const std::byte> take(std::uint64_t size) {
    GYRE_CHECK(size <= left(), ErrorCode::kInput,
               "{}: {} needs {} bytes at offset {}, but {} are left; the file is truncated or damaged: fetch "
               "it again",
               file_, place_, size, position_, left());
    const auto taken = bytes_.subspan(static_cast<std::size_t>(position_), static_cast<std::size_t>(size));
    position_ += size;
    return taken;
  }

  template <typename T>
  T number() {
    return load<T>(take(sizeof(T)).data());
  }

  // A string: its length in 8 bytes, then its bytes.
  std::string_view text() {
    const auto bytes = take(number<std::uint64_t>());
    return {reinterpret_cast<const char*>(bytes.data()), bytes.size()};
  }

  // A number of records that take at least min_bytes each.
  std::uint64_t count(std::uint64_t min_bytes) {
    const auto n = number<std::uint64_t>();
    GYRE_CHECK(n <= left() / min_bytes, ErrorCode::kInput,
               "{}: {} is {}, but the {} bytes that are left hold at most {}; the file is truncated or "
               "damaged: fetch it "
               "again",
               file_, place_, n, left(), left() / min_bytes);
    return n;
  }

 private:
  std::span<const std::byte> bytes_;
  const std::string& file_;
  std::uint64_t position_ = 0;
  std::string place_;
};

}  // namespace gyre::format
