#include "train/state_file.h"

#include <algorithm>
#include <cstring>

#include "core/error.h"
#include "core/text.h"
#include "format/safetensors.h"
#include "model/tensor_loading.h"

namespace gyre {
namespace {
namespace fs = std::filesystem;

constexpr const char* kFingerprint = "gyre.fingerprint";

format::DType file_dtype(const torch::Tensor& t) {
  const auto found = container_dtype(t.scalar_type());
  GYRE_CHECK(found, ErrorCode::kUnsupported, "a state cannot hold a tensor of {}",
             torch::toString(t.scalar_type()));
  return *found;
}

std::string line_at(const std::vector<std::string>& lines, std::size_t i) {
  return i < lines.size() && !lines[i].empty() ? "'" + lines[i] + "'" : "nothing";
}

std::shared_ptr<const format::Safetensors> open_own(const fs::path& path, const std::string& fingerprint) {
  auto file = format::open_safetensors(path);
  const auto& metadata = file->metadata();
  const auto found = metadata.find(kFingerprint);
  GYRE_CHECK(found != metadata.end(), ErrorCode::kInput,
             "{}: holds no training state of gyre; move it away, or take another place", path.string());
  if (found->second == fingerprint) return file;
  const auto theirs = split(found->second, '\n'), ours = split(fingerprint, '\n');
  std::size_t i = 0;
  while (i < theirs.size() && i < ours.size() && theirs[i] == ours[i]) ++i;
  fail(
      ErrorCode::kInput,
      "{}: the training state of another run: it has {} where this run has {}; move it away, or continue the "
      "run that it belongs to",
      path.string(), line_at(theirs, i), line_at(ours, i));
}

torch::Tensor read(const format::TensorView& view, const torch::Tensor& like) {
  auto out = torch::empty(view.shape, like.options().device(torch::kCPU));
  GYRE_ASSERT(view.data.size() == out.nbytes());
  if (!view.data.empty()) std::memcpy(out.mutable_data_ptr(), view.data.data(), view.data.size());
  return out;
}

}  // namespace

void save_state(const fs::path& path, const NamedTensors& tensors, const std::string& fingerprint) {
  if (fs::exists(path)) open_own(path, fingerprint);
  std::vector<torch::Tensor> held;
  std::vector<format::TensorView> views;
  for (const auto& [name, tensor] : tensors) {
    held.push_back(tensor.detach().to(torch::kCPU).contiguous());
    const auto& t = held.back();
    views.push_back({name,
                     file_dtype(t),
                     t.sizes().vec(),
                     {static_cast<const std::byte*>(t.const_data_ptr()), t.nbytes()}});
  }
  format::save_safetensors(path, views, {{kFingerprint, fingerprint}});
}

bool load_state(const fs::path& path, NamedTensors& tensors, const std::string& fingerprint,
                const std::vector<std::string>& sized_by_file) {
  if (!fs::exists(path)) return false;
  const torch::NoGradGuard no_grad;
  const auto file = open_own(path, fingerprint);
  GYRE_CHECK(file->names().size() == tensors.size(), ErrorCode::kInput,
             "{}: holds {} tensors, expected {}; it was written by another version of the program",
             path.string(), file->names().size(), tensors.size());
  for (auto& [name, tensor] : tensors) {
    const auto view = file->at(name);
    const bool sized = std::ranges::find(sized_by_file, name) != sized_by_file.end();
    GYRE_CHECK(
        view.dtype == file_dtype(tensor) && (sized || torch::IntArrayRef(view.shape) == tensor.sizes()),
        ErrorCode::kInput, "{}: tensor '{}' has another shape or type than this run's", path.string(), name);
    if (sized)
      tensor = read(view, tensor);
    else
      tensor.detach().copy_(read(view, tensor));
  }
  return true;
}

}  // namespace gyre
