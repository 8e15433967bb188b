// Orders, factors and exact orthogonality of the Hadamard matrices.
#include "linalg/hadamard.h"

#include <gmock/gmock.h>
#include <gtest/gtest.h>

#include <bit>

#include "core/error.h"
#include "linalg/hadamard_cases.h"

namespace gyre::linalg {
namespace {

TEST(HadamardFactors, AreAsDocumented) {
  for (const auto& [order, base] : all_orders()) {
    ASSERT_TRUE(has_hadamard(order)) << order;
    const auto factors = hadamard_factors(order);
    EXPECT_EQ(factors.order, order);
    EXPECT_EQ(factors.base, base) << order;
    EXPECT_EQ(factors.base << factors.log2, order);
  }
}

// Exact in integers: the whole matrix up to 1536, beyond that its base. Its other factor is Sylvester's, and
// a Kronecker product of Hadamard matrices is one.
TEST(Hadamard, IsOrthogonalAtEveryModelsOrder) {
  for (const auto& [order, base] : all_orders()) {
    EXPECT_TRUE(is_hadamard(hadamard_base(base))) << base;
    if (order <= 1536) {
      EXPECT_TRUE(is_hadamard(hadamard(order))) << order;
    }
  }
}

TEST(Hadamard, IsBaseTimesSylvester) {
  for (const auto& [order, base] : all_orders()) {
    if (order > 1536) continue;
    const auto h = hadamard(order), b = hadamard_base(base);
    const auto inner = order / base;
    for (std::int64_t i = 0; i < order; ++i)
      for (std::int64_t j = 0; j < order; ++j) {
        const auto common = static_cast<std::uint64_t>((i % inner) & (j % inner));
        ASSERT_EQ(h(i, j), b(i / inner, j / inner) * (std::popcount(common) % 2 ? -1 : 1))
            << order << ": " << i << ", " << j;
      }
  }
}

TEST(Hadamard, EveryKnownOrderUpTo400IsOne) {
  int known = 0;
  for (std::int64_t order = 1; order <= 400; ++order)
    if (has_hadamard(order)) {
      EXPECT_TRUE(is_hadamard(hadamard(order))) << order;
      ++known;
    }
  EXPECT_EQ(known, 2 + 100 - 16);  // 1, 2 and the multiples of 4 but those of the next test
}

// A Hadamard matrix needs an order of 1, 2 or a multiple of 4. Up to 400 these multiples need another
// construction: a prime power, another Williamson order, or more.
TEST(Hadamard, MissingOrdersAreThese) {
  std::vector<std::int64_t> missing;
  for (std::int64_t order = 4; order <= 400; order += 4)
    if (!has_hadamard(order)) missing.push_back(order);
  EXPECT_THAT(missing, testing::ElementsAre(92, 100, 116, 184, 188, 232, 236, 244, 260, 268, 292, 324, 340,
                                            356, 372, 376));
  for (std::int64_t order = 3; order <= 999; ++order)
    if (order % 4 != 0) {
      EXPECT_FALSE(has_hadamard(order)) << order;
    }
}

// Which construction an order has decides its sequency order, so it must never change.
TEST(Hadamard, ConstructionsKeepTheirSymmetry) {
  for (const std::int64_t order : {12, 20, 44, 60, 68, 84, 108, 132, 140, 164, 200}) {  // Paley I: skew
    const SignMatrix h = hadamard(order);
    EXPECT_EQ(SignMatrix(h + h.transpose()), SignMatrix(2 * SignMatrix::Identity(order, order))) << order;
    EXPECT_TRUE((h.row(0).array() == 1).all()) << order;
  }
  for (const std::int64_t order : {28, 36, 76, 124, 148, 924}) {  // Paley II: symmetric
    const SignMatrix h = hadamard(order);
    EXPECT_EQ(h, SignMatrix(h.transpose())) << order;
  }
  for (const std::int64_t order : {40, 52, 156, 172}) {
    const SignMatrix h = hadamard(order);
    EXPECT_NE(h, SignMatrix(h.transpose())) << order;
    EXPECT_NE(SignMatrix(h + h.transpose()), SignMatrix(2 * SignMatrix::Identity(order, order))) << order;
  }
}

// Quadratic residues modulo 11: 1 3 4 5 9.
TEST(Hadamard, Order12IsPaleysByHand) {
  const SignMatrix h = hadamard(12);
  const std::string second_row = "-+-+---+++-+";  // -1, then chi(0 - j) with the diagonal made +1
  for (int j = 0; j < 12; ++j)
    EXPECT_EQ(h(1, j), second_row[static_cast<std::size_t>(j)] == '+' ? 1 : -1) << j;
}

std::string refusal(const std::function<void()>& act) {
  try {
    act();
  } catch (const Error& error) {
    EXPECT_EQ(error.code(), ErrorCode::kUnsupported);
    return error.what();
  }
  ADD_FAILURE() << "nothing was thrown";
  return "";
}

TEST(Hadamard, UnknownOrdersNameTheNearest) {
  using testing::HasSubstr;
  EXPECT_THAT(refusal([] { hadamard_factors(94); }),
              HasSubstr("order 94 is known here; the nearest orders are 88 and 96"));
  EXPECT_THAT(refusal([] { hadamard_factors(3); }), HasSubstr("are 2 and 4"));
  EXPECT_THAT(refusal([] { hadamard(376); }), HasSubstr("are 368 and 380"));
  EXPECT_THAT(refusal([] { sign_changes(4095); }), HasSubstr("and 4096"));
  EXPECT_THAT(refusal([] { sequency_order(11007); }), HasSubstr("and 11008"));
  EXPECT_THAT(refusal([] { hadamard_factors(kMaxOrder - 1); }), HasSubstr(std::to_string(kMaxOrder)));
}

TEST(Hadamard, RefusesOrdersOutOfRange) {
  for (const std::int64_t order : {std::int64_t{0}, std::int64_t{-4}, kMaxOrder + 4, INT64_MAX, INT64_MIN}) {
    EXPECT_FALSE(has_hadamard(order));
    EXPECT_THAT(refusal([&] { hadamard_factors(order); }),
                testing::HasSubstr("expected an order from 1 to 16777216"));
  }
  EXPECT_TRUE(has_hadamard(kMaxOrder));
}

TEST(HadamardBase, RefusesWhatIsNoBase) {
  for (const std::int64_t base : {0, 2, 8, 24, 40, 92, 400})
    EXPECT_THAT(refusal([&] { hadamard_base(base); }), testing::HasSubstr("not the base")) << base;
}

}  // namespace
}  // namespace gyre::linalg
