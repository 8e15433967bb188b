// What the GPU tests of the Hadamard kernels share: cases, memory with guard zones, the float64 reference.
#pragma once

#include <fmt/format.h>
#include <gtest/gtest.h>
#include <torch/torch.h>

#include <array>
#include <cmath>
#include <functional>
#include <string>
#include <vector>

#include "ops/cuda/library.h"
#include "ops/cuda_library.h"

namespace gyre {

constexpr std::array kGpuTypes{torch::kFloat32, torch::kFloat64, torch::kFloat16, torch::kBFloat16};

inline kernels::DType kernel_type(torch::ScalarType type) {
  return type == torch::kFloat64    ? kernels::DType::kF64
         : type == torch::kFloat16  ? kernels::DType::kF16
         : type == torch::kBFloat16 ? kernels::DType::kBF16
                                    : kernels::DType::kF32;
}

struct GpuCase {
  std::int64_t rows, blocks_per_row, base, sylvester;
  torch::ScalarType type;
  bool transposed = false, with_signs = false, with_order = false;

  std::int64_t block() const { return base * sylvester; }
  std::int64_t width() const { return block() * blocks_per_row; }
  double scale() const { return 1 / std::sqrt(static_cast<double>(block())); }
  std::string text() const {
    return fmt::format("[{}, {} x {} * {}] {}{}{}{}", rows, blocks_per_row, base, sylvester,
                       torch::toString(type), transposed ? " transposed" : "", with_signs ? " signs" : "",
                       with_order ? " order" : "");
  }
};

// Tables of a case, on the CPU and on the GPU. Any matrix of +-1 will do as the dense factor.
struct GpuTables {
  torch::Tensor base, order, signs, base_gpu, order_gpu, signs_gpu;
  GpuTables(const GpuCase& c, torch::Device device) {
    const auto random_signs = [](at::IntArrayRef sizes) {
      return (torch::randint(0, 2, sizes) * 2 - 1).to(torch::kInt8).contiguous();
    };
    if (c.base > 1) base_gpu = (base = random_signs({c.base, c.base})).to(device);
    if (c.with_signs) signs_gpu = (signs = random_signs({c.width()})).to(device);
    if (c.with_order) order_gpu = (order = torch::randperm(c.block(), torch::kInt32)).to(device);
  }
  kernels::HadamardArgs args(const GpuCase& c, const void* x, void* out) const {
    return {x,
            out,
            c.rows,
            c.width(),
            c.block(),
            c.base,
            base_gpu.defined() ? base_gpu.data_ptr<std::int8_t>() : nullptr,
            order_gpu.defined() ? order_gpu.data_ptr<std::int32_t>() : nullptr,
            signs_gpu.defined() ? signs_gpu.data_ptr<std::int8_t>() : nullptr,
            c.scale(),
            c.transposed,
            kernel_type(c.type)};
  }
};

// By kernels/api.h in float64 on the CPU; x: [rows, width] of any dtype.
inline torch::Tensor gpu_reference(const GpuCase& c, const GpuTables& tables, const torch::Tensor& x) {
  auto y = x.cpu().to(torch::kFloat64);
  if (tables.signs.defined() && !c.transposed) y = y * tables.signs;
  y = y.reshape({-1, c.block()});
  if (tables.order.defined() && c.transposed)
    y = torch::zeros_like(y).index_copy(1, tables.order.to(torch::kInt64), y);
  y = y.reshape({-1, c.base, c.sylvester});
  for (std::int64_t stride = 1; stride < c.sylvester; stride *= 2) {
    const auto pairs = y.reshape({-1, c.base, c.sylvester / (2 * stride), 2, stride});
    const auto a = pairs.select(3, 0), b = pairs.select(3, 1);
    y = torch::stack({a + b, a - b}, 3).reshape({-1, c.base, c.sylvester});
  }
  if (tables.base.defined()) {
    const auto b = tables.base.to(torch::kFloat64);
    y = torch::matmul(c.transposed ? b : b.t(), y);
  }
  y = y.reshape({-1, c.block()});
  if (tables.order.defined() && !c.transposed) y = y.index_select(1, tables.order.to(torch::kInt64));
  y = y.reshape({c.rows, c.width()}) * c.scale();
  return tables.signs.defined() && c.transposed ? y * tables.signs : y;
}

// [rows, width] in the middle of poisoned memory; check() says whether the rest is as it was.
class GuardedTensor {
 public:
  GuardedTensor(std::int64_t rows, std::int64_t width, torch::ScalarType type, torch::Device device)
      : n_(rows * width), rows_(rows), width_(width) {
    whole_ = torch::full({n_ + 2 * kGuard}, NAN, torch::TensorOptions(type).device(device));
    whole_.slice(0, 0, kGuard).fill_(kMark);
    whole_.slice(0, kGuard + n_).fill_(kMark);
  }
  torch::Tensor values() const { return whole_.slice(0, kGuard, kGuard + n_).view({rows_, width_}); }
  bool untouched_outside() const {
    return whole_.slice(0, 0, kGuard).eq(kMark).all().item<bool>() &&
           whole_.slice(0, kGuard + n_).eq(kMark).all().item<bool>();
  }

 private:
  static constexpr std::int64_t kGuard = 4096;  // a multiple of 16 bytes
  static constexpr double kMark = 7;
  std::int64_t n_, rows_, width_;
  torch::Tensor whole_;
};

class GpuTest : public testing::Test {
 protected:
  void SetUp() override {
    if (!load_cuda_library()) GTEST_SKIP() << "needs a GPU: " << cuda_library_status();
  }
  // Waits for the legacy stream, on which launches without a stream run.
  void wait() const { torch::zeros({1}, device_).item<float>(); }
  const torch::Device device_{"cuda:0"};
};

// A recorded sequence of launches.
class GpuGraph {
 public:
  explicit GpuGraph(std::function<int(void* stream)> enqueue) : enqueue_(std::move(enqueue)) {
    const auto call = [](void* context, void* stream) {
      return static_cast<GpuGraph*>(context)->enqueue_(stream);
    };
    status_ = cuda_library()->record_graph(call, this, &graph_);
  }
  ~GpuGraph() { cuda_library()->free_graph(graph_); }
  GpuGraph(const GpuGraph&) = delete;
  GpuGraph& operator=(const GpuGraph&) = delete;
  int status() const { return status_; }
  int replay() { return cuda_library()->replay_graph(graph_, 1, nullptr); }

 private:
  std::function<int(void* stream)> enqueue_;
  kernels::cuda::Graph* graph_ = nullptr;
  int status_ = 0;
};

inline bool same_bits(const torch::Tensor& a, const torch::Tensor& b) {
  const auto bytes = [](const torch::Tensor& t) { return t.contiguous().view(torch::kUInt8); };
  return bytes(a).equal(bytes(b));
}

}  // namespace gyre
