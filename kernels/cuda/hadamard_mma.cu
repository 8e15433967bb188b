// The tensor-core Hadamard transform of 16-bit floats, sm_80 on.
#include "kernels/cuda/hadamard_dispatch.cuh"
#include "kernels/cuda/launch.cuh"
#include "kernels/cuda/variants.h"

namespace gyre::kernels::cuda {

bool hadamard_mma_supports(const HadamardArgs& args) {
  return plan_mma(args, device_facts()).kernel != MmaKernel::kNone;
}

int hadamard_mma_launch(const HadamardArgs& args, void* stream) {
  return launch_mma<false>(args.dtype, plan_mma(args, device_facts()), static_cast<cudaStream_t>(stream));
}

}  // namespace gyre::kernels::cuda
