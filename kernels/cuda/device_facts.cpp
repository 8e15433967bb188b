#include <cuda_runtime.h>

#include <array>
#include <mutex>

#include "kernels/cuda/device_facts.h"

namespace gyre::kernels::cuda {
namespace {

constexpr int kMaxDevices = 64;

DeviceFacts ask(int device) {
  int major = 0, minor = 0;
  DeviceFacts facts;
  const auto get = [&](int& value, cudaDeviceAttr attribute) {
    return cudaDeviceGetAttribute(&value, attribute, device) == cudaSuccess;
  };
  if (!get(major, cudaDevAttrComputeCapabilityMajor) || !get(minor, cudaDevAttrComputeCapabilityMinor) ||
      !get(facts.shared_bytes, cudaDevAttrMaxSharedMemoryPerBlockOptin) ||
      !get(facts.processors, cudaDevAttrMultiProcessorCount)) {
    cudaGetLastError();  // or the next call would report it again
    return {};
  }
  facts.capability = 10 * major + minor;
  return facts;
}

}  // namespace

const DeviceFacts& device_facts() {
  static std::array<DeviceFacts, kMaxDevices> known;
  static std::array<std::once_flag, kMaxDevices> asked;
  static const DeviceFacts none;
  int device = 0;
  if (cudaGetDevice(&device) != cudaSuccess) {
    cudaGetLastError();
    return none;
  }
  if (device < 0 || device >= kMaxDevices) return none;
  const auto at = static_cast<std::size_t>(device);
  std::call_once(asked[at], [&] { known[at] = ask(device); });
  return known[at];
}

}  // namespace gyre::kernels::cuda
