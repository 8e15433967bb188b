// The laws of every quantizer, over the table of schemes x group x bits x grid x dtype.
#include <gtest/gtest.h>
#include <torch/torch.h>

#include <cmath>
#include <functional>
#include <set>
#include <string>
#include <tuple>

#include "core/error.h"
#include "quant/quantizer.h"

namespace gyre {
namespace {

constexpr std::int64_t kSize = 96;
constexpr std::array kTypes{torch::kFloat32, torch::kFloat64, torch::kFloat16, torch::kBFloat16};

struct Levels {
  bool symmetric;
  const char* zero_point;
};
constexpr std::array kLevels{Levels{true, "unset"}, Levels{false, "integer"}, Levels{false, "real"},
                             Levels{false, "none"}};

QuantSpec spec_of(std::string_view scheme, std::int64_t n_bits, std::int64_t group, const Levels& levels) {
  QuantSpec spec;
  spec.scheme = scheme;
  spec.n_bits = n_bits;
  spec.group_size = AutoSize{group};
  spec.symmetric = levels.symmetric;
  spec.zero_point = levels.zero_point;
  return spec;
}

struct Case {
  QuantSpec spec;
  torch::ScalarType type;
  std::int64_t group() const { return resolve_size(spec.group_size, kSize, "group_size"); }
  torch::Tensor groups(const torch::Tensor& x) const { return x.to(torch::kFloat64).reshape({-1, group()}); }
};

class QuantizerContract : public testing::TestWithParam<std::tuple<int, int>> {
 protected:
  // Every group size, clip and dtype of the scheme and grid at hand.
  void for_each_case(const std::function<void(const Case&)>& check) const {
    const auto& scheme = quant_schemes()[static_cast<std::size_t>(std::get<0>(GetParam()))];
    const auto& levels = kLevels[static_cast<std::size_t>(std::get<1>(GetParam()))];
    for (const std::int64_t group : {std::int64_t{-1}, std::int64_t{32}, std::int64_t{12}, AutoSize::kAuto})
      for (const std::int64_t n_bits : {2, 3, 4, 5, 8})
        for (const auto& clip : {Clip{}, Clip{Clip::Method::kRatio, 0.9}, Clip{Clip::Method::kLp, 1.0},
                                 Clip{Clip::Method::kMse, 1.0}})
          for (const auto type : kTypes) {
            Case c{spec_of(scheme.name, n_bits, group, levels), type};
            c.spec.clip = clip;
            SCOPED_TRACE("group " + std::to_string(group) + " bits " + std::to_string(n_bits) + " clip " +
                         to_text(clip) + " " + torch::toString(type));
            check(c);
            if (HasFailure()) return;
          }
  }
};

torch::Tensor normal(torch::ScalarType type) {
  torch::manual_seed(3);
  return (torch::randn({3, 5, kSize}, torch::kFloat64) * 0.1 + 0.02).to(type);
}

TEST_P(QuantizerContract, KeepsShapeAndDtype) {
  for_each_case([](const Case& c) {
    const auto x = normal(c.type), q = make_quantizer(c.spec, kSize)->forward(x);
    EXPECT_EQ(q.sizes(), x.sizes());
    EXPECT_EQ(q.scalar_type(), c.type);
  });
}

TEST_P(QuantizerContract, ForwardIsDequantizeOfQuantize) {
  for_each_case([](const Case& c) {
    for (const bool calibrated : {false, true}) {
      const auto x = normal(c.type);
      auto quantizer = make_quantizer(c.spec, kSize);
      if (calibrated) quantizer->calibrate(x);
      const auto quantized = quantizer->quantize(x);
      EXPECT_EQ(quantized.codes.scalar_type(), torch::kUInt8);
      EXPECT_EQ(quantized.scale.size(-1), kSize / c.group());
      EXPECT_LT(quantized.codes.max().item<int>(), 1 << c.spec.n_bits);
      const auto forward = quantizer->forward(x), values = dequantize(quantized);
      EXPECT_TRUE(forward.equal(values));
      EXPECT_TRUE(forward.signbit().equal(values.signbit()));
    }
  });
}

TEST_P(QuantizerContract, HasAtMostTwoToTheBitsValuesPerGroup) {
  for_each_case([](const Case& c) {
    const auto q = c.groups(make_quantizer(c.spec, kSize)->forward(normal(c.type)));
    for (std::int64_t g = 0; g < q.size(0); ++g) {
      const double* row = q.const_data_ptr<double>() + g * c.group();
      EXPECT_LE(std::set<double>(row, row + c.group()).size(), 1u << c.spec.n_bits);
    }
  });
}

TEST_P(QuantizerContract, IsMonotoneInsideAGroup) {
  for_each_case([](const Case& c) {
    const auto x = normal(c.type);
    const auto order = c.groups(x).argsort(std::int64_t{-1}, false);
    const auto q = c.groups(make_quantizer(c.spec, kSize)->forward(x)).gather(-1, order);
    EXPECT_TRUE(q.diff().ge(0).all().item<bool>());
  });
}

TEST_P(QuantizerContract, MapsZeroToZeroWhereItIsALevel) {
  for_each_case([](const Case& c) {
    if (c.spec.zero_point == "real" || c.spec.zero_point == "none") return;
    auto x = normal(c.type);
    x.select(-1, 5).zero_();
    EXPECT_TRUE((make_quantizer(c.spec, kSize)->forward(x).select(-1, 5) == 0).all().item<bool>());
  });
}

// With both ends on the grid a second application meets the same scale but for its last place. A clip moves
// the ends, and 16-bit rounding of the values may merge levels; both are left out.
TEST_P(QuantizerContract, ChangesNothingTheSecondTime) {
  for_each_case([](const Case& c) {
    if (c.spec.clip != Clip{} || (c.type != torch::kFloat32 && c.type != torch::kFloat64)) return;
    auto quantizer = make_quantizer(c.spec, kSize);
    const auto once = quantizer->forward(normal(c.type));
    const auto twice = quantizer->forward(once);
    const double epsilon = c.type == torch::kFloat64 ? 0x1p-52 : 0x1p-23;
    EXPECT_LE((once - twice).abs().max().item<double>(), 4 * epsilon * once.abs().max().item<double>());
    if (c.spec.symmetric && c.spec.n_bits == 2) {
      EXPECT_TRUE(once.equal(twice));  // the scale is max|x| itself
    }
  });
}

TEST_P(QuantizerContract, KeepsConstantAndZeroGroupsFinite) {
  for_each_case([](const Case& c) {
    for (const double value : {0.0, 0.75, -3.0, 1e-7}) {
      const auto x = torch::full({2, kSize}, value, c.type);
      auto quantizer = make_quantizer(c.spec, kSize);
      quantizer->calibrate(x);
      const auto q = quantizer->forward(x);
      EXPECT_TRUE(q.isfinite().all().item<bool>()) << value;
      if (value == 0) {
        EXPECT_TRUE(q.equal(x));
      }
    }
  });
}

TEST_P(QuantizerContract, GradientsAreFinite) {
  for_each_case([](const Case& c) {
    auto x = normal(c.type).requires_grad_();
    make_quantizer(c.spec, kSize)->forward(x).sum().backward();
    EXPECT_TRUE(x.grad().isfinite().all().item<bool>());
    EXPECT_GT(x.grad().abs().sum().item<double>(), 0);
  });
}

TEST_P(QuantizerContract, CountsWhatItStores) {
  for_each_case([](const Case& c) {
    const double bits = make_quantizer(c.spec, kSize)->bits_per_value();
    EXPECT_GT(bits, static_cast<double>(c.spec.n_bits));
    EXPECT_LE(bits, static_cast<double>(c.spec.n_bits) + 64.0 / static_cast<double>(c.group()));
  });
}

TEST_P(QuantizerContract, RefusesBitsAndGroupsThatDoNotFit) {
  const auto& scheme = quant_schemes()[static_cast<std::size_t>(std::get<0>(GetParam()))];
  const auto& levels = kLevels[static_cast<std::size_t>(std::get<1>(GetParam()))];
  for (const auto& [n_bits, group] :
       {std::pair<std::int64_t, std::int64_t>{1, 32}, {9, 32}, {4, 36}, {4, 192}, {4, -2}})
    try {
      make_quantizer(spec_of(scheme.name, n_bits, group, levels), kSize);
      ADD_FAILURE() << "accepted n_bits " << n_bits << " group " << group;
    } catch (const Error& error) {
      EXPECT_EQ(error.code(), ErrorCode::kConfig);
    }
}

std::vector<int> scheme_indices() {
  std::vector<int> indices;
  for (std::size_t i = 0; i < quant_schemes().size(); ++i)
    if (quant_schemes()[i].name != "none") indices.push_back(static_cast<int>(i));
  return indices;
}

std::string case_name(const testing::TestParamInfo<std::tuple<int, int>>& param) {
  const auto& levels = kLevels[static_cast<std::size_t>(std::get<1>(param.param))];
  return std::string(quant_schemes()[static_cast<std::size_t>(std::get<0>(param.param))].name) + "_" +
         (levels.symmetric ? "symmetric" : levels.zero_point);
}

INSTANTIATE_TEST_SUITE_P(Schemes, QuantizerContract,
                         testing::Combine(testing::ValuesIn(scheme_indices()), testing::Range(0, 4)),
                         case_name);

}  // namespace
}  // namespace gyre
