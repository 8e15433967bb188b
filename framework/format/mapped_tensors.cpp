#include "format/mapped_tensors.h"

#include <fmt/format.h>
#include <fmt/ranges.h>

#include <algorithm>
#include <limits>

#include "core/error.h"
#include "core/text.h"

namespace gyre::format {
namespace {

constexpr std::size_t kMaxDimensions = 8;

}  // namespace

std::optional<std::uint64_t> checked_product(std::uint64_t a, std::uint64_t b) {
  if (b != 0 && a > std::numeric_limits<std::uint64_t>::max() / b) return std::nullopt;
  return a * b;
}

TensorView MappedTensors::at(std::string_view name) const {
  const auto found = views_.find(name);
  if (found != views_.end()) return found->second.view;
  const auto near = nearest_name(name, names_);
  fail(ErrorCode::kInput, "{}: has no tensor '{}'{}", path_, name,
       near ? fmt::format(" (did you mean '{}'?)", *near) : fmt::format(" among its {}", names_.size()));
}

const MappedFile& MappedTensors::map(const std::filesystem::path& path) {
  mappings_.push_back(std::make_unique<MappedFile>(path));
  add_file(path);
  return *mappings_.back();
}

std::uint64_t MappedTensors::checked_bytes(const std::string& file, std::string_view name, DType dtype,
                                           std::span<const std::uint64_t> shape) {
  GYRE_CHECK(shape.size() <= kMaxDimensions, ErrorCode::kInput,
             "{}: tensor '{}' has {} dimensions, expected at most {}", file, name, shape.size(),
             kMaxDimensions);
  // Zeros count as ones here: partial products must fit too.
  std::optional<std::uint64_t> count = 1;
  for (const auto size : shape)
    if (count) count = checked_product(*count, std::max<std::uint64_t>(size, 1));
  GYRE_CHECK(count && *count <= std::uint64_t{std::numeric_limits<std::int64_t>::max()}, ErrorCode::kInput,
             "{}: tensor '{}' has the shape [{}], more values than can be counted; the file is damaged", file,
             name, fmt::join(shape, ", "));
  if (std::ranges::find(shape, 0u) != shape.end()) count = 0;
  try {
    storage_bytes(dtype, shape.empty() ? 1 : shape.back());
    return storage_bytes(dtype, *count);
  } catch (const Error& error) {
    fail(error.code(), "{}: tensor '{}' of shape [{}]: {}; the file is damaged", file, name,
         fmt::join(shape, ", "), error.what());
  }
}

void MappedTensors::add(const std::string& file, std::string_view name, DType dtype,
                        std::span<const std::uint64_t> shape, std::span<const std::byte> data) {
  GYRE_CHECK(!name.empty() && !find_invalid_utf8(name), ErrorCode::kInput,
             "{}: the name of tensor {} is {}, expected UTF-8 text; the file is damaged", file, names_.size(),
             name.empty() ? "empty" : "not UTF-8");
  Entry entry{{std::string(name), dtype, {shape.begin(), shape.end()}, data}, files_.size() - 1};
  const auto [place, is_new] = views_.try_emplace(std::string(name), std::move(entry));
  GYRE_CHECK(is_new, ErrorCode::kInput, "{}: tensor '{}' is already in {}; expected every name once", file,
             name, files_[place->second.file] == file ? "this file" : files_[place->second.file]);
  names_.emplace_back(name);
}

void MappedTensors::describe(std::string_view kind) {
  const std::filesystem::path path(path_);
  // A folder given as "dir/" has its name one level up.
  const auto name = path.has_filename() ? path.filename() : path.parent_path().filename();
  description_ = fmt::format("{} ({}, {} tensors)", name.string(), kind, names_.size());
}

}  // namespace gyre::format
