#include <gtest/gtest.h>
#include <torch/torch.h>

#include <cmath>

#include "core/error.h"
#include "quant/quantizer.h"

namespace gyre {
namespace {

QuantSpec rtn(std::int64_t n_bits, std::int64_t group, bool symmetric = true,
              std::string zero_point = "unset") {
  QuantSpec spec;
  spec.scheme = "rtn";
  spec.n_bits = n_bits;
  spec.group_size = AutoSize{group};
  spec.symmetric = symmetric;
  spec.zero_point = std::move(zero_point);
  return spec;
}

// GGUF's Q4_1: value = d q + m with float16 d and m and q from 0 to 15. Where both ends occur, nothing is
// lost.
TEST(RtnQuantizer, ReproducesQ41DataBitForBit) {
  torch::manual_seed(7);
  const auto d = (torch::rand({64, 18, 1}) * 0.02 + 1e-3).to(torch::kFloat16).to(torch::kFloat32);
  const auto m = (-8 * d + 0.01 * torch::randn({64, 18, 1})).to(torch::kFloat16).to(torch::kFloat32);
  auto q = torch::randint(16, {64, 18, 32}).to(torch::kFloat32);
  q.select(-1, 3).fill_(0);
  q.select(-1, 17).fill_(15);
  const auto w = (d * q + m).reshape({64, 576});
  const auto quantizer = make_quantizer(rtn(4, 32, false, "real"), 576);
  EXPECT_TRUE(quantizer->forward(w).equal(w));
  EXPECT_TRUE(quantizer->quantize(w).codes.to(torch::kFloat32).equal(q.reshape({64, 576})));
}

TEST(RtnQuantizer, AgreesWithTheTextbookFormulaInFloat64) {
  torch::manual_seed(8);
  const auto x = torch::randn({16, 128}, torch::kFloat64);
  for (const std::int64_t n_bits : {2, 3, 4, 8}) {
    const double last = std::pow(2, n_bits) - 1, half = std::pow(2, n_bits - 1);
    const auto groups = x.view({16, 4, 32});
    const auto step = groups.abs().amax(-1, true) / (half - 1);
    const auto symmetric = (groups / step).round().clamp(-half, half - 1) * step;
    const auto close = [](const torch::Tensor& a, const torch::Tensor& b) {
      return torch::allclose(a, b, 0, 1e-13);
    };
    EXPECT_TRUE(close(make_quantizer(rtn(n_bits, 32), 128)->forward(x), symmetric.view({16, 128})));

    const auto lo = groups.amin(-1, true), hi = groups.amax(-1, true), scale = (hi - lo) / last;
    const auto real = ((groups - lo) / scale).round() * scale + lo;
    EXPECT_TRUE(close(make_quantizer(rtn(n_bits, 32, false, "real"), 128)->forward(x), real.view({16, 128})));

    const auto from = lo.clamp_max(0), wide = (hi.clamp_min(0) - from) / last, zero = (-from / wide).round();
    const auto integer = (((groups / wide).round() + zero).clamp(0, last) - zero) * wide;
    EXPECT_TRUE(
        close(make_quantizer(rtn(n_bits, 32, false, "integer"), 128)->forward(x), integer.view({16, 128})));

    const auto odd = groups.abs().amax(-1, true) / (half - 0.5);
    const auto no_zero = ((groups / odd).floor().clamp(-half, half - 1) + 0.5) * odd;
    EXPECT_TRUE(
        close(make_quantizer(rtn(n_bits, 32, false, "none"), 128)->forward(x), no_zero.view({16, 128})));
  }
}

TEST(RtnQuantizer, CalibrationFixesTheSearchedClip) {
  torch::manual_seed(9);
  const auto w = torch::randn({8, 64}).pow(3);
  auto spec = rtn(3, 16);
  const auto plain = make_quantizer(spec, 64)->forward(w);
  spec.clip = Clip{Clip::Method::kLp, 1.0};
  auto quantizer = make_quantizer(spec, 64);
  const auto fresh = quantizer->forward(w);
  quantizer->calibrate(w);
  EXPECT_TRUE(quantizer->forward(w).equal(fresh));
  EXPECT_FALSE(fresh.equal(plain));
  EXPECT_TRUE(quantizer->forward(2 * w).equal(2 * fresh));
  const auto error = [&](const torch::Tensor& q) { return (q - w).abs().pow(2.4).sum().item<double>(); };
  EXPECT_LT(error(fresh), error(plain));
  EXPECT_THROW(quantizer->forward(torch::randn({4, 64})), Error);  // ratios for other groups
}

TEST(RtnQuantizer, CountsScalesAndZeroPoints) {
  EXPECT_DOUBLE_EQ(make_quantizer(rtn(4, 32), 64)->bits_per_value(), 4 + 32 / 32.0);
  EXPECT_DOUBLE_EQ(make_quantizer(rtn(4, 32, false, "integer"), 64)->bits_per_value(), 4 + 36 / 32.0);
  EXPECT_DOUBLE_EQ(make_quantizer(rtn(4, 32, false, "real"), 64)->bits_per_value(), 4 + 64 / 32.0);
  EXPECT_DOUBLE_EQ(make_quantizer(rtn(2, -1, false, "none"), 64)->bits_per_value(), 2 + 32 / 64.0);
}

TEST(MakeQuantizer, NoneIsNoQuantizer) {
  EXPECT_EQ(make_quantizer(QuantSpec{}, 64), nullptr);
}

TEST(MakeQuantizer, SuggestsTheNearestScheme) {
  auto spec = rtn(4, 32);
  spec.scheme = "rnt";
  try {
    make_quantizer(spec, 64);
    FAIL();
  } catch (const Error& error) {
    EXPECT_EQ(error.code(), ErrorCode::kConfig);
    EXPECT_NE(std::string(error.what()).find("rtn"), std::string::npos) << error.what();
  }
}

TEST(MakeQuantizer, RefusesZeroPointsAndClipsThatDoNotFit) {
  EXPECT_THROW(make_quantizer(rtn(4, 32, true, "real"), 64), Error);
  EXPECT_THROW(make_quantizer(rtn(4, 32, false, "unset"), 64), Error);
  EXPECT_THROW(make_quantizer(rtn(4, 32, false, "half"), 64), Error);
  auto spec = rtn(4, 32);
  for (const double ratio : {0.0, -1.0, 1.5, double(NAN)}) {
    spec.clip = Clip{Clip::Method::kRatio, ratio};
    EXPECT_THROW(make_quantizer(spec, 64), Error) << ratio;
  }
}

}  // namespace
}  // namespace gyre
