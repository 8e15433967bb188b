#include "kernels/cuda/variants.h"

#include <cuda_runtime.h>

#include <array>

namespace gyre::kernels::cuda {
namespace {

constexpr std::array kHadamard{
    HadamardVariant{"mma", Device::kCuda, hadamard_mma_supports, hadamard_mma_launch},
    HadamardVariant{"warp", Device::kCuda, hadamard_warp_supports, hadamard_warp_launch},
    HadamardVariant{"shared", Device::kCuda, hadamard_shared_supports, hadamard_shared_launch},
};
constexpr std::array kFakeQuant{
    FakeQuantVariant{"cuda", Device::kCuda, fake_quant_supports, fake_quant_launch},
};
constexpr std::array kHadamardQuant{
    HadamardQuantVariant{"mma", Device::kCuda, hadamard_quant_supports, hadamard_quant_launch},
};

}  // namespace

std::span<const HadamardVariant> hadamard_variants() {
  return kHadamard;
}
std::span<const HadamardQuantVariant> hadamard_quant_variants() {
  return kHadamardQuant;
}
std::span<const FakeQuantVariant> fake_quant_variants() {
  return kFakeQuant;
}

int device_count(std::string& reason) {
  int count = 0;
  const cudaError_t status = cudaGetDeviceCount(&count);
  if (status != cudaSuccess) {
    reason = cudaGetErrorString(status);
    cudaGetLastError();  // or the next call would report it again
    return 0;
  }
  if (count == 0) reason = "the driver reports no device";
  return count;
}

std::string describe_devices() {
  std::string reason;
  const int count = device_count(reason);
  if (count == 0) return reason;
  cudaDeviceProp properties{};
  int driver = 0;
  if (cudaGetDeviceProperties(&properties, 0) != cudaSuccess || cudaDriverGetVersion(&driver) != cudaSuccess)
    return error_text(cudaGetLastError());
  return std::string(properties.name) + " (sm_" + std::to_string(properties.major) +
         std::to_string(properties.minor) + "), " + std::to_string(count) +
         (count == 1 ? " device" : " devices") + ", driver for CUDA " + std::to_string(driver / 1000) + "." +
         std::to_string(driver % 1000 / 10);
}

const char* error_text(int code) {
  return cudaGetErrorString(static_cast<cudaError_t>(code));
}

}  // namespace gyre::kernels::cuda
