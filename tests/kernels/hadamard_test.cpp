// Every variant of the Hadamard transform against its definition in float64, and the fast ones bit for bit
// against each other.
#include "kernels/hadamard_cases.h"

namespace gyre::kernels {
namespace {

// The variants that share one order of sums; the reference sums in float64.
bool shares_bits(const HadamardVariant& variant) {
  return variant.name != "reference";
}

void expect_correct(const HadamardCase& c, unsigned seed) {
  const HadamardTables tables(c);
  const auto x = normal_values(c, seed);
  const auto reference = expected(c, tables, x.data());
  std::vector<std::uint8_t> first;
  int ran = 0;
  for (const auto& variant : hadamard_variants()) {
    if (!runs_here(variant, c, tables)) continue;
    ++ran;
    const auto out = launch(variant, c, tables, x);
    const auto error = error_of(c, out, reference);
    ASSERT_LE(error.relative, error_budget(c.dtype)) << variant.name << ": " << c.text();
    ASSERT_LE(error.largest, 16 * error_budget(c.dtype)) << variant.name << ": " << c.text();
    ASSERT_TRUE(launch(variant, c, tables, x) == out)
        << variant.name << " differs the second time: " << c.text();
    ASSERT_TRUE(launch(variant, c, tables, x, true) == out)
        << variant.name << " differs in place: " << c.text();
    ASSERT_TRUE(launch(variant, c, tables, x, false, 1) == out)
        << variant.name << " differs unaligned: " << c.text();
    if (!shares_bits(variant)) continue;
    if (first.empty()) first = out;
    ASSERT_TRUE(out == first) << variant.name << " differs from the first variant: " << c.text();
  }
  ASSERT_GE(ran, 2) << c.text();
}

void expect_correct_everywhere(HadamardCase c) {
  for (const auto dtype : kDTypes)
    for (const bool transposed : {false, true}) {
      c.dtype = dtype;
      c.transposed = transposed;
      expect_correct(c, static_cast<unsigned>(c.block + c.rows));
    }
}

TEST(HadamardKernel, PowersOfTwoInEveryOrder) {
  for (std::int64_t n = 1; n <= 1024; n *= 2)
    for (const auto order : {RowOrder::kNatural, RowOrder::kWalsh, RowOrder::kShuffled})
      for (const bool signs : {false, true})
        expect_correct_everywhere({n <= 64 ? 17 : 3, n, 1, 1, order, signs});
}

TEST(HadamardKernel, LongRows) {
  for (const auto& [n, rows] :
       {std::pair<std::int64_t, std::int64_t>{2048, 17}, {4096, 3}, {8192, 1}, {16384, 3}, {32768, 1}})
    for (const auto order : {RowOrder::kNatural, RowOrder::kShuffled})
      expect_correct_everywhere({rows, n, 1, 1, order, n == 8192});
  for (const std::int64_t n : {2048, 4096, 8192})
    expect_correct_everywhere({1, n, 1, 1, RowOrder::kWalsh, false});
}

TEST(HadamardKernel, EveryBase) {
  for (const std::int64_t base :
       {12, 20, 28, 36, 40, 44, 52, 60, 68, 76, 84, 92, 100, 108, 116, 124, 132, 140, 148, 156, 164, 172})
    for (const std::int64_t power : {1, 4, 8, 16, 64})
      if (base * power <= 12000) {
        const bool odd = base % 8 != 0;
        expect_correct_everywhere(
            {power == 1 ? 3 : 1, base * power, base, 1, odd ? RowOrder::kNatural : RowOrder::kShuffled, odd});
      }
  expect_correct_everywhere({1, 924 * 16, 924, 1, RowOrder::kNatural, false});
  expect_correct_everywhere({3, 12 * 128, 12, 1, RowOrder::kShuffled, true});
}

// Not a multiple of four, which only the plain variants take.
TEST(HadamardKernel, OddBases) {
  for (const std::int64_t base : {2, 3, 6})
    expect_correct_everywhere({3, base * 32, base, 2, RowOrder::kNatural, true});
}

TEST(HadamardKernel, BlocksInARow) {
  for (std::int64_t n = 16; n <= 1024; n *= 2)
    for (const auto order : {RowOrder::kNatural, RowOrder::kWalsh})
      expect_correct_everywhere({n <= 128 ? 17 : 3, n, 1, n <= 128 ? 9 : 3, order, n % 64 == 0});
  expect_correct_everywhere({5, 576, 36, 3, RowOrder::kShuffled, true});
}

TEST(HadamardKernel, MoreRowsThanSixteenBitsCount) {
  for (const std::int64_t n : {16, 64, 256})
    for (const auto dtype : {DType::kF32, DType::kBF16}) {
      const HadamardCase c{65536 + 7, n,     1,    1, n == 64 ? RowOrder::kWalsh : RowOrder::kNatural,
                           false,     false, dtype};
      const HadamardTables tables(c);
      const auto x = normal_values(c, 5);
      std::vector<std::uint8_t> first;
      for (const auto& variant : hadamard_variants()) {
        if (!runs_here(variant, c, tables)) continue;
        const auto out = launch(variant, c, tables, x);
        if (shares_bits(variant)) {
          if (first.empty()) first = out;
          EXPECT_TRUE(out == first) << variant.name << ": " << c.text();
        } else {
          // The last row by the definition.
          HadamardCase last = c;
          last.rows = 1;
          const std::size_t bytes = static_cast<std::size_t>(n) * size_of(dtype), start = x.size() - bytes;
          const auto reference = expected(last, tables, x.data() + start);
          const std::vector<std::uint8_t> tail(first.begin() + static_cast<std::ptrdiff_t>(start),
                                               first.end());
          EXPECT_LE(error_of(last, tail, reference).relative, error_budget(dtype)) << c.text();
        }
      }
    }
}

// 36 MB, which go past the caches.
TEST(HadamardKernel, LargeOutputsHaveTheSameBits) {
  for (const auto& base :
       {HadamardCase{2304, 4096, 1}, HadamardCase{147456, 64, 1}, HadamardCase{768, 12288, 12},
        HadamardCase{9216, 1024, 1, 1, RowOrder::kWalsh, true, true}}) {
    const HadamardTables tables(base);
    std::vector<float> x(base.values());
    std::uint32_t state = 1;
    for (auto& v : x)
      v = static_cast<float>(static_cast<std::int32_t>(state = state * 1664525u + 1013904223u)) * 0x1p-31f;
    // Aligned to 64 bytes, as streaming asks.
    const auto run = [&](const HadamardVariant& variant, const void* from, void* to) {
      EXPECT_EQ(variant.launch(args_of(base, tables, from, to), nullptr), 0);
    };
    std::vector<float> room(base.values() + 32), other(base.values());
    auto* out = reinterpret_cast<float*>((reinterpret_cast<std::uintptr_t>(room.data()) + 63) / 64 * 64);
    const HadamardVariant* plain = nullptr;
    for (const auto& variant : hadamard_variants())
      if (variant.name == "scalar") plain = &variant;
    ASSERT_NE(plain, nullptr);
    run(*plain, x.data(), other.data());
    for (const auto& variant : hadamard_variants()) {
      if (!runs_here(variant, base, tables) || !shares_bits(variant) || &variant == plain) continue;
      std::fill(room.begin(), room.end(), 7.0f);
      run(variant, x.data(), out);
      EXPECT_EQ(std::memcmp(out, other.data(), other.size() * sizeof(float)), 0)
          << variant.name << ": " << base.text();
      EXPECT_EQ(out[base.values()], 7.0f);
    }
  }
}

TEST(HadamardKernel, SmallIntegersAreExact) {
  for (std::int64_t n = 16; n <= 4096; n *= 4)
    for (const auto dtype : {DType::kF32, DType::kF64}) {
      HadamardCase c{2, n, 1, 1, RowOrder::kNatural, false, false, dtype, true};
      const HadamardTables tables(c);
      std::mt19937 random(3);
      std::vector<std::uint8_t> x(c.values() * size_of(dtype));
      for (std::size_t i = 0; i < c.values(); ++i)
        write(x.data(), i, dtype, static_cast<int>(random() % 17) - 8);
      const auto reference = expected(c, tables, x.data());
      for (const auto& variant : hadamard_variants()) {
        if (!runs_here(variant, c, tables)) continue;
        const auto out = launch(variant, c, tables, x);
        for (std::size_t i = 0; i < c.values(); ++i)
          ASSERT_EQ(read(out.data(), i, dtype), reference[i]) << variant.name;
      }
    }
}

// An impulse gives a row of the matrix, and row s of the Walsh order has s sign changes.
TEST(HadamardKernel, WalshRowsHaveTheirNumberOfSignChanges) {
  for (const std::int64_t n : {16, 64, 256, 2048}) {
    HadamardCase c{n, n, 1, 1, RowOrder::kWalsh, false, true, DType::kF32, true};
    const HadamardTables tables(c);
    std::vector<std::uint8_t> x(c.values() * 4);
    for (std::int64_t i = 0; i < n; ++i) write(x.data(), static_cast<std::size_t>(i * n + i), c.dtype, 1);
    for (const auto& variant : hadamard_variants()) {
      if (!runs_here(variant, c, tables) || (n > 256 && !shares_bits(variant))) continue;
      const auto out = launch(variant, c, tables, x);
      for (std::size_t s = 0; s < static_cast<std::size_t>(n); ++s) {
        std::size_t changes = 0;
        for (std::size_t j = 1; j < static_cast<std::size_t>(n); ++j) {
          const std::size_t at = s * static_cast<std::size_t>(n) + j;
          changes += read(out.data(), at, c.dtype) != read(out.data(), at - 1, c.dtype);
        }
        ASSERT_EQ(changes, s) << variant.name << ", order " << n;
      }
    }
  }
}

TEST(HadamardKernel, WhatIsNotFiniteStaysInItsBlock) {
  for (const auto& shape : {HadamardCase{3, 64, 1, 2}, HadamardCase{3, 1024, 1}, HadamardCase{3, 12 * 32, 12},
                            HadamardCase{3, 256, 1, 1, RowOrder::kWalsh}, HadamardCase{3, 2, 1, 4}})
    for (const auto dtype : kDTypes)
      for (const double bad :
           {static_cast<double>(INFINITY), static_cast<double>(-INFINITY), static_cast<double>(NAN)}) {
        HadamardCase c = shape;
        c.dtype = dtype;
        const HadamardTables tables(c);
        auto x = normal_values(c, 9);
        const auto clean = x;
        const std::size_t n = static_cast<std::size_t>(c.block),
                          at = static_cast<std::size_t>(c.width()) + n - 1;
        write(x.data(), at, dtype, bad);
        for (const auto& variant : hadamard_variants()) {
          if (!runs_here(variant, c, tables)) continue;
          const auto with = launch(variant, c, tables, x), without = launch(variant, c, tables, clean);
          for (std::size_t i = 0; i < c.values(); ++i) {
            const double value = read(with.data(), i, dtype);
            if (i / n != at / n)
              ASSERT_EQ(value, read(without.data(), i, dtype)) << variant.name << ": " << c.text();
            else if (std::isnan(bad))
              ASSERT_TRUE(std::isnan(value)) << variant.name << ": " << c.text();
            else  // one infinity among finite values: every sum is infinite, none is not a number
              ASSERT_TRUE(std::isinf(value)) << variant.name << ": " << c.text() << " " << value;
          }
        }
      }
}

TEST(HadamardKernel, RefusesWhatIsNotWellFormed) {
  const HadamardCase c{2, 64, 1};
  const HadamardTables tables(c);
  std::vector<float> x(c.values());
  const auto good = args_of(c, tables, x.data(), x.data());
  const std::int8_t matrix[4] = {1, 1, 1, -1};
  const auto refused = [&](const auto& change) {
    auto args = good;
    change(args);
    return choose(args, Device::kCpu) == nullptr;
  };
  ASSERT_NE(choose(good, Device::kCpu), nullptr);
  EXPECT_TRUE(refused([](HadamardArgs& a) { a.width = 96; }));
  EXPECT_TRUE(refused([](HadamardArgs& a) { a.block = a.width = 48; }));
  EXPECT_TRUE(refused([](HadamardArgs& a) { a.base = 2; }));  // no matrix
  EXPECT_TRUE(refused([&](HadamardArgs& a) { a.base_matrix = matrix; }));
  EXPECT_TRUE(refused([&](HadamardArgs& a) { a.base = 3, a.base_matrix = matrix; }));
  EXPECT_TRUE(refused([](HadamardArgs& a) { a.block = 0; }));
  EXPECT_TRUE(refused([](HadamardArgs& a) { a.rows = -1; }));
  EXPECT_EQ(choose(good, Device::kCuda), nullptr);
}

TEST(HadamardKernel, NoRowsAreNoWork) {
  HadamardCase c{0, 64, 1};
  const HadamardTables tables(c);
  for (const auto& variant : hadamard_variants())
    if (runs_here(variant, c, tables)) {
      EXPECT_EQ(variant.launch(args_of(c, tables, nullptr, nullptr), nullptr), 0);
    }
}

}  // namespace
}  // namespace gyre::kernels
