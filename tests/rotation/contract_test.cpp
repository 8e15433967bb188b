// The laws of every rotation, over the table of schemes x signs x sizes x dtypes.
#include <gmock/gmock.h>
#include <gtest/gtest.h>

#include <array>
#include <cmath>
#include <string>
#include <vector>

#include "core/error.h"
#include "rotation/rotation.h"

namespace gyre {
namespace {

constexpr std::array kTypes{torch::kFloat64, torch::kFloat32, torch::kFloat16, torch::kBFloat16};
constexpr std::uint64_t kSeed = 11;

struct Case {
  const RotationScheme* scheme;
  bool signs;
};
std::string name(const Case& c) {
  return std::string(c.scheme->name) + (c.signs ? "_signs" : "");
}
void PrintTo(const Case& c, std::ostream* out) {
  *out << name(c);
}

class RotationContract : public testing::TestWithParam<Case> {
 protected:
  static RotationSpec spec(AutoSize block = {}) {
    return {std::string(GetParam().scheme->name), block, GetParam().signs};
  }
  // Powers of two and bases 12, 20, 36; what is slow to make is left out at the largest sizes.
  static std::vector<std::int64_t> sizes() {
    if (GetParam().scheme->uses_seed) return {64, 96, 576, 1024};
    return {64, 96, 128, 576, 640, 1024, 1536};
  }
  static constexpr std::array<std::int64_t, 3> kSmall{64, 96, 320};
  static std::shared_ptr<Rotation> make(std::int64_t size, std::uint64_t seed = kSeed) {
    return make_rotation(spec(), size, seed);
  }
  static torch::Tensor rows(std::int64_t size, torch::ScalarType type) {
    torch::manual_seed(3);
    return torch::randn({2, 5, size}, torch::kFloat64).to(type);
  }
};

double largest(const torch::Tensor& x) {
  return x.abs().max().item<double>();
}

// Of normal rows, rotated in float (or double) and rounded once to the dtype: half a unit in the last place
// of the largest value, which is below 8, and what sums of `size` products lose in any order.
double tolerance(torch::ScalarType type, std::int64_t size) {
  const double unit = type == torch::kBFloat16 ? 0x1p-8 : type == torch::kFloat16 ? 0x1p-11 : 0;
  const double sums = type == torch::kFloat64 ? 0x1p-53 : 0x1p-24;
  return 8 * unit + 8 * std::sqrt(static_cast<double>(size)) * sums;
}

TEST_P(RotationContract, MatrixIsOrthogonal) {
  for (const auto size : sizes()) {
    const auto rotation = make(size);
    const auto r = rotation->matrix();
    ASSERT_EQ(r.sizes(), torch::IntArrayRef({size, size}));
    EXPECT_EQ(r.scalar_type(), torch::kFloat64);
    EXPECT_TRUE(r.device().is_cpu());
    EXPECT_EQ(rotation->size(), size);
    EXPECT_LT(largest(torch::matmul(r, r.t()) - torch::eye(size, torch::kFloat64)), 1e-12) << size;
  }
}

TEST_P(RotationContract, RotateIsTheMatrixAndUnrotateItsTranspose) {
  for (const auto size : sizes()) {
    const auto rotation = make(size);
    const auto r = rotation->matrix();
    for (const auto type : kTypes) {
      SCOPED_TRACE(std::to_string(size) + " " + torch::toString(type));
      const auto x = rows(size, type), before = x.clone(), wide = x.to(torch::kFloat64);
      const std::array got{rotation->rotate(x), rotation->unrotate(x)};
      const std::array expected{torch::matmul(wide, r), torch::matmul(wide, r.t())};
      for (std::size_t i = 0; i < got.size(); ++i) {
        EXPECT_EQ(got[i].scalar_type(), type);
        ASSERT_EQ(got[i].sizes(), x.sizes());
        EXPECT_LT(largest(got[i].to(torch::kFloat64) - expected[i]), tolerance(type, size));
      }
      EXPECT_TRUE(torch::equal(x, before));  // nothing is written into the input
    }
  }
}

TEST_P(RotationContract, UnrotateInvertsRotate) {
  for (const auto size : kSmall)
    for (const auto type : {torch::kFloat64, torch::kFloat32}) {
      const auto rotation = make(size);
      const auto x = rows(size, type);
      EXPECT_LT(largest(rotation->unrotate(rotation->rotate(x)) - x), tolerance(type, size)) << size;
      EXPECT_LT(largest(rotation->rotate(rotation->unrotate(x)) - x), tolerance(type, size)) << size;
    }
}

TEST_P(RotationContract, TakesAnyShapeAndStride) {
  for (const auto size : kSmall) {
    const auto rotation = make(size);
    const auto vector = rows(size, torch::kFloat64)[0][0];
    const auto expected = torch::matmul(vector, rotation->matrix());
    EXPECT_LT(largest(rotation->rotate(vector) - expected), 1e-12);
    const auto strided =
        torch::stack({vector, -vector}, 1).t();  // [2, size], stride 2 along the last dimension
    EXPECT_LT(largest(rotation->rotate(strided)[1] + expected), 1e-12);
    const auto none = torch::empty({0, size}, torch::kFloat64);
    EXPECT_EQ(rotation->rotate(none).sizes(), none.sizes());
    EXPECT_EQ(rotation->unrotate(none).sizes(), none.sizes());
  }
}

TEST_P(RotationContract, GradientGoesThroughTheTranspose) {
  for (const auto size : kSmall) {
    const auto rotation = make(size);
    const auto r = rotation->matrix(), upstream = rows(size, torch::kFloat64).flip(0);
    auto x = rows(size, torch::kFloat64).requires_grad_(), y = rows(size, torch::kFloat64).requires_grad_();
    (rotation->rotate(x) * upstream).sum().backward();
    (rotation->unrotate(y) * upstream).sum().backward();
    EXPECT_LT(largest(x.grad() - torch::matmul(upstream, r.t())), 1e-12);
    EXPECT_LT(largest(y.grad() - torch::matmul(upstream, r)), 1e-12);
  }
}

TEST_P(RotationContract, IsAFunctionOfItsSeed) {
  const bool depends = GetParam().scheme->uses_seed || GetParam().signs;
  for (const auto size : kSmall) {
    const auto matrix = make(size)->matrix();
    EXPECT_TRUE(torch::equal(matrix, make(size)->matrix()));
    EXPECT_EQ(torch::equal(matrix, make(size, kSeed + 1)->matrix()), !depends);
  }
}

TEST_P(RotationContract, TheTableSaysWhichSettingsMatter) {
  const auto& scheme = *GetParam().scheme;
  for (const auto size : kSmall) {
    const auto matrix = make(size)->matrix();
    const auto blocks = make_rotation(spec(AutoSize{16}), size, kSeed)->matrix();
    EXPECT_EQ(torch::equal(blocks, matrix), !scheme.uses_block_size);
    auto flipped = spec();
    flipped.random_signs = !flipped.random_signs;
    EXPECT_EQ(torch::equal(make_rotation(flipped, size, kSeed)->matrix(), matrix), !scheme.uses_random_signs);
  }
}

TEST_P(RotationContract, RefusesABlockThatDoesNotDivideWhereItHasBlocks) {
  for (const auto size : kSmall)
    for (const std::int64_t block : {std::int64_t{168}, 2 * size, std::int64_t{-2}}) {
      std::string message = "accepted";
      try {
        make_rotation(spec(AutoSize{block}), size, kSeed);
      } catch (const Error& error) {
        EXPECT_EQ(error.code(), ErrorCode::kConfig);
        message = error.what();
      }
      const auto refusal =
          "block_size = " + std::to_string(block) + " does not divide " + std::to_string(size);
      EXPECT_THAT(message, testing::StartsWith(GetParam().scheme->uses_block_size ? refusal : "accepted"));
    }
}

std::vector<Case> cases() {
  std::vector<Case> all;
  for (const auto& scheme : rotation_schemes())
    for (const bool signs : {false, true})
      if (!signs || scheme.uses_random_signs) all.push_back({&scheme, signs});
  return all;
}

INSTANTIATE_TEST_SUITE_P(Schemes, RotationContract, testing::ValuesIn(cases()),
                         [](const auto& tested) { return name(tested.param); });

}  // namespace
}  // namespace gyre
