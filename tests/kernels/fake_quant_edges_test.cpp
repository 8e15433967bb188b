// Fake quantization of degenerate groups, ties, and arguments out of range.
#include "kernels/fake_quant_cases.h"

namespace gyre::kernels {
namespace {

TEST(FakeQuantKernel, KeepsGroupsOfZerosAndConstantsFinite) {
  for (const auto grid : kGrids)
    for (const auto dtype : kDTypes)
      for (const auto& variant : fake_quant_variants())
        for (const double value : {0.0, -0.0, 1.5, -1.5, 5.960464477539063e-08, 1e-42}) {
          const Case c{1, 48, 48, 4, grid, dtype};
          if (!runs_here(variant, c)) continue;
          std::vector<std::uint8_t> x(c.values() * size_of(dtype));
          for (std::size_t i = 0; i < c.values(); ++i) write(x.data(), i, dtype, value);
          const auto result = launch(variant, c, x, false);
          for (std::size_t i = 0; i < c.values(); ++i) {
            const double q = read(result.out.data(), i, dtype), v = read(x.data(), i, dtype);
            ASSERT_TRUE(std::isfinite(q));
            if (v == 0 || grid == Grid::kReal) {
              EXPECT_EQ(q, v) << variant.name << " " << c.text();
            }
            if (v == 0) {
              EXPECT_FALSE(std::signbit(q));
            }
          }
        }
}

TEST(FakeQuantKernel, NonFiniteValuesMakeTheirGroupNaNAndNoOther) {
  for (const auto grid : kGrids)
    for (const auto dtype : kDTypes)
      for (const auto& variant : fake_quant_variants())
        for (const double bad : {std::nan(""), -std::nan(""), double(INFINITY), -double(INFINITY)}) {
          const Case c{1, 96, 32, 4, grid, dtype};
          if (!runs_here(variant, c)) continue;
          auto x = normal_values(c, 5);
          const auto clean = launch(variant, c, x, false);
          write(x.data(), 40, dtype, bad);
          const auto result = launch(variant, c, x, false);
          for (std::size_t i = 0; i < 96; ++i) {
            const double q = read(result.out.data(), i, dtype);
            if (i / 32 == 1)
              EXPECT_TRUE(std::isnan(q) && result.codes[i] == 0) << variant.name << " " << c.text();
            else
              EXPECT_EQ(q, read(clean.out.data(), i, dtype));
          }
        }
}

TEST(FakeQuantKernel, RoundsTiesToEven) {
  // max 7 gives scale 1 at 4 bits, so that halves are ties.
  const std::vector<float> x{7, 0.5f, 1.5f, 2.5f, -0.5f, -1.5f, -2.5f, -7};
  const std::vector<float> expected{7, 0, 2, 2, 0, -2, -2, -7};
  for (const auto& variant : fake_quant_variants()) {
    std::vector<float> out(8);
    FakeQuantArgs args{x.data(),         out.data(), 1,           8,       8,       4,
                       Grid::kSymmetric, 1.0,        DType::kF32, nullptr, nullptr, nullptr};
    if (!variant.supports(args)) continue;
    EXPECT_EQ(variant.launch(args, nullptr), 0);
    EXPECT_EQ(out, expected) << variant.name;
  }
}

TEST(FakeQuantKernel, GivesCodesAlone) {
  const std::vector<float> x{7, -7, 3, 0};
  std::vector<std::uint8_t> codes(4);
  FakeQuantArgs args{x.data(),    nullptr,      1,       4,      4, 4, Grid::kSymmetric, 1.0,
                     DType::kF32, codes.data(), nullptr, nullptr};
  EXPECT_EQ(choose(args, Device::kCpu)->launch(args, nullptr), 0);
  EXPECT_EQ(codes, (std::vector<std::uint8_t>{15, 1, 11, 8}));
}

TEST(FakeQuantKernel, RefusesBitsAndGroupsOutOfRange) {
  FakeQuantArgs args{nullptr,     nullptr, 1,           64,      64,      4,
                     Grid::kReal, 1.0,     DType::kF32, nullptr, nullptr, nullptr};
  EXPECT_NE(choose(args, Device::kCpu), nullptr);
  for (const int n_bits : {-1, 0, 1, 9}) {
    args.n_bits = n_bits;
    EXPECT_EQ(choose(args, Device::kCpu), nullptr) << n_bits;
  }
  args.n_bits = 4;
  for (const std::int64_t group : {0, -1, 48, 128}) {
    args.group = group;
    EXPECT_EQ(choose(args, Device::kCpu), nullptr) << group;
  }
}

}  // namespace
}  // namespace gyre::kernels
