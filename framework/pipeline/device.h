// Devices and the numeric mode of the process.
#pragma once

#include <torch/torch.h>

#include <string>

#include "spec/run.h"

namespace gyre {

// "cpu", "cuda", "cuda:1". Loads libgyre_cuda.so when a GPU is asked for; kInput with the reason when there
// is none.
torch::Device open_device(const std::string& name);

// model.dtype: the arithmetic of calibration passes and of the evaluation.
torch::ScalarType forward_dtype(const RunConfig& config);

// Deterministic algorithms, no TF32, the number of CPU threads. Returns the number of threads in use.
int set_numeric_mode(const ExecutionSpec& execution);

}  // namespace gyre
