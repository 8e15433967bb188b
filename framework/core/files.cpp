#include "core/files.h"

#include <fcntl.h>
#include <unistd.h>

#include <algorithm>
#include <cerrno>
#include <cstdlib>
#include <cstring>
#include <fstream>
#include <vector>

#include "core/error.h"

namespace gyre {
namespace fs = std::filesystem;

std::string read_file(const fs::path& path) {
  std::error_code status;
  const fs::file_type type = fs::status(path, status).type();
  GYRE_CHECK(type != fs::file_type::not_found, ErrorCode::kInput, "{}: no such file", path.string());
  GYRE_CHECK(type != fs::file_type::directory, ErrorCode::kInput, "{}: is a folder, expected a file",
             path.string());
  // A device such as /dev/zero may have no end.
  GYRE_CHECK(type != fs::file_type::character && type != fs::file_type::block, ErrorCode::kInput,
             "{}: is a device, expected a file", path.string());
  std::ifstream in(path, std::ios::binary);
  GYRE_CHECK(in, ErrorCode::kInput, "{}: cannot be read ({})", path.string(), std::strerror(errno));
  std::string bytes;
  std::vector<char> piece(1 << 16);
  while (in.read(piece.data(), static_cast<std::streamsize>(piece.size())) || in.gcount() > 0)
    bytes.append(piece.data(), static_cast<std::size_t>(in.gcount()));
  GYRE_CHECK(!in.bad(), ErrorCode::kInput, "{}: reading failed ({})", path.string(), std::strerror(errno));
  return bytes;
}

namespace {
[[noreturn]] void fail_write(const fs::path& path, int error) {
  fail(error == ENOSPC || error == EDQUOT || error == EFBIG ? ErrorCode::kResource : ErrorCode::kInput,
       "{}: cannot be written ({}); free space there, or name another file", path.string(),
       std::strerror(error));
}

// An errno, or 0.
int write_all(int file, std::string_view bytes) {
  while (!bytes.empty()) {
    const auto n = ::write(file, bytes.data(), bytes.size());
    if (n >= 0)
      bytes.remove_prefix(static_cast<std::size_t>(n));
    else if (errno != EINTR)
      return errno;
  }
  return 0;
}

// 0, or the errno of the first call that failed. The file is closed in any case.
int write_and_close(int file, std::span<const std::string_view> pieces) {
  int error = 0;
  for (const auto piece : pieces)
    if (!error) error = write_all(file, piece);
  if (!error && ::fsync(file) != 0) error = errno;
  if (::close(file) != 0 && !error) error = errno;
  return error;
}

}  // namespace

void write_file_atomically(const fs::path& path, std::string_view bytes) {
  write_file_atomically(path, std::span(&bytes, 1));
}

void write_file_atomically(const fs::path& path, std::span<const std::string_view> pieces) {
  std::error_code status;
  if (path.has_parent_path()) fs::create_directories(path.parent_path(), status);
  if (status) fail_write(path, status.value());
  const fs::path temporary = path.string() + ".partial." + std::to_string(::getpid());
  const int file = ::open(temporary.c_str(), O_WRONLY | O_CREAT | O_TRUNC | O_CLOEXEC, 0644);
  if (file < 0) fail_write(path, errno);
  int error = write_and_close(file, pieces);
  if (!error && ::rename(temporary.c_str(), path.c_str()) != 0) error = errno;
  if (!error) return;
  ::unlink(temporary.c_str());
  fail_write(path, error);
}

fs::path experiments_dir() {
  if (const char* home = std::getenv("GYRE_HOME"); home && *home) return fs::path(home) / "experiments";
  std::error_code unknown;
  const auto beside = fs::read_symlink("/proc/self/exe", unknown).parent_path().parent_path() / "experiments";
  if (fs::exists(beside / "conf" / "config.toml", unknown)) return beside;
  return fs::path(GYRE_SOURCE_ROOT) / "experiments";
}

fs::path asset_path(std::string_view relative) {
  return experiments_dir() / "assets" / relative;
}

}  // namespace gyre
