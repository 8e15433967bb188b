#include "ops/cuda/library.h"

#include <c10/cuda/CUDAStream.h>

#include "kernels/cuda/variants.h"

namespace gyre {
namespace {

void* current_stream(int device) {
  return c10::cuda::getCurrentCUDAStream(static_cast<c10::DeviceIndex>(device)).stream();
}

}  // namespace
}  // namespace gyre

extern "C" const gyre::CudaLibrary* gyre_cuda_library() {
  using namespace gyre;
  static const CudaLibrary library{kCudaLibraryVersion,
                                   kernels::cuda::hadamard_variants(),
                                   kernels::cuda::fake_quant_variants(),
                                   kernels::cuda::hadamard_quant_variants(),
                                   kernels::cuda::device_count,
                                   kernels::cuda::describe_devices,
                                   kernels::cuda::error_text,
                                   current_stream,
                                   kernels::cuda::record_graph,
                                   kernels::cuda::replay_graph,
                                   kernels::cuda::free_graph};
  return &library;
}
