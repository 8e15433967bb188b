// README.md's example of a rotation of one's own, as written there.
#include <gtest/gtest.h>

#include <fstream>
#include <sstream>

#include "rotation/rotation.h"

namespace gyre {
namespace {

// clang-format off
// Reverses the order of the channels.
class Reversal final : public Rotation {
 public:
  using Rotation::Rotation;
  torch::Tensor matrix() const override { return torch::eye(size(), torch::kFloat64).flip(0); }
};

std::shared_ptr<Rotation> make_reversal(const RotationSpec&, std::int64_t size, std::uint64_t) {
  return std::make_shared<Reversal>(size);
}
// clang-format on

std::string read(const char* name) {
  std::ifstream file(std::string(GYRE_SOURCE_DIR) + "/" + name);
  std::stringstream text;
  text << file.rdbuf();
  return text.str();
}

TEST(ReadmeExample, IsTheOneHere) {
  const std::string readme = read("README.md"), marker = "```cpp\n";
  const auto begin = readme.find(marker);
  ASSERT_NE(begin, std::string::npos);
  const auto code =
      readme.substr(begin + marker.size(), readme.find("```", begin + 3) - begin - marker.size());
  EXPECT_NE(code.find("matrix()"), std::string::npos);
  EXPECT_NE(read("tests/rotation/readme_test.cpp").find(code), std::string::npos) << code;
}

// A scheme that gives its matrix alone.
TEST(ReadmeExample, RotatesInEveryDtype) {
  const RotationScheme row{"reversal", "channels in reverse", false, false, false, make_reversal};
  const auto rotation = row.make({}, 5, 0);
  EXPECT_EQ(rotation->size(), 5);
  for (const auto type : {torch::kFloat64, torch::kFloat32, torch::kFloat16, torch::kBFloat16}) {
    const auto x = torch::randn({2, 3, 5}).to(type);
    EXPECT_EQ(rotation->rotate(x).scalar_type(), type);
    EXPECT_TRUE(torch::equal(rotation->rotate(x), x.flip(-1)));
    EXPECT_TRUE(torch::equal(rotation->unrotate(rotation->rotate(x)), x));
  }
}

// Not orthogonal, but with exact sums: 4096 + 1 is no bfloat16 and 8192 + 1 no float16, so sums in them would
// lose the 1.
class Halves final : public Rotation {
 public:
  using Rotation::Rotation;
  torch::Tensor matrix() const override { return torch::full({size(), size()}, 0.5, torch::kFloat64); }
};

TEST(DefaultRotate, ComputesSixteenBitsInFloat32) {
  for (const auto type : {torch::kFloat16, torch::kBFloat16}) {
    const auto x = torch::tensor({4096.0, 4096.0, 1.0, 1.0, -4096.0, -4096.0}).to(type);
    EXPECT_TRUE((Halves(6).rotate(x) == 1).all().item<bool>());
    EXPECT_TRUE((Halves(6).unrotate(x) == 1).all().item<bool>());
  }
}

}  // namespace
}  // namespace gyre
