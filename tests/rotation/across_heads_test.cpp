#include <gtest/gtest.h>

#include <cmath>

#include "core/error.h"
#include "rotation/rotation.h"

namespace gyre {
namespace {

TEST(AcrossHeads, IsAHadamardOfHeadsTimesTheIdentity) {
  for (const std::int64_t heads : {1, 2, 4, 8, 12, 24, 32, 40}) {
    const auto rotation = make_across_heads(heads, 6);
    EXPECT_EQ(rotation->size(), heads * 6);
    const auto r = rotation->matrix();
    EXPECT_LT((r.mm(r.t()) - torch::eye(heads * 6, torch::kFloat64)).abs().max().item<double>(), 1e-12);
    // Channel c of one head meets channel c of the others alone, with equal weight.
    const auto blocks = r.view({heads, 6, heads, 6});
    for (std::int64_t c = 0; c < 6; ++c)
      for (std::int64_t d = 0; d < 6; ++d) {
        const auto entries = blocks.select(1, c).select(2, d).abs();
        const double expected = c == d ? 1 / std::sqrt(static_cast<double>(heads)) : 0.0;
        EXPECT_LT((entries - expected).abs().max().item<double>(), 1e-12) << heads;
      }
  }
}

TEST(AcrossHeads, RotatesByItsMatrix) {
  torch::manual_seed(1);
  const auto rotation = make_across_heads(12, 8);
  const auto x = torch::randn({3, 5, 96}, torch::kFloat64);
  EXPECT_LT((rotation->rotate(x) - x.matmul(rotation->matrix())).abs().max().item<double>(), 1e-12);
  EXPECT_LT((rotation->unrotate(rotation->rotate(x)) - x).abs().max().item<double>(), 1e-12);
  const auto half = x.to(torch::kBFloat16);
  EXPECT_EQ(rotation->rotate(half).scalar_type(), torch::kBFloat16);
}

// QuaRot: the rotation per head and the one across heads together mix the whole width evenly.
TEST(AcrossHeads, WithAHadamardPerHeadMixesEverythingEqually) {
  RotationSpec hadamard;
  hadamard.scheme = "hadamard";
  const auto head = make_rotation(hadamard, 8, 0)->matrix();
  const auto whole = at::kron(torch::eye(12, torch::kFloat64), head).mm(make_across_heads(12, 8)->matrix());
  EXPECT_LT((whole.abs() - 1 / std::sqrt(96.0)).abs().max().item<double>(), 1e-12);
}

TEST(AcrossHeads, RefusesNineHeads) {
  try {
    make_across_heads(9, 64);
    FAIL();
  } catch (const Error& error) {
    EXPECT_EQ(error.code(), ErrorCode::kUnsupported);
  }
}

}  // namespace
}  // namespace gyre
