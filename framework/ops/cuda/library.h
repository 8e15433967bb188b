// What libgyre_cuda.so exports: one function, which returns its tables and its way to Torch's streams.
#pragma once

#include <string>

#include "kernels/api.h"
#include "kernels/cuda/graphs.h"

namespace gyre {

// Changes with kernels/api.h or this struct: program and library of different builds refuse each other.
inline constexpr int kCudaLibraryVersion = 2;

struct CudaLibrary {
  int version;
  std::span<const kernels::HadamardVariant> hadamard;
  std::span<const kernels::FakeQuantVariant> fake_quant;
  std::span<const kernels::HadamardQuantVariant> hadamard_quant;
  int (*device_count)(std::string& reason);  // 0 with the reason
  std::string (*describe_devices)();
  const char* (*error_text)(int code);
  void* (*current_stream)(int device);  // cudaStream_t that Torch works on
  // kernels/cuda/graphs.h
  int (*record_graph)(int (*enqueue)(void* context, void* stream), void* context,
                      kernels::cuda::Graph** graph);
  int (*replay_graph)(kernels::cuda::Graph* graph, int times, double* microseconds);
  void (*free_graph)(kernels::cuda::Graph* graph);
};

}  // namespace gyre

extern "C" __attribute__((visibility("default"))) const gyre::CudaLibrary* gyre_cuda_library();
