#include "bench_measure.h"

#include <omp.h>
#include <unistd.h>

#include <algorithm>
#include <chrono>
#include <cmath>
#include <cstring>
#include <exception>

#include "core/error.h"
#include "ops/cuda/library.h"
#include "ops/cuda_library.h"

#if defined(__SSE2__)
#include <emmintrin.h>
#endif

namespace gyre::bench {
namespace {

using Clock = std::chrono::steady_clock;

double seconds_of(const std::function<void(std::int64_t)>& call, torch::Device device, std::int64_t first,
                  std::int64_t calls) {
  if (device.is_cuda()) torch::cuda::synchronize(device.index());
  const auto start = Clock::now();
  for (std::int64_t i = first; i < first + calls; ++i) call(i);
  if (device.is_cuda()) torch::cuda::synchronize(device.index());
  return std::chrono::duration<double>(Clock::now() - start).count();
}

// Past the caches, so that the destination is not read first.
void copy_streaming(const char* from, char* to, std::int64_t bytes) {
#if defined(__SSE2__)
  for (std::int64_t i = 0; i < bytes; i += 16)
    _mm_stream_si128(reinterpret_cast<__m128i*>(to + i),
                     _mm_load_si128(reinterpret_cast<const __m128i*>(from + i)));
  _mm_sfence();
#else
  std::memcpy(to, from, static_cast<std::size_t>(bytes));
#endif
}
void copy_plainly(const char* from, char* to, std::int64_t bytes) {
  std::memcpy(to, from, static_cast<std::size_t>(bytes));
}

void copy_by_threads(void (*copy)(const char*, char*, std::int64_t), const torch::Tensor& x,
                     torch::Tensor out) {
  const auto* from = static_cast<const char*>(x.const_data_ptr());
  auto* to = static_cast<char*>(out.mutable_data_ptr());
  const std::int64_t lines = x.numel() * x.element_size() / 64;
#pragma omp parallel
  {
    const std::int64_t threads = omp_get_num_threads(), thread = omp_get_thread_num();
    const std::int64_t begin = lines * thread / threads * 64, end = lines * (thread + 1) / threads * 64;
    copy(from + begin, to + begin, end - begin);
  }
}

Timing summary(std::vector<double> samples) {
  std::sort(samples.begin(), samples.end());
  const auto at = [&](double share) {
    return samples[static_cast<std::size_t>(std::lround(share * static_cast<double>(samples.size() - 1)))];
  };
  return {at(0.5), at(0.1), at(0.9), static_cast<std::int64_t>(samples.size())};
}

}  // namespace

Timing measure(const std::function<void(std::int64_t)>& call, torch::Device device, const Effort& effort) {
  std::int64_t next = 0, calls = 1;
  for (double seconds = 0; seconds < effort.sample_seconds; calls *= 2) {
    seconds = seconds_of(call, device, next, calls);
    next += calls;
    if (seconds >= effort.sample_seconds) break;
  }
  std::vector<double> samples;
  for (std::int64_t s = 0; s < effort.samples; ++s, next += calls)
    samples.push_back(seconds_of(call, device, next, calls) / static_cast<double>(calls) * 1e6);
  return summary(std::move(samples));
}

Timing measure_launches(const std::function<void(std::int64_t, void* stream)>& call, torch::Device device,
                        const Effort& effort) {
  if (!device.is_cuda()) return measure([&](std::int64_t i) { call(i, nullptr); }, device, effort);
  constexpr int kNodes = 64, kWarmUps = 3;
  struct Context {
    const std::function<void(std::int64_t, void*)>& call;
    std::exception_ptr error;
  } context{call, nullptr};
  const auto enqueue = [](void* given, void* stream) {
    auto& of = *static_cast<Context*>(given);
    try {
      for (std::int64_t i = 0; i < kNodes; ++i) of.call(i, stream);
      return 0;
    } catch (...) {
      of.error = std::current_exception();
      return 1;
    }
  };
  const CudaLibrary& library = *cuda_library();
  kernels::cuda::Graph* graph = nullptr;
  int status = library.record_graph(enqueue, &context, &graph);
  if (context.error) std::rethrow_exception(context.error);
  std::vector<double> samples(static_cast<std::size_t>(std::max<std::int64_t>(effort.samples, 31)));
  if (status == 0) status = library.replay_graph(graph, kWarmUps, nullptr);
  if (status == 0) status = library.replay_graph(graph, static_cast<int>(samples.size()), samples.data());
  library.free_graph(graph);
  GYRE_CHECK(status == 0, ErrorCode::kRun, "a graph of launches failed on the GPU: {}",
             library.error_text(status));
  for (auto& sample : samples) sample /= kNodes;
  return summary(std::move(samples));
}

std::int64_t last_level_cache_bytes(torch::Device device) {
  if (device.is_cuda()) return std::int64_t{50} << 20;
  const long found = ::sysconf(_SC_LEVEL3_CACHE_SIZE);
  return found > 0 ? found : std::int64_t{32} << 20;
}

Slices::Slices(std::int64_t bytes, torch::Device device) : bytes_(bytes) {
  const std::int64_t wanted = 4 * last_level_cache_bytes(device);
  const std::int64_t count = std::max<std::int64_t>(2, (wanted + 2 * bytes - 1) / (2 * bytes));
  const auto options = torch::TensorOptions().dtype(torch::kByte).device(device);
  for (std::int64_t i = 0; i < count; ++i) {
    x_.push_back(torch::empty({bytes}, options));
    out_.push_back(torch::zeros({bytes}, options));
  }
}

torch::Tensor Slices::view(const torch::Tensor& raw, std::int64_t width, torch::ScalarType dtype) const {
  const auto flat = raw.view(dtype);
  const std::int64_t rows = flat.numel() / width;
  return flat.narrow(0, 0, rows * width).view({rows, width});
}

torch::Tensor Slices::x(std::int64_t i, std::int64_t width, torch::ScalarType dtype) {
  if (filled_ != dtype) {
    const std::int64_t n = bytes_ / torch::elementSize(dtype), piece = std::int64_t{1} << 20;
    torch::manual_seed(1);
    const auto values = torch::randn({std::min(n, piece)}).to(x_[0].device(), dtype);
    for (auto& raw : x_)
      for (std::int64_t start = 0; start < n; start += piece) {
        const std::int64_t length = std::min(piece, n - start);
        raw.view(dtype).narrow(0, start, length).copy_(values.narrow(0, 0, length));
      }
    filled_ = dtype;
  }
  return view(x_[static_cast<std::size_t>(i % count())], width, dtype);
}

torch::Tensor Slices::out(std::int64_t i, std::int64_t width, torch::ScalarType dtype) {
  return view(out_[static_cast<std::size_t>(i % count())], width, dtype);
}

double copy_bandwidth(Slices& slices, torch::Device device, const Effort& given) {
  // On a GPU so many copies in a row that waiting for the last one does not count.
  const Effort effort = device.is_cuda() ? Effort{given.samples, 20e-3} : given;
  const auto best = [&](const auto& copy) {
    const auto timing = measure(
        [&](std::int64_t i) { copy(slices.x(i, 64, torch::kFloat32), slices.out(i, 64, torch::kFloat32)); },
        device, effort);
    return 2.0 * static_cast<double>(slices.bytes()) / (timing.median * 1e-6);
  };
  double bandwidth = best([](const torch::Tensor& x, torch::Tensor out) { out.copy_(x); });
  if (device.is_cpu())
    for (const auto copy : {copy_plainly, copy_streaming})
      bandwidth = std::max(bandwidth, best([&](const torch::Tensor& x, const torch::Tensor& out) {
                             copy_by_threads(copy, x, out);
                           }));
  return bandwidth;
}

}  // namespace gyre::bench
