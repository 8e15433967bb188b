// libgyre_cuda.so: loaded by name when a GPU is asked for, so that one program serves machines with and
// without one.
#pragma once

#include <torch/torch.h>

#include <span>
#include <string>

#include "kernels/api.h"

namespace gyre {

// Loads libgyre_cuda.so from the program's folder and Torch's CUDA part with it, once per process; later
// calls repeat the first one's result. True when tensors can live on a GPU. False, with the reason in
// cuda_library_status(), when the library, Torch's CUDA libraries, the driver or a device is missing. Safe to
// call from several threads.
bool load_cuda_library();

// Whether an earlier load_cuda_library() succeeded; loads nothing.
bool cuda_library_loaded();

// The devices when loaded ("NVIDIA H200 (sm_90), 1 device, driver for CUDA 13.0"), else why there is no GPU.
std::string cuda_library_status();

// The library's variants; empty when it is not loaded.
std::span<const kernels::HadamardVariant> cuda_hadamard_variants();
std::span<const kernels::FakeQuantVariant> cuda_fake_quant_variants();
std::span<const kernels::HadamardQuantVariant> cuda_hadamard_quant_variants();

// Launches the first variant that supports the arguments, on the device's current stream. All pointers are to
// the device's memory. Returns the variant's name, or an empty name when no variant does (nothing is launched
// then). kRun when the launch fails.
std::string_view launch_cuda(const kernels::HadamardArgs& args, torch::Device device);
std::string_view launch_cuda(const kernels::FakeQuantArgs& args, torch::Device device);
std::string_view launch_cuda(const kernels::HadamardQuantArgs& args, torch::Device device);

// The library's functions (ops/cuda/library.h), for tests and benchmarks; null when it is not loaded.
struct CudaLibrary;
const CudaLibrary* cuda_library();

}  // namespace gyre
