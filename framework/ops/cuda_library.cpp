#include "ops/cuda_library.h"

#include <c10/core/DeviceGuard.h>
#include <dlfcn.h>

#include <atomic>
#include <filesystem>

#include "core/error.h"
#include "ops/cuda/library.h"

namespace gyre {
namespace {

struct Loaded {
  const CudaLibrary* library = nullptr;
  std::string status;
};

std::string last_dl_error() {
  const char* text = dlerror();
  return text ? text : "unknown reason";
}

std::filesystem::path program_folder() {
  return std::filesystem::read_symlink("/proc/self/exe").parent_path();
}

Loaded load() {
  if (dlopen("libcuda.so.1", RTLD_NOW | RTLD_GLOBAL) == nullptr)
    return {nullptr, "no NVIDIA driver (libcuda.so.1)"};
  const auto path = program_folder() / "libgyre_cuda.so";
  if (!std::filesystem::exists(path))
    return {nullptr, path.string() + " is missing; build the preset gpu (scripts/build gpu)"};
  void* handle = dlopen(path.c_str(), RTLD_NOW | RTLD_LOCAL);
  if (handle == nullptr) return {nullptr, "libgyre_cuda.so does not load: " + last_dl_error()};
  const auto entry = reinterpret_cast<const CudaLibrary* (*)()>(dlsym(handle, "gyre_cuda_library"));
  if (entry == nullptr) return {nullptr, path.string() + " is not gyre's: " + last_dl_error()};
  const CudaLibrary* library = entry();
  if (library->version != kCudaLibraryVersion)
    return {nullptr, fmt::format("libgyre_cuda.so is of version {}, the program needs {}; build both again",
                                 library->version, kCudaLibraryVersion)};
  std::string reason;
  if (library->device_count(reason) == 0) return {nullptr, "no usable GPU: " + reason};
  // Registers Torch's CUDA backend. Found by the program's own run path, like libtorch_cpu.so.
  if (dlopen("libtorch_cuda.so", RTLD_NOW | RTLD_GLOBAL) == nullptr)
    return {nullptr, "Torch's CUDA part does not load: " + last_dl_error()};
  return {library, library->describe_devices()};
}

std::atomic<bool> asked{false};

const Loaded& loaded() {
  static const Loaded result = load();
  asked = true;
  return result;
}

const CudaLibrary* library_if_loaded() {
  return asked ? loaded().library : nullptr;
}

template <class Variant, class Args>
std::string_view launch_first(std::span<const Variant> variants, const Args& args, torch::Device device) {
  if (variants.empty()) return {};
  const c10::DeviceGuard guard(device);
  const CudaLibrary& library = *library_if_loaded();
  for (const auto& variant : variants) {
    if (!variant.supports(args)) continue;
    const int status = variant.launch(args, library.current_stream(device.index()));
    GYRE_CHECK(status == 0, ErrorCode::kRun, "CUDA kernel {} failed: {}", variant.name,
               library.error_text(status));
    return variant.name;
  }
  return {};
}

}  // namespace

bool load_cuda_library() {
  return loaded().library != nullptr;
}
bool cuda_library_loaded() {
  return library_if_loaded() != nullptr;
}
std::string cuda_library_status() {
  return loaded().status;
}

std::span<const kernels::HadamardVariant> cuda_hadamard_variants() {
  const auto* library = library_if_loaded();
  return library ? library->hadamard : std::span<const kernels::HadamardVariant>{};
}
std::span<const kernels::FakeQuantVariant> cuda_fake_quant_variants() {
  const auto* library = library_if_loaded();
  return library ? library->fake_quant : std::span<const kernels::FakeQuantVariant>{};
}
std::span<const kernels::HadamardQuantVariant> cuda_hadamard_quant_variants() {
  const auto* library = library_if_loaded();
  return library ? library->hadamard_quant : std::span<const kernels::HadamardQuantVariant>{};
}
const CudaLibrary* cuda_library() {
  return library_if_loaded();
}

std::string_view launch_cuda(const kernels::HadamardArgs& args, torch::Device device) {
  return launch_first(cuda_hadamard_variants(), args, device);
}
std::string_view launch_cuda(const kernels::FakeQuantArgs& args, torch::Device device) {
  return launch_first(cuda_fake_quant_variants(), args, device);
}
std::string_view launch_cuda(const kernels::HadamardQuantArgs& args, torch::Device device) {
  return launch_first(cuda_hadamard_quant_variants(), args, device);
}

}  // namespace gyre
