// The tensor-core Hadamard transform with quantization of its results in the same launch, sm_80 on.
#include "kernels/cuda/hadamard_dispatch.cuh"
#include "kernels/cuda/launch.cuh"
#include "kernels/cuda/variants.h"

namespace gyre::kernels::cuda {

bool hadamard_quant_supports(const HadamardQuantArgs& args) {
  return plan_mma_quant(args, device_facts()).kernel != MmaKernel::kNone;
}

int hadamard_quant_launch(const HadamardQuantArgs& args, void* stream) {
  return launch_mma<true>(args.transform.dtype, plan_mma_quant(args, device_facts()),
                          static_cast<cudaStream_t>(stream));
}

}  // namespace gyre::kernels::cuda
