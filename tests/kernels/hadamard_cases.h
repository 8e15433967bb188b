// What the tests of the Hadamard transform share: cases, the definition in float64, a launch between guard
// zones.
#pragma once

#include <cmath>
#include <cstring>
#include <numeric>

#include "kernels/fake_quant_cases.h"

namespace gyre::kernels {

enum class RowOrder { kNatural, kWalsh, kShuffled };

struct HadamardCase {
  std::int64_t rows, block, base, blocks_in_row = 1;
  RowOrder order = RowOrder::kNatural;
  bool signs = false, transposed = false;
  DType dtype = DType::kF32;
  bool unit_scale = false;
  std::int64_t width() const { return block * blocks_in_row; }
  std::size_t values() const { return static_cast<std::size_t>(rows * width()); }
  double scale() const { return unit_scale ? 1.0 : 1 / std::sqrt(static_cast<double>(block)); }
  std::string text() const {
    return std::to_string(rows) + " rows of " + std::to_string(blocks_in_row) + " blocks of " +
           std::to_string(base) + " * " + std::to_string(block / base) + ", order " +
           std::to_string(static_cast<int>(order)) + (signs ? ", signs" : "") +
           (transposed ? ", transposed" : "") + ", dtype " + std::to_string(static_cast<int>(dtype));
  }
};

// The tables of a case. A base of any signs serves: the kernels do not ask for orthogonal rows.
struct HadamardTables {
  std::vector<std::int8_t> base, signs;
  std::vector<std::int32_t> order;

  explicit HadamardTables(const HadamardCase& c) {
    std::mt19937 random(static_cast<unsigned>(c.block + c.blocks_in_row));
    const auto draw = [&](std::int64_t n) {
      std::vector<std::int8_t> result(static_cast<std::size_t>(n));
      for (auto& s : result) s = random() % 2 ? 1 : -1;
      return result;
    };
    if (c.base > 1) base = draw(c.base * c.base);
    if (c.signs) signs = draw(c.width());
    if (c.order == RowOrder::kNatural) return;
    order.resize(static_cast<std::size_t>(c.block));
    std::iota(order.begin(), order.end(), 0);
    if (c.order == RowOrder::kShuffled) {
      std::shuffle(order.begin(), order.end(), random);
    } else {
      // By definition: rows of Sylvester's matrix sorted by sign changes.
      const auto changes = [&](std::int32_t row) {
        int count = 0;
        for (std::int64_t j = 1; j < c.block; ++j)
          count += std::popcount(static_cast<unsigned>(row & (j ^ (j - 1)))) % 2;
        return count;
      };
      std::vector<int> keys(order.size());
      for (const auto row : order) keys[static_cast<std::size_t>(row)] = changes(row);
      std::sort(order.begin(), order.end(), [&](std::int32_t a, std::int32_t b) {
        return keys[static_cast<std::size_t>(a)] < keys[static_cast<std::size_t>(b)];
      });
    }
  }
};

inline HadamardArgs args_of(const HadamardCase& c, const HadamardTables& tables, const void* x, void* out) {
  const auto pointer = [](const auto& v) { return v.empty() ? nullptr : v.data(); };
  return {x,
          out,
          c.rows,
          c.width(),
          c.block,
          c.base,
          pointer(tables.base),
          pointer(tables.order),
          pointer(tables.signs),
          c.scale(),
          c.transposed,
          c.dtype};
}

// One block in float64: z = y (base (x) S), by the definition up to order 512 and by halves above.
inline std::vector<double> times_hadamard(const HadamardCase& c, const HadamardTables& tables,
                                          const std::vector<double>& y) {
  const auto n = static_cast<std::size_t>(c.block), base = static_cast<std::size_t>(c.base), m = n / base;
  const auto sign = [&](std::size_t in, std::size_t out) {
    if (base == 1) return 1;
    return static_cast<int>(tables.base[c.transposed ? out * base + in : in * base + out]);
  };
  std::vector<double> z(n, 0.0);
  if (n <= 512) {
    for (std::size_t i = 0; i < n; ++i)
      for (std::size_t j = 0; j < n; ++j)
        z[j] += y[i] * sign(i / m, j / m) * (std::popcount(i % m & j % m) % 2 ? -1 : 1);
    return z;
  }
  auto u = y;
  for (std::size_t h = m / 2; h > 0; h /= 2)
    for (std::size_t i = 0; i < n; ++i)
      if (!(i & h)) {
        const double a = u[i], b = u[i + h];
        u[i] = a + b, u[i + h] = a - b;
      }
  for (std::size_t out = 0; out < base; ++out)
    for (std::size_t in = 0; in < base; ++in)
      for (std::size_t j = 0; j < m; ++j) z[out * m + j] += sign(in, out) * u[in * m + j];
  return z;
}

inline std::vector<double> expected(const HadamardCase& c, const HadamardTables& tables,
                                    const std::uint8_t* x) {
  const auto n = static_cast<std::size_t>(c.block);
  std::vector<double> out(c.values()), y(n);
  for (std::size_t start = 0; start < c.values(); start += n) {
    const auto sign = [&](std::size_t j) {
      return tables.signs.empty()
                 ? 1
                 : static_cast<int>(tables.signs[(start + j) % static_cast<std::size_t>(c.width())]);
    };
    const auto place = [&](std::size_t j) {
      return tables.order.empty() ? j : static_cast<std::size_t>(tables.order[j]);
    };
    for (std::size_t j = 0; j < n; ++j) {
      if (c.transposed)
        y[place(j)] = read(x, start + j, c.dtype);
      else
        y[j] = read(x, start + j, c.dtype) * sign(j);
    }
    const auto z = times_hadamard(c, tables, y);
    for (std::size_t j = 0; j < n; ++j)
      out[start + j] = (c.transposed ? z[j] * sign(j) : z[place(j)]) * c.scale();
  }
  return out;
}

inline std::vector<std::uint8_t> normal_values(const HadamardCase& c, unsigned seed) {
  std::mt19937 random(seed);
  std::normal_distribution<double> normal(0.0, 1.0);
  std::vector<std::uint8_t> x(c.values() * size_of(c.dtype));
  for (std::size_t i = 0; i < c.values(); ++i) write(x.data(), i, c.dtype, normal(random));
  return x;
}

// Runs a variant on a poisoned buffer, `shift` values off its alignment, and checks that nothing around it
// was written.
inline std::vector<std::uint8_t> launch(const HadamardVariant& variant, const HadamardCase& c,
                                        const HadamardTables& tables, const std::vector<std::uint8_t>& x,
                                        bool in_place = false, std::size_t shift = 0) {
  const std::size_t front = kGuard + shift * size_of(c.dtype);
  std::vector<std::uint8_t> buffer(front + x.size() + kGuard, kPoison), given(front + x.size());
  std::copy(x.begin(), x.end(), given.begin() + static_cast<std::ptrdiff_t>(front));
  if (in_place) std::copy(x.begin(), x.end(), buffer.begin() + static_cast<std::ptrdiff_t>(front));
  const auto args = args_of(c, tables, (in_place ? buffer : given).data() + front, buffer.data() + front);
  EXPECT_TRUE(variant.supports(args)) << variant.name << ": " << c.text();
  EXPECT_EQ(variant.launch(args, nullptr), 0) << variant.name << ": " << c.text();
  for (std::size_t i = 0; i < front; ++i) EXPECT_EQ(buffer[i], kPoison) << variant.name << ": " << c.text();
  for (std::size_t i = front + x.size(); i < buffer.size(); ++i)
    EXPECT_EQ(buffer[i], kPoison) << variant.name << ": " << c.text();
  return {buffer.begin() + static_cast<std::ptrdiff_t>(front),
          buffer.begin() + static_cast<std::ptrdiff_t>(front + x.size())};
}

inline bool runs_here(const HadamardVariant& variant, const HadamardCase& c, const HadamardTables& tables) {
  return variant.device == Device::kCpu && variant.supports(args_of(c, tables, nullptr, nullptr));
}

// Relative error of the whole in the 2-norm, and the largest error over scale * sqrt(block), the size of an
// output.
struct HadamardError {
  double relative = 0, largest = 0;
};
inline HadamardError error_of(const HadamardCase& c, const std::vector<std::uint8_t>& out,
                              const std::vector<double>& reference) {
  double difference = 0, norm = 0, largest = 0;
  for (std::size_t i = 0; i < reference.size(); ++i) {
    const double d = read(out.data(), i, c.dtype) - reference[i];
    difference += d * d, norm += reference[i] * reference[i];
    largest = std::max(largest, std::abs(d));
  }
  return {std::sqrt(difference / norm), largest / (c.scale() * std::sqrt(static_cast<double>(c.block)))};
}
inline double error_budget(DType dtype) {
  return dtype == DType::kF64 ? 1e-14 : dtype == DType::kF32 ? 1e-6 : dtype == DType::kF16 ? 3e-4 : 2.5e-3;
}

}  // namespace gyre::kernels
