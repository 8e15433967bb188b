// Memory for one launch or thread.
#pragma once

#include <cstdint>
#include <new>

namespace gyre::kernels {

// Aligned to 64 bytes, on the stack where it is little; null when there is none.
class Buffer {
 public:
  explicit Buffer(std::int64_t bytes)
      : data_(bytes <= kLocal ? local_
                              : ::operator new(static_cast<std::size_t>(bytes), kAlign, std::nothrow)) {}
  ~Buffer() {
    if (data_ != local_) ::operator delete(data_, kAlign);
  }
  Buffer(const Buffer&) = delete;
  Buffer& operator=(const Buffer&) = delete;
  void* data() const { return data_; }

 private:
  static constexpr std::int64_t kLocal = 17408;
  static constexpr std::align_val_t kAlign{64};
  alignas(64) char local_[kLocal];
  void* data_;
};

}  // namespace gyre::kernels
