// Transform and quantization in one launch, without a GPU: codes, scales and values are those of the
// transform followed by fake quantization, bit for bit.
#include <cstring>

#include "kernels/cpu/fake_quant_reference.h"
#include "kernels/hadamard_mma_cases.h"

namespace gyre::kernels::cuda {
namespace {

struct QuantResult {
  Bits out;
  std::vector<std::uint8_t> codes, packed;
  std::vector<float> scale, zero;
  explicit QuantResult(std::size_t n, std::size_t groups)
      : out(n + 8, 0xabcd), codes(n + 8, 0xab), packed(n / 2 + 8, 0xab), scale(groups), zero(groups) {}
};

FakeQuantArgs quant_args(const MmaCase& c, Grid grid, int n_bits, double clip, QuantResult& to) {
  return {nullptr, to.out.data(), c.rows,  c.width(),       c.block(),       n_bits,
          grid,    clip,          c.dtype, to.codes.data(), to.scale.data(), to.zero.data()};
}

void expect_same_as_two_launches(const MmaCase& c, const MmaInputs& in, const Bits& x, Grid grid, int n_bits,
                                 double clip, const DeviceFacts& device) {
  const auto groups = static_cast<std::size_t>(c.rows * c.blocks_per_row);
  auto transformed = transform(c, in, x, device);
  QuantResult expected(c.size(), groups), found(c.size(), groups);
  auto separate = quant_args(c, grid, n_bits, clip, expected);
  separate.x = transformed.data();
  ASSERT_EQ(fake_quant_reference(separate, nullptr), 0);

  Guarded source(x.size());
  std::copy(x.begin(), x.end(), source.data());
  const HadamardQuantArgs args{args_for(c, in, source.data(), nullptr),
                               quant_args(c, grid, n_bits, clip, found), found.packed.data()};
  const auto plan = plan_mma_quant(args, device);
  ASSERT_NE(plan.kernel, MmaKernel::kNone) << c.text();
  emulate<true>(c.dtype, plan);

  EXPECT_EQ(found.codes, expected.codes) << c.text();
  for (std::size_t i = 0; i < found.out.size(); ++i) {
    const float a = value_of(found.out[i], c.dtype), b = value_of(expected.out[i], c.dtype);
    ASSERT_TRUE(found.out[i] == expected.out[i] || (std::isnan(a) && std::isnan(b)))
        << c.text() << " at " << i;
  }
  for (std::size_t g = 0; g < groups; ++g) {
    ASSERT_TRUE(found.scale[g] == expected.scale[g] ||
                (std::isnan(found.scale[g]) && std::isnan(expected.scale[g])))
        << c.text();
    ASSERT_EQ(found.zero[g], expected.zero[g]) << c.text();
  }
  for (std::size_t i = 0; i < c.size(); ++i)
    ASSERT_EQ(found.packed[i / 2] >> 4 * (i % 2) & 15, expected.codes[i]) << c.text() << " at " << i;
  for (std::size_t i = c.size() / 2; i < found.packed.size(); ++i) ASSERT_EQ(found.packed[i], 0xab);
}

constexpr DeviceFacts kFewProcessors{90, 227 * 1024, 0};

TEST(HadamardQuantMma, GivesTheBitsOfTwoLaunchesAtEveryOrder) {
  unsigned seed = 0;
  for (const auto& [base, s] : mma_orders()) {
    const auto grid = std::array{Grid::kSymmetric, Grid::kInteger}[++seed % 2];
    const bool small = base * s <= 256;
    MmaCase c{small ? 5 : 1, small ? 3 : 1, base, s, seed % 3 ? DType::kF16 : DType::kBF16,
              seed % 5 == 0, true};
    c.scale = 1 / std::sqrt(static_cast<double>(base * s));
    const auto in = inputs_for(c, seed);
    const auto x = to_bits(normal_values(c.size(), seed), c.dtype);
    expect_same_as_two_launches(c, in, x, grid, 4, 1.0, kHopper);
    expect_same_as_two_launches(c, in, x, Grid::kSymmetric, 4, 0.9, kFewProcessors);
  }
}

TEST(HadamardQuantMma, GridsBitsAndOddGroups) {
  unsigned seed = 50;
  for (const std::int64_t block : {16, 128, 1024})
    for (const auto dtype : {DType::kF16, DType::kBF16})
      for (const auto grid : {Grid::kSymmetric, Grid::kInteger})
        for (const int n_bits : {2, 3, 4}) {
          MmaCase c{7, 1, 1, block, dtype, false, false, block <= 256};
          c.scale = 0.25;
          const auto in = inputs_for(c, ++seed);
          const auto n = static_cast<std::size_t>(block);
          auto values = normal_values(c.size(), seed);
          std::fill_n(values.begin() + static_cast<std::ptrdiff_t>(n), n, 0.0);  // a row of zeros
          values[2 * n + 3] = NAN;
          values[3 * n + 1] = INFINITY;
          for (std::size_t i = 4 * n; i < 5 * n; ++i) values[i] = i % n ? 0 : 3;  // all outputs equal
          for (std::size_t i = 5 * n; i < 6 * n; ++i) values[i] *= 0x1p-20;
          expect_same_as_two_launches(c, in, to_bits(values, dtype), grid, n_bits, seed % 3 ? 1.0 : 0.8,
                                      kHopper);
        }
}

TEST(HadamardQuantMma, TakesOnlyWhatItCanDo) {
  alignas(16) std::uint16_t x[64] = {};
  alignas(16) std::uint8_t codes[64] = {};
  const HadamardArgs transform{x, nullptr, 1, 64, 64, 1, nullptr, nullptr, nullptr, 1.0, false, DType::kF16};
  FakeQuantArgs quant{};
  quant.rows = 1, quant.width = 64, quant.group = 64, quant.n_bits = 4, quant.clip = 1,
  quant.dtype = DType::kF16;
  const auto taken = [&](const FakeQuantArgs& q, std::uint8_t* packed) {
    return plan_mma_quant({transform, q, packed}, kHopper).kernel != MmaKernel::kNone;
  };
  EXPECT_TRUE(taken(quant, codes));
  const auto changed = [&](auto change) {
    auto q = quant;
    change(q);
    return taken(q, nullptr);
  };
  EXPECT_FALSE(changed([](auto& q) { q.group = 32; }));
  EXPECT_FALSE(changed([](auto& q) { q.rows = 2; }));
  EXPECT_FALSE(changed([](auto& q) { q.dtype = DType::kF32; }));
  EXPECT_FALSE(changed([](auto& q) { q.n_bits = 5; }));
  EXPECT_TRUE(changed([](auto& q) { q.n_bits = 2; }));
  EXPECT_FALSE(changed([](auto& q) { q.grid = Grid::kNoZero; }));
  EXPECT_FALSE(changed([](auto& q) { q.grid = Grid::kReal; }));
  EXPECT_FALSE(changed([&](auto& q) { q.codes = codes + 1; }));
  EXPECT_FALSE(taken(quant, codes + 2));
}

}  // namespace
}  // namespace gyre::kernels::cuda
