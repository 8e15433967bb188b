#include <fmt/format.h>

#include <algorithm>
#include <nlohmann/json.hpp>
#include <set>

#include "core/error.h"
#include "core/files.h"
#include "format/safetensors.h"

namespace gyre::format {
namespace {

using Json = nlohmann::ordered_json;

void check_tensor(const std::string& file, const TensorView& tensor) {
  GYRE_CHECK(!is_quantized(tensor.dtype), ErrorCode::kUnsupported,
             "{}: tensor '{}' is {}, which safetensors cannot hold; dequantize it first", file, tensor.name,
             dtype_name(tensor.dtype));
  GYRE_CHECK(!tensor.name.empty() && tensor.name != "__metadata__", ErrorCode::kInput,
             "{}: a tensor cannot be called '{}'", file, tensor.name);
  GYRE_ASSERT(std::ranges::all_of(tensor.shape, [](std::int64_t size) { return size >= 0; }));
  GYRE_ASSERT(tensor.data.size() == storage_bytes(tensor.dtype, static_cast<std::uint64_t>(tensor.numel())));
}

std::string header_text(const std::string& file, std::span<const TensorView* const> tensors,
                        const std::map<std::string, std::string>& metadata) {
  Json header = Json::object();
  if (!metadata.empty()) header["__metadata__"] = metadata;
  std::set<std::string_view> names;
  std::uint64_t begin = 0;
  for (const auto* tensor : tensors) {
    const auto end = begin + tensor->data.size();
    GYRE_CHECK(names.insert(tensor->name).second, ErrorCode::kInput, "{}: two tensors are called '{}'", file,
               tensor->name);
    header[tensor->name] = {
        {"dtype", dtype_name(tensor->dtype)}, {"shape", tensor->shape}, {"data_offsets", {begin, end}}};
    begin = end;
  }
  try {
    auto text = header.dump();
    text.append((8 - text.size() % 8) % 8, ' ');  // so that the data is aligned
    return text;
  } catch (const Json::exception& error) {
    fail(ErrorCode::kInput, "{}: a name or a metadata text is not UTF-8 ({})", file, error.what());
  }
}

std::string_view text_of(std::span<const std::byte> bytes) {
  return {reinterpret_cast<const char*>(bytes.data()), bytes.size()};
}

}  // namespace

void save_safetensors(const std::filesystem::path& path, std::span<const TensorView> tensors,
                      const std::map<std::string, std::string>& metadata) {
  std::vector<const TensorView*> order;
  for (const auto& tensor : tensors) {
    check_tensor(path.string(), tensor);
    order.push_back(&tensor);
  }
  std::ranges::sort(order, [](const TensorView* a, const TensorView* b) {
    const auto size_a = storage_bytes(a->dtype, 1), size_b = storage_bytes(b->dtype, 1);
    return size_a != size_b ? size_a > size_b : a->name < b->name;
  });
  const auto header = header_text(path.string(), order, metadata);
  const std::uint64_t length = header.size();
  std::vector<std::string_view> pieces{text_of(std::as_bytes(std::span(&length, 1))), header};
  for (const auto* tensor : order) pieces.push_back(text_of(tensor->data));
  write_file_atomically(path, pieces);
}

}  // namespace gyre::format
