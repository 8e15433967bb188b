#include "format/safetensors.h"

#include <fmt/format.h>

#include <algorithm>
#include <array>
#include <nlohmann/json.hpp>
#include <optional>
#include <set>

#include "core/error.h"
#include "core/files.h"
#include "core/text.h"
#include "format/half.h"
#include "format/safetensors_header.h"

namespace gyre::format {
namespace fs = std::filesystem;
namespace {

using Json = nlohmann::json;

constexpr std::uint64_t kMaxHeader = 100'000'000;  // the format's own limit
constexpr const char* kIndexName = "model.safetensors.index.json";

constexpr std::array kDTypes{DType::kF64, DType::kF32, DType::kF16, DType::kBF16, DType::kI64,
                             DType::kI32, DType::kI16, DType::kI8,  DType::kU8,   DType::kBool};

DType find_dtype(const std::string& file, const SafetensorsHeader::Entry& entry) {
  std::vector<std::string> known;
  for (const auto dtype : kDTypes) {
    if (entry.dtype == dtype_name(dtype)) return dtype;
    known.emplace_back(dtype_name(dtype));
  }
  fail(ErrorCode::kUnsupported, "{}: tensor '{}' has dtype '{}'; gyre reads {}", file, entry.name,
       entry.dtype, join(known, ", "));
}

// The header's text, once its length is known to lie inside the file.
std::string_view header_text(const MappedFile& file) {
  const auto bytes = file.bytes();
  GYRE_CHECK(bytes.size() >= 8, ErrorCode::kInput,
             "{}: has {} bytes, but a safetensors file begins with 8 bytes of header length; it is truncated "
             "or another "
             "format",
             file.path(), bytes.size());
  const auto length = load<std::uint64_t>(bytes.data());
  GYRE_CHECK(
      length <= kMaxHeader && length <= bytes.size() - 8, ErrorCode::kInput,
      "{}: claims a header of {} bytes, but {} follow and {} is the limit; the file is truncated or no "
      "safetensors: fetch it again",
      file.path(), length, bytes.size() - 8, kMaxHeader);
  const std::string_view text(reinterpret_cast<const char*>(bytes.data()) + 8,
                              static_cast<std::size_t>(length));
  GYRE_CHECK(text.starts_with('{'), ErrorCode::kInput,
             "{}: the header does not begin with '{{'; the file is damaged or no safetensors", file.path());
  return text;
}

// {weight name: file name} of an index.
std::map<std::string, std::string> read_index(const fs::path& path) {
  std::error_code status;
  const auto size = fs::file_size(path, status);
  GYRE_CHECK(status || size <= kMaxHeader, ErrorCode::kInput,
             "{}: has {} bytes, too many for an index (limit {})", path.string(), size, kMaxHeader);
  Json json;
  try {
    json = Json::parse(read_file(path));
  } catch (const Json::exception& error) {
    fail(ErrorCode::kInput, "{}: not JSON: {}", path.string(), error.what());
  }
  const auto map = json.is_object() ? json.find("weight_map") : json.end();
  GYRE_CHECK(json.is_object() && map != json.end() && map->is_object() && !map->empty(), ErrorCode::kInput,
             "{}: expected an object with 'weight_map', which names a file for every tensor", path.string());
  std::map<std::string, std::string> files;
  for (const auto& [name, file] : map->items()) {
    GYRE_CHECK(file.is_string(), ErrorCode::kInput, "{}: weight_map: '{}' is {}, expected a file name",
               path.string(), name, file.dump());
    files[name] = file.get<std::string>();
  }
  return files;
}

// What to open for a path that a user gave.
fs::path find_file(const fs::path& path) {
  std::error_code status;
  if (!fs::is_directory(path, status)) return path;
  for (const char* name : {"model.safetensors", kIndexName})
    if (fs::exists(path / name, status)) return path / name;
  for (const char* name : {"pytorch_model.bin", "pytorch_model.bin.index.json"})
    GYRE_CHECK(!fs::exists(path / name, status), ErrorCode::kUnsupported,
               "{}: the weights are a Python pickle ({}), which can run code; gyre reads safetensors. Save "
               "the model "
               "again with save_pretrained(..., safe_serialization=True)",
               path.string(), name);
  fail(ErrorCode::kInput, "{}: no weights; looked for model.safetensors and {}", path.string(), kIndexName);
}

}  // namespace

Safetensors::Safetensors(const fs::path& path) : MappedTensors(path) {
  const auto file = find_file(path);
  if (file.extension() == ".json")
    read_shards(file);
  else
    read_file(file);
  describe(files().size() == 1 ? "safetensors" : fmt::format("safetensors, {} shards", files().size() - 1));
}

void Safetensors::read_file(const fs::path& path) {
  const MappedFile& file = map(path);
  const auto text = header_text(file);
  const auto data = file.bytes().subspan(8 + text.size());
  auto header = parse_safetensors_header(text, file.path());
  // In the order of their bytes, the tensors must cover the rest of the file without gap or overlap.
  std::ranges::sort(header.entries, {}, [](const auto& entry) { return entry.offsets; });
  std::uint64_t end = 0;
  for (const auto& entry : header.entries) {
    const auto dtype = find_dtype(file.path(), entry);
    const auto bytes = checked_bytes(file.path(), entry.name, dtype, entry.shape);
    const auto [first, last] = entry.offsets;
    GYRE_CHECK(
        first <= last && last <= data.size(), ErrorCode::kInput,
        "{}: tensor '{}' lies at bytes {} to {} after the header, but {} are there; the file is truncated or "
        "damaged: fetch it again",
        file.path(), entry.name, first, last, data.size());
    GYRE_CHECK(last - first == bytes, ErrorCode::kInput,
               "{}: tensor '{}' has {} bytes, but shape [{}] of {} takes {}; the file is damaged",
               file.path(), entry.name, last - first, fmt::join(entry.shape, ", "), entry.dtype, bytes);
    GYRE_CHECK(first == end, ErrorCode::kInput,
               "{}: tensor '{}' begins at byte {} after the header, but the one before it ends at {}; "
               "expected no gap and "
               "no overlap",
               file.path(), entry.name, first, end);
    end = last;
    add(file.path(), entry.name, dtype, entry.shape,
        data.subspan(static_cast<std::size_t>(first), static_cast<std::size_t>(bytes)));
  }
  GYRE_CHECK(end == data.size(), ErrorCode::kInput,
             "{}: {} bytes follow the last tensor; expected none. The file is damaged", file.path(),
             data.size() - end);
  for (const auto& [name, kept] : header.metadata) {
    if (!contains(kept) || contains(name)) continue;
    const auto twin = at(kept);
    add(file.path(), name, twin.dtype, std::vector<std::uint64_t>(twin.shape.begin(), twin.shape.end()),
        twin.data);
  }
  metadata_.merge(header.metadata);
}

void Safetensors::read_shards(const fs::path& index) {
  const auto weight_map = read_index(index);
  add_file(index);
  std::set<std::string> shards;
  for (const auto& [name, file] : weight_map) shards.insert(file);
  std::map<std::string, std::set<std::string>> held;
  for (const auto& shard : shards) {
    GYRE_CHECK(!shard.empty() && shard != "." && shard != ".." && shard.find('/') == std::string::npos &&
                   shard.find('\0') == std::string::npos,
               ErrorCode::kInput,
               "{}: weight_map names the file '{}'; expected a plain name in the same folder", index.string(),
               shard);
    const auto path = index.parent_path() / shard;
    std::error_code status;
    GYRE_CHECK(fs::exists(path, status), ErrorCode::kInput,
               "{}: names the shard {}, which is not there; fetch it beside the index", index.string(),
               shard);
    const auto before = names().size();
    read_file(path);
    held[shard] = {names().begin() + static_cast<std::ptrdiff_t>(before), names().end()};
  }
  for (const auto& [name, shard] : weight_map)
    GYRE_CHECK(held[shard].contains(name), ErrorCode::kInput,
               "{}: says that tensor '{}' is in {}, which lacks it; index and shards are of different models",
               index.string(), name, shard);
}

std::shared_ptr<const Safetensors> open_safetensors(const fs::path& path) {
  return std::shared_ptr<const Safetensors>(new Safetensors(path));
}

}  // namespace gyre::format
