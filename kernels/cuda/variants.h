// The tables of libgyre_cuda.so.
#pragma once

#include <string>

#include "kernels/api.h"

namespace gyre::kernels::cuda {

std::span<const HadamardVariant> hadamard_variants();
std::span<const FakeQuantVariant> fake_quant_variants();

// Hadamard transform and quantization of its result to at most 4 bits in one launch: what `transform` would
// have written to its out, rounded to the dtype, is quantized as `quant` says (its x is not read), with the
// same bits as the two launches one after the other, the first on the variant "mma". Groups are the
// transform's blocks; n_bits 2 to 4; all grids but kNoZero. packed: codes of 4 bits, [rows, width / 2], the
// first of two in the byte's lower half; or null.
struct HadamardQuantArgs {
  HadamardArgs transform;
  FakeQuantArgs quant;
  std::uint8_t* packed;
};
struct HadamardQuantVariant {
  std::string_view name;
  Device device;
  bool (*supports)(const HadamardQuantArgs&);
  int (*launch)(const HadamardQuantArgs&, void* stream);
};
std::span<const HadamardQuantVariant> hadamard_quant_variants();

// Variants, each in its own file. supports() asks about the current device.
bool hadamard_warp_supports(const HadamardArgs& args);
int hadamard_warp_launch(const HadamardArgs& args, void* stream);
bool hadamard_shared_supports(const HadamardArgs& args);
int hadamard_shared_launch(const HadamardArgs& args, void* stream);
bool hadamard_mma_supports(const HadamardArgs& args);
int hadamard_mma_launch(const HadamardArgs& args, void* stream);
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
