// The fused path of an online rotation and the quantizer behind it against the two modules one after the
// other.
#include "model/online.h"

#include <gtest/gtest.h>

namespace gyre {
namespace {

QuantSpec quant_spec(const std::string& clip) {
  QuantSpec spec;
  spec.scheme = "rtn";
  spec.n_bits = 4;
  spec.group_size = AutoSize{-1};
  spec.symmetric = true;
  spec.zero_point = "unset";
  spec.clip = parse_clip(clip).value();
  return spec;
}

TEST(Online, GivesTheBitsOfTheModulesOneAfterTheOther) {
  torch::manual_seed(1);
  for (const std::string scheme :
       {"none", "identity", "random", "hadamard", "sequency", "local_hadamard", "gsr"})
    for (const std::string clip : {"none", "minmax", "0.8", "lp"}) {
      RotationSpec spec;
      spec.scheme = scheme;
      spec.random_signs = true;
      const auto rotation = make_rotation(spec, 64, 7);
      const auto quantizer = clip == "none" ? nullptr : make_quantizer(quant_spec(clip), 64);
      const auto x = torch::randn({2, 5, 64});
      auto expected = rotation ? rotation->rotate(x) : x;
      if (quantizer) expected = quantizer->forward(expected);
      EXPECT_TRUE(rotate_and_quantize(rotation, quantizer, x).equal(expected)) << scheme << " " << clip;
    }
}

TEST(Online, OnlyPlainGridsAndHadamardTransformsSaySo) {
  RotationSpec spec;
  for (const auto& [scheme, fast] : {std::pair<std::string, bool>{"identity", false},
                                     {"random", false},
                                     {"hadamard", true},
                                     {"gsr", true}}) {
    spec.scheme = scheme;
    EXPECT_EQ(make_rotation(spec, 64, 7)->hadamard_transform() != nullptr, fast) << scheme;
  }
  EXPECT_NE(make_quantizer(quant_spec("minmax"), 64)->plain_grid(), nullptr);
  EXPECT_EQ(make_quantizer(quant_spec("lp"), 64)->plain_grid(), nullptr);
}

}  // namespace
}  // namespace gyre
