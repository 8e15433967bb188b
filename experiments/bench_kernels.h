// What `gyre bench` times: the families of kernels, each variant checked against float64 before its first
// timing.
#pragma once

#include <string>
#include <vector>

#include "bench_measure.h"

namespace gyre::bench {

struct Options {
  torch::Device device{torch::kCPU};
  std::vector<torch::ScalarType> dtypes;
  bool quick = false;  // a smoke test: small buffers, few samples
};

struct Row {
  std::string kernel, variant, shape, dtype;
  bool streams =
      false;  // buffers rotate past the caches, all threads; else one that stays in the first level, one core
  std::int64_t rows = 1;  // of one call
  double bytes = 0;       // read and written by one call
  double error = 0;       // largest, over the size of an output; 0 where bits are compared
  double copy_share = 0;  // of the copy's bytes per second; 0 in cache
  Timing time = {};       // of one call
  double row_us() const { return time.median / static_cast<double>(rows); }
};

std::string dtype_name(torch::ScalarType dtype);  // "f32"

// Each throws kRun when a variant is wrong. copy: bytes per second, see copy_bandwidth.
void bench_fht(const Options& options, Slices& slices, double copy, std::vector<Row>& rows);
void bench_fake_quant(const Options& options, Slices& slices, double copy, std::vector<Row>& rows);
void bench_fused(const Options& options, Slices& slices, double copy, std::vector<Row>& rows);
// The same on a GPU, to packed 4-bit codes and scales; copy_share is that of the bytes that have to move.
void bench_fused_cuda(const Options& options, Slices& slices, double copy, std::vector<Row>& rows);

// Seconds of the stage `evaluate` of SmolLM2-135M at full precision and at W4A4KV4 with R1 to R4, in pairs.
struct EvalPair {
  double full = 0, quantized = 0;
};
std::vector<EvalPair> bench_eval(int rounds, std::int64_t windows);

}  // namespace gyre::bench
