#include "pipeline/device.h"

#include <ATen/Parallel.h>
#include <omp.h>

#include <thread>

#include "core/error.h"
#include "ops/cuda_library.h"

namespace gyre {

torch::Device open_device(const std::string& name) {
  GYRE_CHECK(name == "cpu" || name == "cuda" ||
                 (name.starts_with("cuda:") && name.size() > 5 &&
                  name.find_first_not_of("0123456789", 5) == std::string::npos),
             ErrorCode::kConfig, "run.device is '{}', expected cpu, cuda or cuda:N", name);
  if (name != "cpu")
    GYRE_CHECK(load_cuda_library(), ErrorCode::kInput, "run.device={}: {}; use run.device=cpu", name,
               cuda_library_status());
  return torch::Device(name);
}

torch::ScalarType forward_dtype(const RunConfig& config) {
  const auto& name = config.model.dtype;
  if (name == "float64") return torch::kFloat64;
  return name == "float16" ? torch::kFloat16 : name == "bfloat16" ? torch::kBFloat16 : torch::kFloat32;
}

int set_numeric_mode(const ExecutionSpec& execution) {
  auto& context = at::globalContext();
  context.setDeterministicAlgorithms(true, /*warn_only=*/false);
  context.setDeterministicFillUninitializedMemory(false);  // gyre writes every tensor that it allocates
  context.setAllowTF32CuBLAS(false);
  context.setBenchmarkCuDNN(false);
  const int threads = execution.threads > 0
                          ? static_cast<int>(execution.threads)
                          : static_cast<int>(std::max(1u, std::thread::hardware_concurrency()));
  at::set_num_threads(threads);
  omp_set_num_threads(threads);
  return threads;
}

}  // namespace gyre
