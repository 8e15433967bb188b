// How kernels are timed: buffers that rotate past the caches, medians with percentiles, and the copy
// bandwidth of the same process to compare with.
#pragma once

#include <torch/torch.h>

#include <cstdint>
#include <functional>

namespace gyre::bench {

// Microseconds per call over a number of samples.
struct Timing {
  double median = 0, p10 = 0, p90 = 0;
  std::int64_t samples = 0;
};

struct Effort {
  std::int64_t samples = 31;
  double sample_seconds = 100e-6;  // calls are repeated within a sample to last this long
};

// Times call(0), call(1), ...; a sample that is short is repeated. On a GPU a sample ends when the device is
// idle.
Timing measure(const std::function<void(std::int64_t)>& call, torch::Device device, const Effort& effort);

// The same for calls that only launch kernels of ours, on the stream that they are given (null on the CPU).
// On a GPU they are captured into a graph of 64 nodes and timed by events around its replays: no gaps of
// launching, no host.
Timing measure_launches(const std::function<void(std::int64_t, void* stream)>& call, torch::Device device,
                        const Effort& effort);

// Bytes of the last-level cache; 32 MiB where the system does not say (50 MB on a GPU).
std::int64_t last_level_cache_bytes(torch::Device device);

// Pairs of buffers of `bytes` each, x filled from a seed, so many that a round over all of them leaves at
// least four times the last-level cache behind.
class Slices {
 public:
  Slices(std::int64_t bytes, torch::Device device);
  std::int64_t count() const { return static_cast<std::int64_t>(x_.size()); }
  std::int64_t bytes() const { return bytes_; }
  // The i-th pair, modulo count(), as [rows, width] of a dtype. Values are normal(0, 1), the same for every
  // dtype.
  torch::Tensor x(std::int64_t i, std::int64_t width, torch::ScalarType dtype);
  torch::Tensor out(std::int64_t i, std::int64_t width, torch::ScalarType dtype);

 private:
  torch::Tensor view(const torch::Tensor& raw, std::int64_t width, torch::ScalarType dtype) const;
  std::int64_t bytes_;
  std::vector<torch::Tensor> x_, out_;
  torch::ScalarType filled_ = torch::kByte;
};

// Bytes read and written per second by the fastest copy of one slice that we know, over all threads.
double copy_bandwidth(Slices& slices, torch::Device device, const Effort& effort);

}  // namespace gyre::bench
