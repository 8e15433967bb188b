// Loading of libgyre_cuda.so, and its kernels against the CPU's: the suites named Gpu need a device and a
// library.
#include "ops/cuda_library.h"

#include <gtest/gtest.h>
#include <torch/torch.h>

#include <cmath>

#include "core/error.h"
#include "ops/fake_quant.h"
#include "ops/hadamard.h"

namespace gyre {
namespace {

using kernels::Grid;
constexpr std::array kTypes{torch::kFloat32, torch::kFloat64, torch::kFloat16, torch::kBFloat16};

kernels::DType kernel_dtype(torch::ScalarType type) {
  return type == torch::kFloat64    ? kernels::DType::kF64
         : type == torch::kFloat16  ? kernels::DType::kF16
         : type == torch::kBFloat16 ? kernels::DType::kBF16
                                    : kernels::DType::kF32;
}

TEST(CudaLibrary, SaysWhyThereIsNone) {
  if (load_cuda_library()) GTEST_SKIP() << "there is a GPU: " << cuda_library_status();
  EXPECT_FALSE(cuda_library_loaded());
  EXPECT_FALSE(cuda_library_status().empty());
  EXPECT_TRUE(cuda_hadamard_variants().empty());
  EXPECT_TRUE(cuda_fake_quant_variants().empty());
  EXPECT_TRUE(launch_cuda(kernels::HadamardArgs{}, torch::Device("cuda:0")).empty());
  EXPECT_TRUE(launch_cuda(kernels::FakeQuantArgs{}, torch::Device("cuda:0")).empty());
}

class GpuKernels : public testing::Test {
 protected:
  void SetUp() override {
    if (!load_cuda_library()) GTEST_SKIP() << cuda_library_status();
  }
  const torch::Device device_{"cuda:0"};
};

// x (I (x) B (x) S) / sqrt(block) by matrix product in float64, then the order; signs first.
torch::Tensor by_definition(const torch::Tensor& x, std::int64_t block, const torch::Tensor& base,
                            const torch::Tensor& order, const torch::Tensor& signs) {
  auto h = base.to(torch::kFloat64);
  const auto two = torch::tensor({{1.0, 1.0}, {1.0, -1.0}}, torch::kFloat64);
  while (h.size(0) < block) h = torch::kron(h, two);
  auto y = (x.to(torch::kFloat64) * signs.to(torch::kFloat64)).unflatten(-1, {-1, block}).matmul(h);
  return (y.index_select(-1, order.to(torch::kInt64)) / std::sqrt(static_cast<double>(block))).flatten(-2);
}

struct HadamardCase {
  std::int64_t rows, width, block, base;
  bool in_order, with_signs;
};
constexpr HadamardCase kCases[] = {
    {1, 64, 64, 1, true, false},           {7, 192, 64, 1, true, true},
    {3, 512, 128, 1, false, true},         {70, 1024, 1024, 1, true, false},
    {5, 36 * 16, 36 * 16, 36, true, true}, {4, 12 * 128, 12 * 128, 12, false, true},
    {2, 4096, 4096, 1, false, false},      {2, 172 * 8, 172 * 8, 172, true, false},
    {65537, 8, 8, 1, true, false},         {2, 2048, 2, 1, false, false},
};

TEST_F(GpuKernels, HadamardVariantsGiveTheDefinitionAndItsInverse) {
  torch::manual_seed(2);
  for (const auto& c : kCases)
    for (const auto type : kTypes)
      for (const auto& variant : cuda_hadamard_variants()) {
        const auto x = torch::randn({c.rows, c.width}, torch::kFloat64).to(type);
        const auto base = c.base == 1 ? torch::ones({1, 1}) : torch::randint(0, 2, {c.base, c.base}) * 2 - 1;
        const auto order =
            c.in_order ? torch::arange(c.block, torch::kInt32) : torch::randperm(c.block, torch::kInt32);
        const auto signs = c.with_signs ? torch::randint(0, 2, {c.width}) * 2 - 1 : torch::ones({c.width});
        const auto x_gpu = x.to(device_), base_gpu = base.to(device_, torch::kInt8).contiguous(),
                   order_gpu = order.to(device_), signs_gpu = signs.to(device_, torch::kInt8).contiguous();
        const auto out = torch::full_like(x_gpu, NAN);
        kernels::HadamardArgs args{x_gpu.data_ptr(),
                                   out.data_ptr(),
                                   c.rows,
                                   c.width,
                                   c.block,
                                   c.base,
                                   c.base == 1 ? nullptr : base_gpu.data_ptr<std::int8_t>(),
                                   c.in_order ? nullptr : order_gpu.data_ptr<std::int32_t>(),
                                   c.with_signs ? signs_gpu.data_ptr<std::int8_t>() : nullptr,
                                   1 / std::sqrt(static_cast<double>(c.block)),
                                   false,
                                   kernel_dtype(type)};
        if (!variant.supports(args)) {
          EXPECT_NE(variant.name, "shared");
          continue;
        }
        ASSERT_EQ(variant.launch(args, nullptr), 0);
        torch::zeros({1}, device_).item<float>();  // waits for the legacy stream
        const auto exact = by_definition(x, c.block, base, order, signs);
        const auto found = out.cpu().to(torch::kFloat64);
        // One rounding to the dtype, besides float32 sums of log2(block) + base terms.
        const double eps = type == torch::kFloat64   ? 0x1p-53
                           : type == torch::kFloat32 ? 0x1p-24
                           : type == torch::kFloat16 ? 0x1p-11
                                                     : 0x1p-8;
        const double bound =
            (eps + (type == torch::kFloat64 ? 0x1p-53 : 0x1p-24) * 16) * exact.abs().max().item<double>();
        EXPECT_LE((found - exact).abs().max().item<double>(), bound)
            << variant.name << " block " << c.block << " base " << c.base << " " << torch::toString(type);
      }
}

TEST_F(GpuKernels, FakeQuantGivesTheBitsOfTheCpu) {
  torch::manual_seed(3);
  for (const auto type : kTypes)
    for (const auto grid : {Grid::kSymmetric, Grid::kInteger, Grid::kReal, Grid::kNoZero})
      for (const std::int64_t group : {1, 12, 48, 64, 576, 9216}) {
        auto x = torch::randn({3, 9216}, torch::kFloat64);
        x[0].slice(0, 0, 64).zero_();
        x[1].slice(0, 64, 128).mul_(1e-41);
        x[2][200] = NAN;
        x[2][7000] = INFINITY;
        x = x.to(type);
        const UniformGrid uniform{grid, 3, group, 0.9};
        const auto cpu = quantize_parts(x, uniform), gpu = quantize_parts(x.to(device_), uniform);
        EXPECT_TRUE(cpu.codes.equal(gpu.codes.cpu())) << torch::toString(type) << " group " << group;
        EXPECT_TRUE(torch::allclose(cpu.scale, gpu.scale.cpu(), 0, 0, true));
        EXPECT_TRUE(
            torch::allclose(fake_quant(x, uniform), fake_quant(x.to(device_), uniform).cpu(), 0, 0, true));
      }
}

TEST_F(GpuKernels, KernelsRunOnTheCurrentStreamOfTensorsOnTheGpu) {
  const auto x = torch::randn({64, 1536});
  const auto transform = make_hadamard_transform(1536, HadamardOrder::kSequency);
  const auto gpu = hadamard(x.to(device_), transform, false);
  EXPECT_TRUE(gpu.is_cuda());
  EXPECT_TRUE(torch::allclose(gpu.cpu(), hadamard(x, transform, false), 1e-5, 1e-5));
  EXPECT_TRUE(torch::allclose(hadamard(gpu, transform, true).cpu(), x, 1e-5, 1e-5));
}

}  // namespace
}  // namespace gyre
