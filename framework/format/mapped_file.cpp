#include "format/mapped_file.h"

#include <fcntl.h>
#include <sys/mman.h>
#include <sys/stat.h>
#include <unistd.h>

#include <cerrno>
#include <cstring>

#include "core/error.h"

namespace gyre::format {
namespace {

struct Descriptor {
  int value;
  ~Descriptor() {
    if (value >= 0) ::close(value);
  }
};

}  // namespace

MappedFile::MappedFile(const std::filesystem::path& path) : path_(path.string()) {
  // A pipe would block for ever without O_NONBLOCK.
  const Descriptor file{::open(path.c_str(), O_RDONLY | O_CLOEXEC | O_NONBLOCK)};
  GYRE_CHECK(file.value >= 0, ErrorCode::kInput,
             "{}: cannot be opened ({}); check the path and its permissions", path_, std::strerror(errno));
  struct stat status {};
  GYRE_CHECK(::fstat(file.value, &status) == 0, ErrorCode::kInput, "{}: cannot be read ({})", path_,
             std::strerror(errno));
  GYRE_CHECK(S_ISREG(status.st_mode), ErrorCode::kInput, "{}: is {}, expected a file", path_,
             S_ISDIR(status.st_mode) ? "a folder" : "no regular file");
  const auto size = static_cast<std::size_t>(status.st_size);
  if (size == 0) return;  // which mmap refuses
  void* address = ::mmap(nullptr, size, PROT_READ, MAP_PRIVATE, file.value, 0);
  if (address == MAP_FAILED)
    fail(errno == ENOMEM ? ErrorCode::kResource : ErrorCode::kInput, "{}: {} bytes cannot be mapped ({})",
         path_, size, std::strerror(errno));
  bytes_ = {static_cast<const std::byte*>(address), size};
}

MappedFile::~MappedFile() {
  if (!bytes_.empty()) ::munmap(const_cast<std::byte*>(bytes_.data()), bytes_.size());
}

}  // namespace gyre::format
