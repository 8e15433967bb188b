// Fake quantization in plain loops: the oracle of the other variants.
#pragma once

#include "kernels/api.h"

namespace gyre::kernels {

int fake_quant_reference(const FakeQuantArgs& args, void* stream);

}  // namespace gyre::kernels
