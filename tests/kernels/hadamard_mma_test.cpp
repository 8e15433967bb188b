// The tensor-core Hadamard kernels without a GPU: their own code, run lane by lane in an emulator.
#include "kernels/hadamard_mma_cases.h"

#include <set>

namespace gyre::kernels::cuda {
namespace {

constexpr DeviceFacts kFewProcessors{90, 227 * 1024,
                                     0};  // any number of blocks is enough for it: one warp a row

std::vector<double> integers(std::size_t n, unsigned seed) {
  std::mt19937 random(seed);
  std::vector<double> x(n);
  for (auto& v : x) v = static_cast<double>(random() % 17) - 8;
  return x;
}

TEST(MmaLayout, FragmentsCoverTheirMatricesOnce) {
  std::set<std::pair<int, int>> a, b, c;
  for (int lane = 0; lane < 32; ++lane)
    for (int reg = 0; reg < 4; ++reg) {
      c.emplace(c_row(lane, reg), c_column(lane, reg));
      for (int e = 0; e < 2; ++e) {
        a.emplace(a_row(lane, reg), a_column(lane, reg, e));
        if (reg < 2) b.emplace(b_row(lane, reg, e), b_column(lane));
      }
    }
  EXPECT_EQ(a.size(), 256u);
  EXPECT_EQ(b.size(), 128u);
  EXPECT_EQ(c.size(), 128u);
}

// The claim of mma_layout.h on bits alone: where a value lies after two MMAs is where it lay at the load.
TEST(MmaLayout, TwoProductsBringEveryIndexBitBack) {
  for (int lane = 0; lane < 32; ++lane)
    for (int i = 0; i < 8; ++i) {
      const int index = lane * 8 + i, bit2 = i >> 2;
      // In the first MMA the value is row k and column n of B; follow an identity matrix in place of A.
      const int k = b_row(lane, i >> 1 & 1, i & 1), n = b_column(lane);
      for (int bit = 0; bit < 4; ++bit) EXPECT_EQ(k >> bit & 1, index >> first_bit(bit) & 1);
      int lane1 = -1, reg1 = -1;
      for (int l = 0; l < 32; ++l)
        for (int r = 0; r < 4; ++r)
          if (c_row(l, r) == k && c_column(l, r) == n) lane1 = l, reg1 = r;
      // Its accumulator becomes half reg1 & 1 of B's word bit2 in the MMA number reg1 >> 1.
      const int k2 = b_row(lane1, bit2, reg1 & 1), n2 = b_column(lane1), bit1 = reg1 >> 1;
      for (int bit = 0; bit < 4; ++bit) EXPECT_EQ(k2 >> bit & 1, index >> second_bit(bit) & 1);
      int lane2 = -1, reg2 = -1;
      for (int l = 0; l < 32; ++l)
        for (int r = 0; r < 4; ++r)
          if (c_row(l, r) == k2 && c_column(l, r) == n2) lane2 = l, reg2 = r;
      EXPECT_EQ(lane2 * 8 + ((reg2 & 1) | bit1 << 1 | (reg2 >> 1) << 2), index);
    }
}

TEST(MmaLayout, FragmentsAreTheSylvesterMatrix) {
  for (int lane = 0; lane < 32; ++lane) {
    Word general[4], full[4];
    hadamard_fragment(general, lane, 15, power_of_two<F16>(-3));
    full_fragment(full, lane, power_of_two<F16>(-3));
    for (int reg = 0; reg < 4; ++reg) {
      EXPECT_EQ(general[reg], full[reg]);
      for (int e = 0; e < 2; ++e) {
        const int common = a_row(lane, reg) & a_column(lane, reg, e);
        const float value = e ? high_of<F16>(full[reg]) : low_of<F16>(full[reg]);
        EXPECT_EQ(value, __builtin_parity(static_cast<unsigned>(common)) ? -0.125f : 0.125f);
      }
    }
  }
}

// Sums of integers are exact in float32, so the result is the exact one, rounded once.
TEST(HadamardMma, IntegersComeOutExactlyAtEveryOrder) {
  unsigned seed = 0;
  std::set<std::tuple<MmaKernel, int, int, int>> kernels;
  for (const auto& [base, s] : mma_orders())
    for (const auto& device : {kHopper, kFewProcessors})
      for (const bool transposed : {false, true}) {
        const bool small = base * s <= 256;
        const auto dtype = ++seed % 4 < 2 ? DType::kBF16 : DType::kF16;
        const MmaCase c{small ? 5 : 1, small ? 3 : 1, base, s, dtype, transposed, false, false, 0x1p-6};
        const auto in = inputs_for(c, seed);
        const auto x = to_bits(integers(c.size(), seed), c.dtype);
        EXPECT_EQ(transform(c, in, x, device), to_bits(by_definition(c, in, x), c.dtype)) << c.text();
        const auto plan = plan_mma(args_for(c, in, nullptr, nullptr), device);
        kernels.emplace(plan.kernel, plan.chunks, plan.log2_piece, plan.args.base);
      }
  EXPECT_EQ(kernels.size(), 1u + 4u + 2u + 5u);  // tiles, rows, split rows, dense factors: none was left out
}

TEST(HadamardMma, SignsOrdersAndManyRowsInPlaceOrNot) {
  unsigned seed = 100;
  for (const auto& [base, s] : std::vector<std::pair<std::int64_t, std::int64_t>>{{1, 16},
                                                                                  {1, 32},
                                                                                  {1, 64},
                                                                                  {1, 128},
                                                                                  {1, 256},
                                                                                  {1, 512},
                                                                                  {1, 2048},
                                                                                  {1, 8192},
                                                                                  {12, 64},
                                                                                  {12, 256},
                                                                                  {28, 64}})
    for (const std::int64_t rows : {1, 3, 17})
      for (const int flags : {0, 1, 2, 3, 4, 5, 6, 7}) {
        if (rows * base * s > 10000) continue;
        const bool order = flags & 4 && base == 1 && s <= 256;
        const auto dtype = ++seed % 2 ? DType::kBF16 : DType::kF16;
        const MmaCase c{rows,  s % 3 == 1 ? 2 : 3, base, s, dtype, (flags & 1) != 0, (flags & 2) != 0, order,
                        0x1p-6};
        const auto in = inputs_for(c, seed);
        const auto x = to_bits(integers(c.size(), seed), c.dtype);
        const auto expected = to_bits(by_definition(c, in, x), c.dtype);
        for (const auto& device : {kHopper, kFewProcessors}) {
          EXPECT_EQ(transform(c, in, x, device, false), expected) << c.text();
          EXPECT_EQ(transform(c, in, x, device, true), expected) << c.text();
        }
      }
}

// Largest difference from float64 beyond the one rounding of the output, relative to the outputs' root mean
// square.
double error_before_rounding(const MmaCase& c, const Bits& found, const std::vector<double>& exact) {
  double worst = 0, square = 0;
  for (const double v : exact) square += v * v;
  const double rms = std::sqrt(square / static_cast<double>(exact.size()));
  for (std::size_t i = 0; i < exact.size(); ++i) {
    const double y = value_of(found[i], c.dtype);
    // The neighbours of y as float64 bounds of what rounds to it.
    const double ulp = c.dtype == DType::kF16 ? 0x1p-10 : 0x1p-7;
    const double least = c.dtype == DType::kF16 ? 0x1p-24 : 0x1p-133;
    const double spacing =
        std::max(std::exp2(std::floor(std::log2(std::max(std::abs(y), 1e-300)))) * ulp, least);
    worst = std::max(worst, (std::abs(y - exact[i]) - spacing / 2) / rms);
  }
  return worst;
}

// The tensor core's sums are emulated at their worst, cut off rather than rounded.
TEST(HadamardMma, ErrorBeforeRoundingIsThatOfFloat32) {
  unsigned seed = 200;
  double worst = 0;
  for (const auto sums : {emulator::Sums::kExact, emulator::Sums::kTruncated})
    for (const auto dtype : {DType::kF16, DType::kBF16})
      for (const auto& [base, s] : mma_orders()) {
        emulator::sums = sums;
        const double n = static_cast<double>(base * s);
        MmaCase c{1, 1, base, s, dtype};
        c.scale = 1 / std::sqrt(n);
        const auto in = inputs_for(c, ++seed);
        const auto x = to_bits(normal_values(c.size(), seed), dtype);
        const double error =
            error_before_rounding(c, transform(c, in, x, kFewProcessors), by_definition(c, in, x));
        EXPECT_LT(error, 1e-6) << c.text();
        worst = std::max(worst, error);
      }
  emulator::sums = emulator::Sums::kExact;
  RecordProperty("worst", std::to_string(worst * 1e9) + "e-9");
}

// The same before the output is rounded at all.
TEST(HadamardMma, ValuesBeforeRoundingHaveTheErrorOfFloat32) {
  for (const auto sums : {emulator::Sums::kExact, emulator::Sums::kTruncated}) {
    emulator::sums = sums;
    double square = 0, norm = 0;
    const MmaCase c{1, 1, 1, 4096, DType::kF16};
    for (unsigned seed = 0; seed < 4; ++seed) {
      const auto x = to_bits(normal_values(4096, seed), DType::kF16);
      Guarded source(4096);
      std::copy(x.begin(), x.end(), source.data());
      std::vector<double> y(4096);
      emulator::machine.launch(1, 32, 0, [&](unsigned char*) {
        float v[16][kLaneValues];
        const float factor =
            transform_chunks<F16>(reinterpret_cast<const Quad*>(source.data()), nullptr, thread_index(), v);
        for (std::size_t i = 0; i < 128; ++i)
          y[i / 8 * 256 + static_cast<std::size_t>(thread_index()) * 8 + i % 8] = v[i / 8][i % 8] * factor;
      });
      const auto exact = by_definition(c, {}, x);
      for (std::size_t i = 0; i < 4096; ++i) {
        square += (y[i] - exact[i]) * (y[i] - exact[i]);
        norm += exact[i] * exact[i];
      }
    }
    const double error = std::sqrt(square / norm);
    EXPECT_LT(error, sums == emulator::Sums::kExact ? 1e-7 : 1e-6);
    EXPECT_GT(error, 1e-9);
    std::printf("error before rounding, n = 4096: %.2g\n", error);
  }
  emulator::sums = emulator::Sums::kExact;
}

// From subnormals to the largest finite values, and with neighbours of another size: accuracy is relative to
// the block.
TEST(HadamardMma, AnyMagnitudeIsTransformedWithTheSameAccuracy) {
  unsigned seed = 300;
  for (const auto dtype : {DType::kF16, DType::kBF16})
    for (const auto& [base, s] : std::vector<std::pair<std::int64_t, std::int64_t>>{
             {1, 16}, {1, 64}, {1, 128}, {1, 256}, {1, 512}, {1, 4096}, {1, 8192}, {12, 64}, {28, 64}}) {
      const double n = static_cast<double>(base * s);
      const MmaCase c{6, 1, base, s, dtype, false, false, false, 1 / std::sqrt(n)};
      const auto in = inputs_for(c, ++seed);
      auto values = normal_values(c.size(), seed);
      const double limits[2][6] = {{0x1p-20, 1, 0x1p12, 0x1p-12, 0x1p-24, 0x1p13},
                                   {0x1p-120, 1, 0x1p124, 0x1p-100, 0x1p-132, 0x1p60}};
      for (std::size_t i = 0; i < values.size(); ++i)
        values[i] *= limits[dtype == DType::kBF16][i / static_cast<std::size_t>(n)];
      const auto x = to_bits(values, dtype);
      const auto exact = by_definition(c, in, x);
      for (const auto& device : {kHopper, kFewProcessors}) {
        const auto found = transform(c, in, x, device);
        for (std::size_t row = 0; row < 6; ++row) {
          const auto length = static_cast<std::size_t>(n);
          const std::vector<double> part(exact.begin() + static_cast<std::ptrdiff_t>(row * length),
                                         exact.begin() + static_cast<std::ptrdiff_t>((row + 1) * length));
          const Bits result(found.begin() + static_cast<std::ptrdiff_t>(row * length),
                            found.begin() + static_cast<std::ptrdiff_t>((row + 1) * length));
          EXPECT_LT(error_before_rounding(c, result, part), row == 4 ? 2e-3 : 2e-6)
              << c.text() << " row " << row;
        }
      }
    }
}

// As IEEE says, and not beyond the block: a plain sum in float64 gives the class of each output.
TEST(HadamardMma, InfinityAndNanStayInTheirBlock) {
  unsigned seed = 400;
  for (const auto dtype : {DType::kF16, DType::kBF16})
    for (const auto& [base, s] : std::vector<std::pair<std::int64_t, std::int64_t>>{{1, 16},
                                                                                    {1, 32},
                                                                                    {1, 64},
                                                                                    {1, 128},
                                                                                    {1, 256},
                                                                                    {1, 512},
                                                                                    {1, 4096},
                                                                                    {1, 16384},
                                                                                    {12, 64},
                                                                                    {28, 64}}) {
      const MmaCase c{3, 2, base, s, dtype, false, true, false, 0x1p-6};
      const auto in = inputs_for(c, ++seed);
      const auto n = static_cast<std::size_t>(base * s);
      auto values = integers(c.size(), seed);
      values[1] = INFINITY;
      values[n + 3] = NAN;
      values[3 * n + 5] = -INFINITY;
      values[3 * n + 7] = INFINITY;
      const auto x = to_bits(values, dtype);
      const auto exact = by_definition(c, in, x);
      for (const auto& device : {kHopper, kFewProcessors}) {
        const auto found = transform(c, in, x, device);
        for (std::size_t i = 0; i < exact.size(); ++i) {
          const float y = value_of(found[i], dtype);
          if (std::isnan(exact[i]))
            ASSERT_TRUE(std::isnan(y)) << c.text() << " at " << i;
          else
            ASSERT_EQ(found[i], bits_of(exact[i], dtype)) << c.text() << " at " << i;
        }
      }
    }
}

TEST(HadamardMma, TakesOnlyWhatItCanDo) {
  alignas(16) std::uint16_t memory[16] = {};
  const std::int8_t signs[16] = {};
  const HadamardArgs good{memory,  memory,  1,       4096, 4096,  1,
                          nullptr, nullptr, nullptr, 1.0,  false, DType::kF16};
  const auto kernel = [](const HadamardArgs& args, const DeviceFacts& device = kHopper) {
    return plan_mma(args, device).kernel;
  };
  EXPECT_NE(kernel(good), MmaKernel::kNone);
  const auto changed = [&](auto change) {
    auto args = good;
    change(args);
    return kernel(args);
  };
  EXPECT_EQ(kernel(good, {75, 64 * 1024, 40}), MmaKernel::kNone);
  EXPECT_EQ(kernel(good, {0, 0, 0}), MmaKernel::kNone);
  EXPECT_EQ(changed([](auto& a) { a.dtype = DType::kF32; }), MmaKernel::kNone);
  EXPECT_EQ(changed([](auto& a) { a.block = a.width = 8; }), MmaKernel::kNone);
  EXPECT_EQ(changed([](auto& a) { a.width = 4097; }), MmaKernel::kNone);
  EXPECT_EQ(changed([](auto& a) { a.rows = -1; }), MmaKernel::kNone);
  EXPECT_EQ(changed([](auto& a) { a.block = a.width = 65536; }), MmaKernel::kNone);
  EXPECT_EQ(changed([](auto& a) { a.block = 1024 * 3; }), MmaKernel::kNone);
  EXPECT_EQ(changed([&](auto& a) { a.x = memory + 1; }), MmaKernel::kNone);
  EXPECT_EQ(changed([&](auto& a) { a.out = memory + 4; }), MmaKernel::kNone);
  EXPECT_EQ(changed([&](auto& a) { a.signs = signs + 1; }), MmaKernel::kNone);
  const std::int32_t order[1] = {};
  EXPECT_EQ(changed([&](auto& a) { a.order = order; }), MmaKernel::kNone);
  EXPECT_EQ(changed([&](auto& a) { a.base = 12, a.block = a.width = 12 * 64; }), MmaKernel::kNone)
      << "no matrix";
  // An Ada GPU has 99 KiB of shared memory for a block: 32768 values do not fit, 16384 do.
  const DeviceFacts ada{89, 99 * 1024, 128};
  auto args = good;
  args.block = args.width = 32768;
  EXPECT_EQ(kernel(args, ada), MmaKernel::kNone);
  args.block = args.width = 16384;
  EXPECT_NE(kernel(args, ada), MmaKernel::kNone);
}

}  // namespace
}  // namespace gyre::kernels::cuda
