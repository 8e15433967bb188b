// The tables of libgyre_cuda.so.
#pragma once

#include <string>

#include "kernels/api.h"

namespace gyre::kernels::cuda {

std::span<const HadamardVariant> hadamard_variants();
std::span<const FakeQuantVariant> fake_quant_variants();

std::span<const HadamardQuantVariant> hadamard_quant_variants();

// Variants, each in its own file. supports() asks about the current device.
bool hadamard_warp_supports(const HadamardArgs& args);
int hadamard_warp_launch(const HadamardArgs& args, void* stream);
bool hadamard_shared_supports(const HadamardArgs& args);
int hadamard_shared_launch(const HadamardArgs& args, void* stream);
bool hadamard_mma_supports(const HadamardArgs& args);
int hadamard_mma_launch(const HadamardArgs& args, void* stream);
// Groups are the transform's blocks, n_bits is 2 to 4, and the grid any but kNoZero. The bits are those of
// the two launches when the first one is hadamard_mma's.
bool hadamard_quant_supports(const HadamardQuantArgs& args);
int hadamard_quant_launch(const HadamardQuantArgs& args, void* stream);
bool fake_quant_supports(const FakeQuantArgs& args);
int fake_quant_launch(const FakeQuantArgs& args, void* stream);

// Number of devices that the driver offers; 0 with the reason when there is none.
int device_count(std::string& reason);
// "NVIDIA H200 (sm_90), 2 devices, driver for CUDA 13.0"
std::string describe_devices();
// The runtime's words for an error code.
const char* error_text(int code);

}  // namespace gyre::kernels::cuda
