// What permuting channels cannot change. A Walsh rotation is the Hadamard rotation with its channels in
// another order, so rounding to nearest gives the same values, bit for bit, wherever that permutation stays
// inside a quantization group.
#include <gtest/gtest.h>
#include <torch/torch.h>

#include "linalg/hadamard.h"
#include "quant/quantizer.h"
#include "rotation/rotation.h"

namespace gyre {
namespace {

struct Levels {
  bool symmetric;
  const char* zero_point;
};
constexpr Levels kLevels[] = {{true, "unset"}, {false, "integer"}, {false, "real"}, {false, "none"}};

QuantSpec rtn(std::int64_t n_bits, std::int64_t group, const Levels& levels) {
  QuantSpec spec;
  spec.scheme = "rtn";
  spec.n_bits = n_bits;
  spec.group_size = AutoSize{group};
  spec.symmetric = levels.symmetric;
  spec.zero_point = levels.zero_point;
  return spec;
}

// A weight or activation with channels of unequal size, [24, n].
torch::Tensor rows(std::int64_t n, torch::ScalarType type) {
  torch::manual_seed(9);
  return (torch::randn({24, n}, torch::kFloat64) * (0.1 + torch::rand({n}, torch::kFloat64).pow(8))).to(type);
}

std::shared_ptr<Rotation> rotation(const char* scheme, std::int64_t n, std::int64_t block, bool signs) {
  return make_rotation({scheme, AutoSize{block}, signs}, n, 1);
}

// Where each channel of the sequency-ordered rotation comes from, in blocks.
torch::Tensor permutation(std::int64_t n, std::int64_t block) {
  const auto inside = torch::tensor(linalg::sequency_order(block));
  return (torch::arange(0, n, block).unsqueeze(1) + inside).flatten();
}

struct Case {
  const char *natural, *sequency;
  std::int64_t n, block, group;
  torch::ScalarType type;
};

// Calls check(quantizer, natural rows, sequency rows) over signs, bits and grids.
template <class Check>
void for_each_quantizer(const Case& c, Check check) {
  const auto x = rows(c.n, c.type);
  for (const bool signs : {false, true}) {
    const auto h = rotation(c.natural, c.n, c.block, signs)->rotate(x),
               w = rotation(c.sequency, c.n, c.block, signs)->rotate(x);
    for (const std::int64_t n_bits : {2, 3, 4, 8})
      for (const auto& levels : kLevels) {
        SCOPED_TRACE(testing::Message() << c.sequency << " n " << c.n << " block " << c.block << " group "
                                        << c.group << " signs " << signs << " bits " << n_bits << " "
                                        << levels.zero_point << " " << torch::toString(c.type));
        check(*make_quantizer(rtn(n_bits, c.group, levels), c.n), h, w);
      }
  }
}

void expect_equal_but_for_order(const Case& c) {
  const auto order = permutation(c.n, c.block);
  for_each_quantizer(c, [&](Quantizer& quantizer, const torch::Tensor& h, const torch::Tensor& w) {
    EXPECT_TRUE(torch::equal(quantizer.forward(w), quantizer.forward(h).index_select(1, order)));
    const auto qh = quantizer.quantize(h), qw = quantizer.quantize(w);
    EXPECT_TRUE(torch::equal(qw.codes, qh.codes.index_select(1, order)));
    EXPECT_TRUE(torch::equal(qw.scale, qh.scale));
    EXPECT_FALSE(torch::equal(qw.codes, qh.codes));  // the permutation did something
  });
}

constexpr std::array kTypes{torch::kFloat64, torch::kFloat32, torch::kBFloat16};

TEST(Oracle, SequencyEqualsHadamardPerRow) {
  for (const std::int64_t n : {64, 576, 640, 1536})
    for (const auto type : kTypes) expect_equal_but_for_order({"hadamard", "sequency", n, n, -1, type});
}

TEST(Oracle, GsrEqualsLocalHadamardWhenBlocksAreGroups) {
  for (const auto& [n, block] : {std::pair(64, 64), std::pair(576, 64), std::pair(576, 36),
                                 std::pair(640, 128), std::pair(1536, 128), std::pair(1536, 12)})
    for (const auto type : kTypes)
      expect_equal_but_for_order({"local_hadamard", "gsr", n, block, block, type});
}

TEST(Oracle, GsrEqualsLocalHadamardWhenBlocksDivideGroups) {
  for (const auto& [n, block, group] :
       {std::tuple(576, 16, 64), std::tuple(1536, 64, 128), std::tuple(640, 64, -1)})
    for (const auto type : kTypes)
      expect_equal_but_for_order({"local_hadamard", "gsr", n, block, group, type});
}

// The other way round they must differ: this is where GSR's order matters.
TEST(Oracle, GsrDiffersFromLocalHadamardWhenGroupsCutBlocks) {
  const auto order = permutation(576, 64);
  for_each_quantizer(
      {"local_hadamard", "gsr", 576, 64, 32, torch::kFloat64},
      [&](Quantizer& quantizer, const torch::Tensor& h, const torch::Tensor& w) {
        EXPECT_FALSE(torch::equal(quantizer.forward(w), quantizer.forward(h).index_select(1, order)));
      });
}

// On the output side, R^T W, whole rows change places.
TEST(Oracle, OutputSidePermutesRows) {
  for (const auto& [natural, sequency, block] :
       {std::tuple("hadamard", "sequency", 576), std::tuple("local_hadamard", "gsr", 64)}) {
    const auto w = rows(576, torch::kFloat64);  // [in, out]: W transposed
    const auto h = rotation(natural, 576, block, true)->rotate(w).t().contiguous();
    const auto s = rotation(sequency, 576, block, true)->rotate(w).t().contiguous();
    for (const std::int64_t group : {-1, 8}) {
      auto quantizer = make_quantizer(rtn(3, group, kLevels[1]), 24);
      EXPECT_TRUE(torch::equal(quantizer->forward(s),
                               quantizer->forward(h).index_select(0, permutation(576, block))));
    }
  }
}

}  // namespace
}  // namespace gyre
