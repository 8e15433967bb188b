// Reading of the file; the metadata's values are in gguf_metadata.cpp.
#include "format/gguf.h"

#include <fmt/format.h>

#include <algorithm>
#include <bit>
#include <utility>

#include "core/error.h"
#include "core/text.h"
#include "format/gguf_cursor.h"

namespace gyre::format {

static_assert(std::endian::native == std::endian::little, "containers are read as they lie in memory");

namespace {

constexpr std::uint64_t kMaxKeyBytes = 65535, kMaxTensorNameBytes = 64;  // the format's own limits
constexpr std::uint32_t kMaxDimensions = 4;
constexpr std::uint64_t kMinPairBytes = 8 + 4 + 1, kMinTensorBytes = 8 + 4 + 4 + 8;

struct GgmlType {
  std::uint32_t id;
  DType dtype;
};

constexpr GgmlType kTypes[] = {
    {0, DType::kF32},   {1, DType::kF16},  {30, DType::kBF16}, {28, DType::kF64}, {2, DType::kQ4_0},
    {3, DType::kQ4_1},  {6, DType::kQ5_0}, {7, DType::kQ5_1},  {8, DType::kQ8_0}, {12, DType::kQ4_K},
    {14, DType::kQ6_K}, {24, DType::kI8},  {25, DType::kI16},  {26, DType::kI32}, {27, DType::kI64},
};

// Types that gyre does not read, by name for the message.
constexpr std::pair<std::uint32_t, const char*> kOtherTypes[] = {
    {9, "Q8_1"},    {10, "Q2_K"},    {11, "Q3_K"},  {13, "Q5_K"},   {15, "Q8_K"},  {16, "IQ2_XXS"},
    {17, "IQ2_XS"}, {18, "IQ3_XXS"}, {19, "IQ1_S"}, {20, "IQ4_NL"}, {21, "IQ3_S"}, {22, "IQ2_S"},
    {23, "IQ4_XS"}, {29, "IQ1_M"},   {34, "TQ1_0"}, {35, "TQ2_0"},  {39, "MXFP4"},
};

DType find_type(const std::string& file, std::string_view tensor, std::uint32_t id) {
  std::vector<std::string> known;
  for (const auto& type : kTypes) {
    if (type.id == id) return type.dtype;
    known.emplace_back(dtype_name(type.dtype));
  }
  std::string found = fmt::format("ggml type {}", id);
  for (const auto& [other, name] : kOtherTypes)
    if (other == id) found += fmt::format(" ({})", name);
  fail(ErrorCode::kUnsupported, "{}: tensor '{}' has {}; gyre reads {}. Take the model in one of these", file,
       tensor, found, join(known, ", "));
}

std::uint64_t bytes_of(GgufType type) {
  switch (type) {
    case GgufType::kU8:
    case GgufType::kI8:
    case GgufType::kBool:
      return 1;
    case GgufType::kU16:
    case GgufType::kI16:
      return 2;
    case GgufType::kU32:
    case GgufType::kI32:
    case GgufType::kF32:
      return 4;
    case GgufType::kU64:
    case GgufType::kI64:
    case GgufType::kF64:
      return 8;
    case GgufType::kString:
    case GgufType::kArray:
      break;
  }
  return 0;
}

GgufType take_type(GgufCursor& cursor, const std::string& file, std::string_view key) {
  const auto type = cursor.number<std::uint32_t>();
  GYRE_CHECK(type <= static_cast<std::uint32_t>(GgufType::kF64), ErrorCode::kInput,
             "{}: metadata '{}' has value type {}, expected 0 to 12; the file is damaged", file, key, type);
  return static_cast<GgufType>(type);
}

GgufValue take_value(GgufCursor& cursor, const std::string& file, std::string_view key) {
  GgufValue value;
  value.type = take_type(cursor, file, key);
  if (value.type == GgufType::kArray) {
    value.is_array = true;
    value.type = take_type(cursor, file, key);
    GYRE_CHECK(value.type != GgufType::kArray, ErrorCode::kUnsupported,
               "{}: metadata '{}' is an array of arrays, which gyre does not read", file, key);
    value.count = cursor.count(value.type == GgufType::kString ? 8 : bytes_of(value.type));
  }
  if (value.type != GgufType::kString) {
    value.data = cursor.take(value.count * bytes_of(value.type));
    return value;
  }
  GgufCursor ahead = cursor;
  for (std::uint64_t i = 0; i < value.count; ++i) ahead.text();
  value.data = cursor.take(ahead.position() - cursor.position());
  return value;
}

struct TensorInfo {
  std::string_view name;
  DType dtype;
  std::vector<std::uint64_t> shape;
  std::uint64_t offset, bytes;
};

// In the order of their bytes, tensors must be aligned, inside the file and apart from each other.
void check_places(const std::string& file, std::vector<TensorInfo>& tensors, std::uint64_t data_bytes,
                  std::uint64_t alignment) {
  std::ranges::sort(tensors, {}, [](const TensorInfo& t) { return std::pair(t.offset, t.bytes); });
  std::uint64_t end = 0;
  for (const auto& t : tensors) {
    GYRE_CHECK(t.offset % alignment == 0, ErrorCode::kInput,
               "{}: tensor '{}' begins at data offset {}, expected a multiple of the alignment {}; the file "
               "is damaged",
               file, t.name, t.offset, alignment);
    GYRE_CHECK(t.offset <= data_bytes && t.bytes <= data_bytes - t.offset, ErrorCode::kInput,
               "{}: tensor '{}' takes {} bytes at data offset {}, but the file has {} bytes of data; it is "
               "truncated or "
               "damaged: fetch it again",
               file, t.name, t.bytes, t.offset, data_bytes);
    GYRE_CHECK(t.offset >= end, ErrorCode::kInput,
               "{}: tensor '{}' begins at data offset {}, inside the one before it, which ends at {}; the "
               "file is damaged",
               file, t.name, t.offset, end);
    end = t.offset + t.bytes;
  }
}

std::uint32_t take_version(GgufCursor& cursor, const std::string& file) {
  cursor.set_place("the magic number");
  const auto magic = cursor.take(4);
  GYRE_CHECK(std::string_view(reinterpret_cast<const char*>(magic.data()), 4) == "GGUF", ErrorCode::kInput,
             "{}: does not begin with 'GGUF'; it is another format or damaged", file);
  cursor.set_place("the version");
  const auto version = cursor.number<std::uint32_t>();
  GYRE_CHECK(
      version == 0 || (version & 0xffff) != 0, ErrorCode::kUnsupported,
      "{}: is a big-endian GGUF; gyre reads little-endian ones. Convert it with gguf_convert_endian.py",
      file);
  GYRE_CHECK(
      version == 2 || version == 3, ErrorCode::kUnsupported,
      "{}: is GGUF version {}; gyre reads versions 2 and 3. Convert the model again with a current llama.cpp",
      file, version);
  return version;
}

}  // namespace

std::shared_ptr<const Gguf> Gguf::open(const std::filesystem::path& path) {
  return std::shared_ptr<const Gguf>(new Gguf(path));
}

Gguf::Gguf(const std::filesystem::path& path) : MappedTensors(path) {
  read();
}

void Gguf::read() {
  const MappedFile& mapped = map(path());
  const std::string& file = path();
  GgufCursor cursor(mapped.bytes(), file);
  const auto version = take_version(cursor, file);
  cursor.set_place("the number of tensors");
  const auto n_tensors = cursor.count(kMinTensorBytes);
  cursor.set_place("the number of metadata entries");
  const auto n_pairs = cursor.count(kMinPairBytes);

  for (std::uint64_t i = 0; i < n_pairs; ++i) {
    cursor.set_place(fmt::format("key {} of the metadata", i));
    const auto key = cursor.text();
    GYRE_CHECK(!key.empty() && key.size() <= kMaxKeyBytes && !find_invalid_utf8(key), ErrorCode::kInput,
               "{}: key {} of the metadata is empty, too long or not UTF-8; the file is damaged", file, i);
    cursor.set_place(fmt::format("metadata '{}'", key));
    const bool is_new = metadata_.try_emplace(std::string(key), take_value(cursor, file, key)).second;
    GYRE_CHECK(is_new, ErrorCode::kInput, "{}: metadata '{}' occurs twice; the file is damaged", file, key);
  }
  if (find("split.count") && get_uint("split.count") > 1)
    fail(ErrorCode::kUnsupported,
         "{}: is one of {} parts of a split model; join them with llama-gguf-split --merge", file,
         get_uint("split.count"));
  const auto alignment = find("general.alignment") ? get_uint("general.alignment") : 32;
  GYRE_CHECK(std::has_single_bit(alignment) && alignment <= 1u << 20, ErrorCode::kInput,
             "{}: general.alignment is {}, expected a power of two up to 2^20", file, alignment);

  std::vector<TensorInfo> tensors;
  for (std::uint64_t i = 0; i < n_tensors; ++i) {
    cursor.set_place(fmt::format("description {} of the tensors", i));
    TensorInfo t{};
    t.name = cursor.text();
    GYRE_CHECK(!t.name.empty() && t.name.size() <= kMaxTensorNameBytes && !find_invalid_utf8(t.name),
               ErrorCode::kInput,
               "{}: the name of tensor {} is empty, longer than {} bytes or not UTF-8; the file is damaged",
               file, i, kMaxTensorNameBytes);
    const auto n_dimensions = cursor.number<std::uint32_t>();
    GYRE_CHECK(n_dimensions <= kMaxDimensions, ErrorCode::kInput,
               "{}: tensor '{}' has {} dimensions, expected at most {}; the file is damaged", file, t.name,
               n_dimensions, kMaxDimensions);
    t.shape.resize(n_dimensions);
    for (auto& size : t.shape) size = cursor.number<std::uint64_t>();
    std::ranges::reverse(t.shape);  // the file has the innermost first
    t.dtype = find_type(file, t.name, cursor.number<std::uint32_t>());
    t.offset = cursor.number<std::uint64_t>();
    t.bytes = checked_bytes(file, t.name, t.dtype, t.shape);
    tensors.push_back(std::move(t));
  }

  const auto begin = (cursor.position() + alignment - 1) / alignment * alignment;
  const auto data =
      mapped.bytes().subspan(static_cast<std::size_t>(std::min<std::uint64_t>(begin, mapped.bytes().size())));
  check_places(file, tensors, data.size(), alignment);
  for (const auto& t : tensors)
    add(file, t.name, t.dtype, t.shape,
        data.subspan(static_cast<std::size_t>(t.offset), static_cast<std::size_t>(t.bytes)));
  describe(fmt::format("GGUF v{}", version));
}

}  // namespace gyre::format
