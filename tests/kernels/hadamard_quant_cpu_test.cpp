// The fused variants against the two launches one after the other, bit for bit: values, codes, packed codes,
// scales and zero points, between guard zones.
#include "kernels/hadamard_cases.h"

namespace gyre::kernels {
namespace {

struct Fused {
  std::vector<std::uint8_t> out, codes, scale, zero, packed;
  friend bool operator==(const Fused&, const Fused&) = default;
};

struct Settings {
  std::int64_t group;
  int n_bits;
  Grid grid;
  bool wants_out = true, wants_codes = true;
};

FakeQuantArgs quant_args(const HadamardCase& c, const Settings& settings) {
  FakeQuantArgs args{};
  args.rows = c.rows, args.width = c.width(), args.group = settings.group;
  args.n_bits = settings.n_bits, args.grid = settings.grid, args.clip = 0.9, args.dtype = c.dtype;
  return args;
}

std::vector<std::uint8_t> guarded(std::size_t bytes) {
  return std::vector<std::uint8_t>(bytes + 2 * kGuard, kPoison);
}
std::vector<std::uint8_t> unwrapped(const std::vector<std::uint8_t>& buffer) {
  for (std::size_t i = 0; i < kGuard; ++i)
    EXPECT_TRUE(buffer[i] == kPoison && buffer[buffer.size() - 1 - i] == kPoison);
  return {buffer.begin() + kGuard, buffer.end() - kGuard};
}

Fused run(const HadamardQuantVariant& variant, const HadamardCase& c, const Settings& settings,
          const HadamardTables& tables, const std::vector<std::uint8_t>& x, bool in_place) {
  const std::size_t scales = c.values() / static_cast<std::size_t>(settings.group) * scale_size(c.dtype);
  auto out = guarded(x.size()), codes = guarded(c.values()), scale = guarded(scales), zero = guarded(scales),
       packed = guarded(c.values() / 2);
  if (in_place) std::copy(x.begin(), x.end(), out.begin() + kGuard);
  HadamardQuantArgs args{args_of(c, tables, in_place ? out.data() + kGuard : x.data(), nullptr),
                         quant_args(c, settings), settings.n_bits <= 4 ? packed.data() + kGuard : nullptr};
  args.quant.out = settings.wants_out ? out.data() + kGuard : nullptr;
  args.quant.codes = settings.wants_codes ? codes.data() + kGuard : nullptr;
  args.quant.scale = scale.data() + kGuard;
  args.quant.zero = zero.data() + kGuard;
  EXPECT_TRUE(variant.supports(args)) << variant.name << ": " << c.text();
  EXPECT_EQ(variant.launch(args, nullptr), 0);
  return {unwrapped(out), unwrapped(codes), unwrapped(scale), unwrapped(zero), unwrapped(packed)};
}

Fused one_after_the_other(const HadamardCase& c, const Settings& settings, const HadamardTables& tables,
                          const std::vector<std::uint8_t>& x) {
  const std::size_t scales = c.values() / static_cast<std::size_t>(settings.group) * scale_size(c.dtype);
  Fused result{std::vector<std::uint8_t>(x.size(), kPoison), std::vector<std::uint8_t>(c.values(), kPoison),
               std::vector<std::uint8_t>(scales), std::vector<std::uint8_t>(scales),
               std::vector<std::uint8_t>(c.values() / 2, kPoison)};
  std::vector<std::uint8_t> rotated(x.size()), values(x.size()), codes(c.values());
  const auto transform = args_of(c, tables, x.data(), rotated.data());
  EXPECT_EQ(choose(transform, Device::kCpu)->launch(transform, nullptr), 0);
  auto quant = quant_args(c, settings);
  quant.x = rotated.data();
  quant.out = values.data();
  quant.codes = codes.data();
  quant.scale = result.scale.data();
  quant.zero = result.zero.data();
  EXPECT_EQ(choose(quant, Device::kCpu)->launch(quant, nullptr), 0);
  if (settings.wants_out) result.out = values;
  if (settings.wants_codes) result.codes = codes;
  if (settings.n_bits <= 4)
    for (std::size_t i = 0; i < c.values() / 2; ++i)
      result.packed[i] = static_cast<std::uint8_t>(codes[2 * i] + 16 * codes[2 * i + 1]);
  return result;
}

TEST(HadamardQuantKernel, GivesTheBitsOfTheTwoLaunches) {
  const std::pair<HadamardCase, std::int64_t> shapes[] = {
      {{257, 64, 1}, 64},     {{3, 64, 1, 9, RowOrder::kWalsh, true}, 576},
      {{17, 1536, 12}, 1536}, {{3, 4096, 1}, 128},
      {{1, 16384, 1}, 16384}, {{5, 172 * 4, 172, 1, RowOrder::kShuffled}, 172},
      {{3, 6, 3, 4}, 12},     {{2, 32, 1, 2, RowOrder::kNatural, true, true}, 16}};
  for (auto [c, group] : shapes)
    for (const auto dtype : kDTypes)
      for (const auto grid : kGrids)
        for (const int n_bits : {4, 8}) {
          c.dtype = dtype;
          const HadamardTables tables(c);
          const auto x = normal_values(c, 3);
          for (const bool wants_out : {true, false}) {
            const Settings settings{group, n_bits, grid, wants_out, !wants_out || n_bits == 8};
            const auto expected = one_after_the_other(c, settings, tables, x);
            int ran = 0;
            for (const auto& variant : hadamard_quant_variants()) {
              HadamardQuantArgs args{args_of(c, tables, nullptr, nullptr), quant_args(c, settings), nullptr};
              if (variant.device != Device::kCpu || !variant.supports(args)) continue;
              ++ran;
              ASSERT_TRUE(run(variant, c, settings, tables, x, false) == expected)
                  << variant.name << ": " << c.text();
              if (wants_out) {
                ASSERT_TRUE(run(variant, c, settings, tables, x, true) == expected)
                    << variant.name << " in place: " << c.text();
              }
            }
            ASSERT_GE(ran, 1);
          }
        }
}

TEST(HadamardQuantKernel, ZerosAndWhatIsNotFiniteStayInTheirRow) {
  for (const auto dtype : kDTypes) {
    const HadamardCase c{4, 64, 1, 1, RowOrder::kNatural, false, false, dtype};
    const HadamardTables tables(c);
    auto x = normal_values(c, 4);
    for (std::size_t j = 0; j < 64; ++j) write(x.data(), j, dtype, 0);
    write(x.data(), 64 + 5, dtype, NAN);
    write(x.data(), 128 + 7, dtype, -INFINITY);
    const Settings settings{64, 4, Grid::kSymmetric};
    for (const auto& variant : hadamard_quant_variants()) {
      const auto result = run(variant, c, settings, tables, x, false);
      for (std::size_t j = 0; j < 64; ++j) {
        EXPECT_EQ(read(result.out.data(), j, dtype), 0);
        EXPECT_TRUE(std::isnan(read(result.out.data(), 64 + j, dtype)));
        EXPECT_TRUE(std::isnan(read(result.out.data(), 128 + j, dtype)));
        EXPECT_TRUE(std::isfinite(read(result.out.data(), 192 + j, dtype)));
        EXPECT_EQ(result.codes[64 + j], 0);
      }
    }
  }
}

TEST(HadamardQuantKernel, RefusesWhatDoesNotFit) {
  const HadamardCase c{2, 64, 1};
  const HadamardTables tables(c);
  std::vector<float> x(c.values());
  std::uint8_t packed[64];
  const HadamardQuantArgs good{args_of(c, tables, x.data(), nullptr),
                               quant_args(c, {64, 4, Grid::kSymmetric}), packed};
  ASSERT_NE(choose(good, Device::kCpu), nullptr);
  const auto refused = [&](const auto& change) {
    auto args = good;
    change(args);
    return choose(args, Device::kCpu) == nullptr;
  };
  EXPECT_TRUE(refused([](auto& a) { a.quant.rows = 3; }));
  EXPECT_TRUE(refused([](auto& a) { a.quant.dtype = DType::kF16; }));
  EXPECT_TRUE(refused([](auto& a) { a.quant.group = 48; }));
  EXPECT_TRUE(refused([](auto& a) { a.quant.n_bits = 5; }));  // does not fit packed codes
  EXPECT_TRUE(refused([](auto& a) { a.quant.n_bits = 9, a.packed = nullptr; }));
  EXPECT_TRUE(refused([](auto& a) { a.transform.block = 48; }));
}

}  // namespace
}  // namespace gyre::kernels
