// Sign changes and the order that they give.
#include <gmock/gmock.h>
#include <gtest/gtest.h>

#include <bit>
#include <set>

#include "linalg/hadamard_cases.h"

namespace gyre::linalg {
namespace {

std::int64_t gray(std::int64_t s) {
  return s ^ (s >> 1);
}

std::int64_t bitreverse(std::int64_t value, int bits) {
  std::int64_t reversed = 0;
  for (int b = 0; b < bits; ++b)
    if (value >> b & 1) reversed |= std::int64_t{1} << (bits - 1 - b);
  return reversed;
}

TEST(SignChanges, OfSylvestersRowsOfEight) {
  EXPECT_THAT(sign_changes(8), testing::ElementsAre(0, 7, 3, 4, 1, 6, 2, 5));
}

TEST(SequencyOrder, OfAPowerOfTwoIsBitReversedGrayCode) {
  for (int m = 0; m <= 15; ++m) {
    const auto order = sequency_order(std::int64_t{1} << m);
    for (std::int64_t s = 0; s < std::ssize(order); ++s)
      ASSERT_EQ(order[static_cast<std::size_t>(s)], bitreverse(gray(s), m))
          << "order 2^" << m << ", row " << s;
  }
}

TEST(SequencyOrder, OfAPowerOfTwoGivesRowSExactlySChanges) {
  for (int m = 0; m <= 11; ++m) {
    const auto n = std::int64_t{1} << m;
    const auto h = hadamard(n);
    const auto order = sequency_order(n);
    SignMatrix w(n, n);
    for (std::int64_t s = 0; s < n; ++s) {
      w.row(s) = h.row(order[static_cast<std::size_t>(s)]);
      ASSERT_EQ(count_changes(w.row(s)), s);
    }
    EXPECT_EQ(w, SignMatrix(w.transpose()));
  }
}

// A row of the definition, base (x) Sylvester, whatever the order.
Eigen::VectorX<std::int8_t> natural_row(std::int64_t order, const SignMatrix& base, std::int64_t i) {
  const auto inner = order / base.rows();
  Eigen::VectorX<std::int8_t> row(order);
  for (std::int64_t j = 0; j < order; ++j) {
    const auto common = static_cast<std::uint64_t>((i % inner) & (j % inner));
    row[j] = static_cast<std::int8_t>(base(i / inner, j / inner) * (std::popcount(common) % 2 ? -1 : 1));
  }
  return row;
}

// Every row up to 1536, some two hundred of larger orders.
TEST(SignChanges, AreThoseOfTheRows) {
  for (const auto& [order, base_order] : all_orders()) {
    const auto changes = sign_changes(order);
    ASSERT_EQ(std::ssize(changes), order);
    const auto base = hadamard_base(base_order);
    const std::int64_t step = order <= 1536 ? 1 : order / 211;
    for (std::int64_t i = 0; i < order; i += step)
      ASSERT_EQ(changes[static_cast<std::size_t>(i)], count_changes(natural_row(order, base, i)))
          << order << ": row " << i;
  }
}

TEST(SequencyOrder, IsAStableSort) {
  for (const auto& [order, base] : all_orders()) {
    const auto changes = sign_changes(order);
    const auto rows = sequency_order(order);
    const std::set<std::int64_t> distinct(rows.begin(), rows.end());
    ASSERT_EQ(std::ssize(distinct), order);
    EXPECT_EQ(*distinct.begin(), 0);
    EXPECT_EQ(*distinct.rbegin(), order - 1);
    for (std::size_t s = 1; s < rows.size(); ++s) {
      const auto before = std::pair(changes[static_cast<std::size_t>(rows[s - 1])], rows[s - 1]);
      const auto here = std::pair(changes[static_cast<std::size_t>(rows[s])], rows[s]);
      ASSERT_LT(before, here) << order << ": row " << s;  // by changes, ties in natural order
    }
  }
}

// 576 = 36 * 16; an independent implementation counted 128 distinct values.
TEST(SignChanges, HaveTiesWhereTheOrderIsNoPowerOfTwo) {
  const auto changes = sign_changes(576);
  EXPECT_EQ(std::set<std::int64_t>(changes.begin(), changes.end()).size(), 128u);
}

}  // namespace
}  // namespace gyre::linalg
