// The CUDA variants of the Hadamard transform on a GPU: within the error budget, nothing written outside, the
// same bits each time, and the same from a replayed graph.
#include <map>
#include <optional>

#include "ops/gpu_hadamard_cases.h"

namespace gyre {
namespace {

class GpuHadamard : public GpuTest {
 protected:
  // Relative error in the norm that a variant may have: one rounding of the output, and for float32 some of
  // its own.
  static double budget(torch::ScalarType type, std::int64_t base = 1) {
    if (type == torch::kFloat32) return base > 64 ? 2e-6 : 1e-6;
    return type == torch::kFloat64 ? 1e-14 : type == torch::kFloat16 ? 3e-4 : 2.5e-3;
  }

  // Runs the variant twice in poisoned memory and returns the result; skips what it does not support.
  std::optional<torch::Tensor> run(const kernels::HadamardVariant& variant, const GpuCase& c,
                                   const GpuTables& tables, const torch::Tensor& x) {
    GuardedTensor first(c.rows, c.width(), c.type, device_), second(c.rows, c.width(), c.type, device_);
    const auto args = tables.args(c, x.data_ptr(), first.values().data_ptr());
    if (!variant.supports(args)) return std::nullopt;
    EXPECT_EQ(variant.launch(args, nullptr), 0) << variant.name << c.text();
    EXPECT_EQ(variant.launch(tables.args(c, x.data_ptr(), second.values().data_ptr()), nullptr), 0);
    wait();
    EXPECT_TRUE(first.untouched_outside()) << variant.name << c.text();
    EXPECT_TRUE(same_bits(first.values(), second.values())) << variant.name << c.text() << ": other bits";
    return first.values();
  }

  void check(const GpuCase& c) {
    const GpuTables tables(c, device_);
    const auto x = torch::randn({c.rows, c.width()}, torch::kFloat64).to(c.type).to(device_);
    const auto exact = gpu_reference(c, tables, x);
    int ran = 0;
    for (const auto& variant : cuda_hadamard_variants()) {
      const auto found = run(variant, c, tables, x);
      if (!found) continue;
      ++ran;
      ++ran_[std::string(variant.name)];
      const auto error = found->cpu().to(torch::kFloat64) - exact;
      EXPECT_LE((error.norm() / exact.norm()).item<double>(), budget(c.type, c.base))
          << variant.name << c.text();
      // One wrong value among many would hide in a norm. Results have standard deviation 1, the largest of
      // 2^17 is below 6, and rounding to the dtype errs by at most half a unit in the last place of that.
      EXPECT_LE(error.abs().max().item<double>(), 8 * budget(c.type, c.base)) << variant.name << c.text();
    }
    EXPECT_GT(ran, 0) << "no variant takes " << c.text();
  }
  std::map<std::string, int> ran_;
};

// Rows such that the buffer has at most 4 MiB.
TEST_F(GpuHadamard, EveryVariantTypeOrderAndShapeIsWithinTheErrorBudget) {
  torch::manual_seed(1);
  for (const auto type : kGpuTypes)
    for (const std::int64_t base : {1, 12, 20, 28, 36, 52, 172, 924})
      for (std::int64_t s = 1; base * s <= 32768; s *= 2)
        for (const std::int64_t rows : {1, 3, 17}) {
          if (base > 1 && s != 1 && s != 4 && s < 64) continue;
          if (rows * base * s * 8 > 4 << 20) continue;
          check({rows, 1, base, s, type});
        }
  const std::size_t without_tensor_cores = cuda_library_status().find("sm_7") == std::string::npos ? 0 : 1;
  EXPECT_EQ(ran_.size() + without_tensor_cores, cuda_hadamard_variants().size()) << "a variant was never run";
}

// Many rows take other kernels than few do.
TEST_F(GpuHadamard, ManyRowsToo) {
  torch::manual_seed(2);
  for (const auto type : {torch::kFloat16, torch::kBFloat16, torch::kFloat32})
    for (const auto& [base, s] : std::vector<std::pair<std::int64_t, std::int64_t>>{
             {1, 512}, {1, 1024}, {1, 2048}, {1, 4096}, {1, 8192}, {12, 64}, {12, 128}, {28, 64}})
      check({601, 1, base, s, type});
}

TEST_F(GpuHadamard, MoreThan65535RowsAtShortOrders) {
  torch::manual_seed(3);
  for (const auto type : kGpuTypes)
    for (const std::int64_t n : {1, 2, 16, 64, 128, 256}) check({65537, 1, 1, n, type});
}

TEST_F(GpuHadamard, BlocksSignsOrdersAndTheTransposed) {
  torch::manual_seed(4);
  for (const auto type : kGpuTypes)
    for (const auto& [base, s] : std::vector<std::pair<std::int64_t, std::int64_t>>{{1, 16},
                                                                                    {1, 32},
                                                                                    {1, 64},
                                                                                    {1, 128},
                                                                                    {1, 256},
                                                                                    {1, 512},
                                                                                    {1, 4096},
                                                                                    {1, 8192},
                                                                                    {12, 128},
                                                                                    {28, 512},
                                                                                    {172, 4}})
      for (int flags = 0; flags < 8; ++flags) {
        const GpuCase c{5, 3, base, s, type, (flags & 1) != 0, (flags & 2) != 0, (flags & 4) != 0};
        check(c);
      }
}

TEST_F(GpuHadamard, IntegersComeOutExactly) {
  torch::manual_seed(5);
  for (const auto type : kGpuTypes)
    for (std::int64_t n = 16; n <= 4096; n *= 4) {  // powers of four, so that the scale is a power of two
      const GpuCase c{33, 1, 1, n, type};
      const GpuTables tables(c, device_);
      const auto x = torch::randint(-8, 9, {c.rows, n}).to(type).to(device_);
      const auto exact = gpu_reference(c, tables, x).to(type);
      for (const auto& variant : cuda_hadamard_variants()) {
        const auto found = run(variant, c, tables, x);
        EXPECT_TRUE(!found || found->cpu().equal(exact)) << variant.name << c.text();
      }
    }
}

TEST_F(GpuHadamard, InPlaceGivesTheSameBits) {
  torch::manual_seed(6);
  for (const auto type : kGpuTypes)
    for (const std::int64_t n : {64, 256, 1024, 4096, 16384}) {
      const GpuCase c{9, 1, 1, n, type, false, true};
      const GpuTables tables(c, device_);
      const auto x = torch::randn({c.rows, n}).to(type).to(device_);
      for (const auto& variant : cuda_hadamard_variants()) {
        const auto found = run(variant, c, tables, x);
        auto y = x.clone();
        const auto args = tables.args(c, y.data_ptr(), y.data_ptr());
        if (!found || !variant.supports(args)) continue;
        ASSERT_EQ(variant.launch(args, nullptr), 0);
        wait();
        EXPECT_TRUE(same_bits(y, *found)) << variant.name << c.text();
      }
    }
}

TEST_F(GpuHadamard, InfinityAndNanStayInTheirBlock) {
  torch::manual_seed(7);
  for (const auto type : kGpuTypes)
    for (const auto& [base, s] : std::vector<std::pair<std::int64_t, std::int64_t>>{
             {1, 16}, {1, 64}, {1, 128}, {1, 256}, {1, 1024}, {1, 8192}, {12, 64}, {28, 64}}) {
      const GpuCase c{4, 2, base, s, type};
      const GpuTables tables(c, device_);
      auto x = torch::randn({8, c.block()});
      x[1][3] = NAN;
      x[4][2] = INFINITY;
      x[6][1] = -INFINITY;
      x[6][5] = INFINITY;
      x = x.reshape({c.rows, c.width()}).to(type).to(device_);
      const auto exact = gpu_reference(c, tables, x).reshape({8, -1});
      for (const auto& variant : cuda_hadamard_variants()) {
        const auto found = run(variant, c, tables, x);
        if (!found) continue;
        const auto y = found->cpu().to(torch::kFloat64).reshape({8, -1});
        EXPECT_TRUE(y.isnan().equal(exact.isnan())) << variant.name << c.text();
        EXPECT_TRUE(y[4].equal(exact[4])) << variant.name << c.text() << ": infinities";
        EXPECT_TRUE(y[0].isfinite().all().item<bool>() && y[7].isfinite().all().item<bool>());
      }
    }
}

TEST_F(GpuHadamard, AnyMagnitudeHasTheSameAccuracy) {
  torch::manual_seed(8);
  for (const std::int64_t n : {16, 128, 256, 1024, 4096, 8192}) {
    const GpuCase c{6, 1, 1, n, torch::kBFloat16};
    const GpuTables tables(c, device_);
    auto x = torch::randn({6, n}, torch::kFloat64);
    const double sizes[] = {0x1p-120, 1, 0x1p116, 0x1p-100, 0x1p-60, 0x1p60};
    for (int row = 0; row < 6; ++row) x[row] *= sizes[row];
    x = x.to(c.type).to(device_);
    const auto exact = gpu_reference(c, tables, x);
    for (const auto& variant : cuda_hadamard_variants())
      if (const auto found = run(variant, c, tables, x)) {
        const auto error = (found->cpu().to(torch::kFloat64) - exact).norm(2, {1}) / exact.norm(2, {1});
        EXPECT_LE(error.max().item<double>(), budget(c.type)) << variant.name << c.text();
      }
  }
}

TEST_F(GpuHadamard, AReplayedGraphOnChangedInputsEqualsEager) {
  torch::manual_seed(9);
  for (const auto type : {torch::kFloat32, torch::kFloat16, torch::kBFloat16})
    for (const auto& [base, s] : std::vector<std::pair<std::int64_t, std::int64_t>>{
             {1, 128}, {1, 1024}, {1, 4096}, {1, 16384}, {28, 512}, {12, 128}}) {
      const GpuCase c{17, 1, base, s, type, false, true};
      const GpuTables tables(c, device_);
      for (const auto& variant : cuda_hadamard_variants()) {
        const auto x = torch::randn({c.rows, c.width()}, device_).to(type);
        const auto out = torch::full_like(x, NAN);
        const auto args = tables.args(c, x.data_ptr(), out.data_ptr());
        if (!variant.supports(args)) continue;
        GpuGraph graph([&](void* stream) { return variant.launch(args, stream); });
        ASSERT_EQ(graph.status(), 0) << variant.name << c.text() << ": "
                                     << cuda_library()->error_text(graph.status());
        x.copy_(torch::randn({c.rows, c.width()}, device_).to(type));
        ASSERT_EQ(graph.replay(), 0);
        const auto eager = run(variant, c, tables, x);
        ASSERT_TRUE(eager);
        EXPECT_TRUE(same_bits(out, *eager)) << variant.name << c.text();
      }
    }
}

TEST_F(GpuHadamard, TheTableTakesWhatFitsAndRefusesTheRest) {
  const GpuCase c{8, 1, 1, 1024, torch::kFloat16};
  const GpuTables tables(c, device_);
  const auto x = torch::randn({8 * 1024 + 8}, device_).to(c.type);
  const auto first = [&](const kernels::HadamardArgs& args) -> std::string_view {
    for (const auto& variant : cuda_hadamard_variants())
      if (variant.supports(args)) return variant.name;
    return "none";
  };
  auto* data = static_cast<std::uint16_t*>(x.data_ptr());
  const bool tensor_cores = cuda_library_status().find("sm_7") == std::string::npos;
  EXPECT_EQ(first(tables.args(c, data, data)), tensor_cores ? "mma" : "warp") << cuda_library_status();
  EXPECT_NE(first(tables.args(c, data + 1, data + 1)), "mma") << "not aligned";
  EXPECT_NE(first(tables.args(c, data + 1, data + 1)), "none");
  auto args = tables.args(c, data, data);
  args.width = 1000;
  EXPECT_EQ(first(args), "none");
  EXPECT_TRUE(launch_cuda(args, device_).empty());
}

}  // namespace
}  // namespace gyre
