// Launches of the tensor-core kernels. Nothing here allocates or waits, so launches can be captured into
// graphs.
#pragma once

#include <cuda_runtime.h>

#include "kernels/cuda/hadamard_dispatch.cuh"

namespace gyre::kernels::cuda {

template <class Body>
__global__ void __launch_bounds__(Body::kThreads) hadamard_mma_kernel(const __grid_constant__ MmaArgs args) {
  extern __shared__ __align__(16) unsigned char shared[];
#if __CUDA_ARCH__ >= 800
  Body::run(args, shared);
#endif
}

template <bool kQuantize>
int launch_mma(DType dtype, const MmaPlan& plan, cudaStream_t stream) {
  const auto launch = [&](auto body) -> int {
    const auto kernel = hadamard_mma_kernel<decltype(body)>;
    if (plan.shared_bytes > 48 * 1024) {
      const cudaError_t status =
          cudaFuncSetAttribute(kernel, cudaFuncAttributeMaxDynamicSharedMemorySize, plan.shared_bytes);
      if (status != cudaSuccess) return status;
    }
    kernel<<<static_cast<unsigned>(plan.grid), plan.threads, plan.shared_bytes, stream>>>(plan.args);
    return cudaGetLastError();
  };
  if (plan.kernel == MmaKernel::kNone) return cudaErrorInvalidValue;
  if (plan.grid == 0) return cudaSuccess;
  return dtype == DType::kF16 ? visit_kernel<F16, kQuantize>(plan, launch)
                              : visit_kernel<BF16, kQuantize>(plan, launch);
}

}  // namespace gyre::kernels::cuda
