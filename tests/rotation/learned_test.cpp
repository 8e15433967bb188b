// A learned rotation before and after learning: its init, in blocks or as a fixed factor, and what it takes
// in.
#include "rotation/learned.h"

#include <gmock/gmock.h>
#include <gtest/gtest.h>

#include "core/error.h"

namespace gyre {
namespace {

RotationSpec learned(const std::string& init, std::int64_t block = AutoSize::kAuto, bool keep = false,
                     bool signs = false) {
  RotationSpec spec;
  spec.scheme = "learned";
  spec.init = init;
  spec.block_size = AutoSize{block};
  spec.keep_init = keep;
  spec.random_signs = signs;
  return spec;
}

RotationSpec plain(const std::string& scheme, std::int64_t block = AutoSize::kAuto, bool signs = false) {
  RotationSpec spec;
  spec.scheme = scheme;
  spec.block_size = AutoSize{block};
  spec.random_signs = signs;
  return spec;
}

torch::Tensor matrix(const RotationSpec& spec, std::int64_t size = 96, std::uint64_t seed = 4) {
  return make_rotation(spec, size, seed)->matrix();
}

double largest(const torch::Tensor& x) {
  return x.abs().max().item<double>();
}

TEST(LearnedRotation, IsItsInitWithoutLearning) {
  for (const auto& scheme : rotation_schemes()) {
    if (scheme.name == "learned") continue;
    const std::string init(scheme.name);
    for (const bool keep : {false, true})
      for (const bool signs : {false, true})
        EXPECT_TRUE(torch::equal(matrix(learned(init, AutoSize::kAuto, keep, signs)),
                                 matrix(plain(init, AutoSize::kAuto, signs))))
            << init << keep << signs;
  }
}

TEST(LearnedRotation, InBlocksStartsFromTheSchemesBlockDiagonalRelative) {
  for (const auto& [init, relative] :
       {std::pair("hadamard", "local_hadamard"), std::pair("sequency", "gsr"), std::pair("gsr", "gsr"),
        std::pair("local_hadamard", "local_hadamard")})
    for (const bool signs : {false, true})
      EXPECT_TRUE(torch::equal(matrix(learned(init, 16, false, signs)), matrix(plain(relative, 16, signs))))
          << init;
  const auto random = matrix(learned("random", 16));
  EXPECT_EQ(largest(random.narrow(0, 0, 16).narrow(1, 16, 80)), 0);
  EXPECT_GT(largest(random.narrow(0, 0, 16).narrow(1, 0, 16) - random.narrow(0, 16, 16).narrow(1, 16, 16)),
            0.1);  // each block its own
}

// Kept, an init over all channels stays so; only the factor behind it has blocks.
TEST(LearnedRotation, KeepsItsInitAsAFixedFactor) {
  const auto rotation = make_rotation(learned("hadamard", 16, true), 96, 4);
  auto& mine = dynamic_cast<LearnedRotation&>(*rotation);
  EXPECT_TRUE(torch::equal(mine.matrix(), matrix(plain("hadamard"))));
  EXPECT_EQ(mine.blocks().sizes(), torch::IntArrayRef({6, 16, 16}));
  std::vector<torch::Tensor> blocks;
  for (std::uint64_t i = 0; i < 6; ++i) blocks.push_back(matrix(plain("random"), 16, i));
  mine.set_learned(torch::stack(blocks));
  EXPECT_LT(largest(mine.matrix() - torch::matmul(matrix(plain("hadamard")), torch::block_diag(blocks))),
            1e-14);
}

TEST(LearnedRotation, TakesLearnedBlocksAndRotatesByThem) {
  const auto rotation = make_rotation(learned("hadamard"), 96, 4);
  const auto other = matrix(plain("random"), 96, 9);
  dynamic_cast<LearnedRotation&>(*rotation).set_learned(other.unsqueeze(0));
  EXPECT_TRUE(torch::equal(rotation->matrix(), other));
  torch::manual_seed(1);
  const auto x = torch::randn({3, 96}, torch::kFloat64);
  EXPECT_LT(largest(rotation->rotate(x) - torch::matmul(x, other)), 1e-13);
}

TEST(LearnedRotation, RefusesBlocksThatAreNotOrthogonal) {
  const auto rotation = make_rotation(learned("hadamard"), 96, 4);
  auto& mine = dynamic_cast<LearnedRotation&>(*rotation);
  const auto before = mine.matrix().clone();
  for (const auto& bad : {before * (1 + 1e-8), before * std::nan("")}) {
    try {
      mine.set_learned(bad.unsqueeze(0));
      FAIL() << "accepted";
    } catch (const Error& error) {
      EXPECT_EQ(error.code(), ErrorCode::kRun);
      EXPECT_THAT(error.what(), testing::HasSubstr("from orthogonal"));
    }
  }
  EXPECT_TRUE(torch::equal(mine.matrix(), before));
}

TEST(LearnedRotation, RefusesABlockThatDoesNotDivideNamingBoth) {
  for (const char* init : {"random", "gsr", "hadamard"})
    for (const bool keep : {false, true}) {
      try {
        make_rotation(learned(init, 40, keep), 96, 4);
        FAIL() << "accepted";
      } catch (const Error& error) {
        EXPECT_EQ(error.code(), ErrorCode::kConfig);
        EXPECT_THAT(error.what(), testing::HasSubstr("block_size = 40 does not divide 96"));
      }
    }
}

}  // namespace
}  // namespace gyre
