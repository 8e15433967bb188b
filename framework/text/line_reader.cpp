#include "text/line_reader.h"

#include <fcntl.h>
#include <lzma.h>
#include <unistd.h>

#include <cerrno>
#include <cstring>
#include <vector>

#include "core/error.h"
#include "core/text.h"

namespace gyre::text {
namespace {

constexpr std::size_t kPiece = std::size_t{1} << 18;
constexpr std::size_t kLongestLine = std::size_t{64} << 20;
constexpr std::uint64_t kDecoderMemory = std::uint64_t{256} << 20;  // xz -9 needs 65 MiB

}  // namespace

struct LineReader::Impl {
  explicit Impl(const std::filesystem::path& given)
      : path(given.string()), compressed(given.extension() == ".xz"), raw(kPiece), text(kPiece) {
    GYRE_CHECK(std::filesystem::is_regular_file(given), ErrorCode::kInput,
               "{}: no such file; expected a text (.jsonl, or any UTF-8 text, either also as .xz)", path);
    file = ::open(path.c_str(), O_RDONLY | O_CLOEXEC);
    GYRE_CHECK(file >= 0, ErrorCode::kInput, "{}: cannot be opened: {}", path, std::strerror(errno));
    if (compressed && lzma_stream_decoder(&decoder, kDecoderMemory, LZMA_CONCATENATED) != LZMA_OK) {
      ::close(file);
      fail(ErrorCode::kResource, "{}: out of memory for the xz decoder", path);
    }
  }
  ~Impl() {
    lzma_end(&decoder);
    ::close(file);
  }

  [[noreturn]] void refuse(std::string_view what) const {
    fail(ErrorCode::kInput, "{}: {} after line {} ({} bytes of the file read)", path, what, line, read);
  }

  std::size_t read_raw() {
    for (;;) {
      const auto n = ::read(file, raw.data(), raw.size());
      if (n < 0 && errno == EINTR) continue;
      if (n < 0) refuse(std::string("cannot be read: ") + std::strerror(errno));
      read += static_cast<std::uint64_t>(n);
      return static_cast<std::size_t>(n);
    }
  }

  // Fills text[begin, end); false at the end of the file.
  bool fill() {
    begin = end = 0;
    if (!compressed) {
      end = read_raw();
      std::swap(raw, text);
      return end > 0;
    }
    while (end == 0 && !finished) {
      if (decoder.avail_in == 0 && !at_end) {
        decoder.avail_in = read_raw();
        decoder.next_in = raw.data();
        at_end = decoder.avail_in == 0;
      }
      decoder.next_out = text.data();
      decoder.avail_out = text.size();
      const auto status = lzma_code(&decoder, at_end ? LZMA_FINISH : LZMA_RUN);
      end = text.size() - decoder.avail_out;
      if (status == LZMA_STREAM_END)
        finished = true;
      else if (status == LZMA_BUF_ERROR && at_end)
        refuse("the xz stream is cut off; the file is not whole, fetch it again");
      else if (status == LZMA_FORMAT_ERROR)
        refuse("not an xz stream");
      else if (status == LZMA_MEMLIMIT_ERROR)
        refuse("the xz stream needs more than 256 MiB to be read; compress it with a smaller dictionary");
      else if (status != LZMA_OK)
        refuse("the xz stream is damaged");
    }
    return end > 0;
  }

  bool next(std::string& out) {
    out.clear();
    bool any = false;
    for (;;) {
      if (begin == end && !fill()) break;
      any = true;
      const auto* start = text.data() + begin;
      const auto* newline = static_cast<const std::uint8_t*>(std::memchr(start, '\n', end - begin));
      const auto n = newline ? static_cast<std::size_t>(newline - start) : end - begin;
      if (out.size() + n > kLongestLine) refuse("a line of more than 64 MiB stands");
      out.append(reinterpret_cast<const char*>(start), n);
      begin += n + (newline ? 1 : 0);
      if (newline) break;
    }
    if (!any) return false;
    ++line;
    if (const auto bad = find_invalid_utf8(out))
      fail(ErrorCode::kInput,
           "{}: line {}: byte 0x{:02X} at offset {} of the line is not UTF-8; convert the "
           "file first",
           path, line, static_cast<unsigned char>(out[*bad]), *bad);
    return true;
  }

  std::string path;
  bool compressed, at_end = false, finished = false;
  int file = -1;
  lzma_stream decoder = LZMA_STREAM_INIT;
  std::vector<std::uint8_t> raw, text;
  std::size_t begin = 0, end = 0;
  std::int64_t line = 0;
  std::uint64_t read = 0;
};

LineReader::LineReader(const std::filesystem::path& path) : impl_(std::make_unique<Impl>(path)) {}
LineReader::~LineReader() = default;
bool LineReader::next(std::string& line) {
  return impl_->next(line);
}
std::int64_t LineReader::line() const {
  return impl_->line;
}
std::uint64_t LineReader::bytes_read() const {
  return impl_->read;
}

}  // namespace gyre::text
