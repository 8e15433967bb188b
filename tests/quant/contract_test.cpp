// The laws of every quantizer, over the table of schemes x site x levels x group x bits x clip x dtype.
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

struct Grid {
  bool symmetric;
  const char* zero_point;
};
constexpr std::array kGrids{Grid{true, "unset"}, Grid{false, "integer"}, Grid{false, "real"},
                            Grid{false, "none"}, Grid{false, "unsigned"}};

QuantSpec spec_of(std::string_view scheme, std::int64_t n_bits, std::int64_t group, const Grid& levels) {
  QuantSpec spec;
  spec.scheme = scheme;
  spec.n_bits = n_bits;
  spec.group_size = AutoSize{group};
  spec.symmetric = levels.symmetric;
  spec.zero_point = levels.zero_point;
  return spec;
}

// A row of the table, where it is used, and levels that it has there.
struct Row {
  std::string scheme;
  QuantSite site;
  std::size_t grid;
  friend void PrintTo(const Row& row, std::ostream* out) {
    *out << row.scheme << (row.site == QuantSite::kInput ? "_input_" : "_")
         << (kGrids[row.grid].symmetric ? "symmetric" : kGrids[row.grid].zero_point);
  }
};

struct Case {
  QuantSpec spec;
  torch::ScalarType type;
  QuantSite site = QuantSite::kWeight;
  std::int64_t group() const { return resolve_size(spec.group_size, kSize, "group_size"); }
  torch::Tensor groups(const torch::Tensor& x) const { return x.to(torch::kFloat64).reshape({-1, group()}); }
  bool learned() const { return !spec.scheme.starts_with("rtn"); }
  // Calibrated on x where it has to be.
  std::shared_ptr<Quantizer> make(const torch::Tensor& x) const {
    auto quantizer = make_quantizer(spec, kSize, site);
    if (quantizer->needs_calibration()) quantizer->calibrate(x);
    return quantizer;
  }
};

class QuantizerContract : public testing::TestWithParam<Row> {
 protected:
  // Every group size, number of bits, clip and dtype of the row.
  void for_each_case(const std::function<void(const Case&)>& check) const {
    run({-1, 32, 12, AutoSize::kAuto}, {2, 3, 4, 5, 8},
        {Clip{}, {Clip::Method::kRatio, 0.9}, {Clip::Method::kLp, 1.0}, {Clip::Method::kMse, 1.0}},
        {kTypes.begin(), kTypes.end()}, check);
  }
  // A few of them, for what no arithmetic depends on.
  void for_some_cases(const std::function<void(const Case&)>& check) const {
    run({-1, 12}, {2, 4}, {Clip{}, {Clip::Method::kMse, 1.0}},
        {torch::kFloat32, torch::kFloat64, torch::kBFloat16}, check);
  }

 private:
  static void run(const std::vector<std::int64_t>& groups, const std::vector<std::int64_t>& bits,
                  const std::vector<Clip>& clips, const std::vector<torch::ScalarType>& types,
                  const std::function<void(const Case&)>& check) {
    for (const auto group : groups)
      for (const auto n_bits : bits)
        for (const auto& clip : clips)
          for (const auto type : types) {
            Case c{spec_of(GetParam().scheme, n_bits, group, kGrids[GetParam().grid]), type, GetParam().site};
            c.spec.clip = clip;
            if (clip != Clip{}) c.spec.lsq.init = "clip";
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
    const auto x = normal(c.type), q = c.make(x)->forward(x);
    EXPECT_EQ(q.sizes(), x.sizes());
    EXPECT_EQ(q.scalar_type(), c.type);
  });
}

TEST_P(QuantizerContract, ForwardIsDequantizeOfQuantize) {
  for_each_case([](const Case& c) {
    for (const bool calibrated : {false, true}) {
      const auto x = normal(c.type);
      auto quantizer = c.make(x);
      if (calibrated) quantizer->calibrate(x);
      const auto quantized = quantizer->quantize(x);
      EXPECT_EQ(quantized.codes.scalar_type(), torch::kUInt8);
      EXPECT_EQ(quantized.group_size, c.group());
      EXPECT_EQ(quantized.dtype, c.type);
      EXPECT_EQ(quantized.zero_point.defined() + quantized.offset.defined() + quantized.codebook.defined(),
                1);
      EXPECT_EQ(quantized.scale.defined(), !quantized.codebook.defined());
      for (const auto* parameters : {&quantized.scale, &quantized.offset, &quantized.codebook})
        if (parameters->defined()) {
          EXPECT_EQ(parameters->size(2), kSize / c.group());
          EXPECT_TRUE(parameters->to(quantized.stored).to(parameters->scalar_type()).equal(*parameters));
        }
      EXPECT_LT(quantized.codes.max().item<int>(), 1 << c.spec.n_bits);
      const auto forward = quantizer->forward(x), values = dequantize(quantized);
      EXPECT_TRUE(forward.equal(values));
      EXPECT_TRUE(forward.signbit().equal(values.signbit()));
    }
  });
}

TEST_P(QuantizerContract, HasAtMostTwoToTheBitsValuesPerGroup) {
  for_each_case([](const Case& c) {
    const auto q = c.groups(c.make(normal(c.type))->forward(normal(c.type)));
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
    const auto q = c.groups(c.make(x)->forward(x)).gather(-1, order);
    EXPECT_TRUE(q.diff().ge(0).all().item<bool>());
  });
}

TEST_P(QuantizerContract, MapsZeroToZeroWhereItIsALevel) {
  for_each_case([](const Case& c) {
    if (c.spec.zero_point == "real" || c.spec.zero_point == "none") return;
    auto x = normal(c.type);
    x.select(-1, 5).zero_();
    EXPECT_TRUE((c.make(x)->forward(x).select(-1, 5) == 0).all().item<bool>());
  });
}

// With both ends on the grid a second application of rtn meets the same scale but for its last place. A clip
// moves the ends, as a learned one does, and 16-bit rounding of the values may merge levels; all these are
// left out. A learned step is the same the second time.
TEST_P(QuantizerContract, ChangesNothingTheSecondTime) {
  for_each_case([](const Case& c) {
    if (c.spec.scheme == "lwc" || c.spec.scheme == "ldp") return;
    if (c.spec.scheme == "lsq" && (c.type == torch::kFloat32 || c.type == torch::kFloat64)) {
      auto quantizer = make_quantizer(c.spec, kSize, c.site);
      quantizer->calibrate(normal(c.type));
      const auto once = quantizer->forward(normal(c.type));
      EXPECT_TRUE(quantizer->forward(once).equal(once));
      return;
    }
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
      auto quantizer = make_quantizer(c.spec, kSize, c.site);
      quantizer->calibrate(x);
      const auto q = quantizer->forward(x);
      EXPECT_TRUE(q.isfinite().all().item<bool>()) << value;
      if (value == 0) {
        EXPECT_TRUE(q.equal(x));
      }
    }
  });
}

TEST_P(QuantizerContract, SpreadsWhatIsNotFiniteOverItsGroupAlone) {
  for_some_cases([](const Case& c) {
    for (const double value : {double(NAN), double(INFINITY), -double(INFINITY)}) {
      auto x = normal(c.type);
      auto quantizer = make_quantizer(c.spec, kSize, c.site);
      quantizer->calibrate(x);
      const auto clean = quantizer->forward(x);
      x[0][1][3] = value;
      const auto q = quantizer->forward(x), values = dequantize(quantizer->quantize(x));
      EXPECT_TRUE(torch::allclose(q, values, 0, 0, /*equal_nan=*/true));
      const auto broken = c.groups(q).isnan();
      EXPECT_EQ(broken.sum().item<std::int64_t>(), c.group());
      EXPECT_TRUE(broken[kSize / c.group()].all().item<bool>());
      EXPECT_TRUE(c.groups(q).nan_to_num(0).equal(c.groups(clean).masked_fill(broken, 0)));
    }
  });
}

TEST_P(QuantizerContract, GradientsAreFinite) {
  for_each_case([](const Case& c) {
    auto x = normal(c.type).requires_grad_();
    auto quantizer = make_quantizer(c.spec, kSize, c.site);
    quantizer->calibrate(x);
    quantizer->forward(x).square().sum().backward();
    EXPECT_TRUE(x.grad().isfinite().all().item<bool>());
    EXPECT_GT(x.grad().abs().sum().item<double>(), 0);
    EXPECT_EQ(quantizer->named_parameters().is_empty(), !c.learned());
    for (const auto& [name, parameter] : quantizer->named_parameters().pairs()) {
      EXPECT_TRUE(parameter.grad().isfinite().all().item<bool>()) << name;
      EXPECT_EQ(parameter.scalar_type(), c.type == torch::kFloat64 ? torch::kFloat64 : torch::kFloat32);
      EXPECT_GT(parameter.grad().abs().sum().item<double>(), 0) << name;
    }
  });
}

// What is needed to go on from a checkpoint: the same quantizer, calibrated on anything of the same shape,
// with parameters and buffers copied into it.
TEST_P(QuantizerContract, IsItsParametersAndBuffers) {
  for_some_cases([](const Case& c) {
    const auto x = normal(c.type);
    auto quantizer = make_quantizer(c.spec, kSize, c.site), other = make_quantizer(c.spec, kSize, c.site);
    quantizer->calibrate(x);
    other->calibrate(x.flip(0) * 2 + 0.01);
    const torch::NoGradGuard no_grad;
    for (auto& entry : other->named_parameters())
      entry.value().copy_(quantizer->named_parameters()[entry.key()]);
    for (auto& entry : other->named_buffers()) entry.value().copy_(quantizer->named_buffers()[entry.key()]);
    EXPECT_TRUE(other->forward(x).equal(quantizer->forward(x)));
  });
}

TEST_P(QuantizerContract, CopiesAreIndependent) {
  for_some_cases([](const Case& c) {
    const auto x = normal(c.type);
    auto quantizer = make_quantizer(c.spec, kSize, c.site);
    quantizer->calibrate(x);
    const auto before = quantizer->forward(x);
    auto copy = quantizer->copy();
    EXPECT_TRUE(copy->forward(x).equal(before));
    EXPECT_EQ(copy->named_parameters().size(), quantizer->named_parameters().size());
    {
      const torch::NoGradGuard no_grad;
      for (auto& parameter : copy->parameters()) parameter.mul_(0.5).sub_(0.25);
    }
    EXPECT_TRUE(quantizer->forward(x).equal(before));
    EXPECT_EQ(copy->forward(x).equal(before), !c.learned());
    copy->calibrate(x * 3);
    EXPECT_TRUE(quantizer->forward(x).equal(before));
  });
}

// A solver that fixes levels() of a group may give no value that forward would not.
TEST_P(QuantizerContract, LevelsAreThoseOfForward) {
  for_each_case([](const Case& c) {
    if (c.site == QuantSite::kInput) return;  // solvers are for weights
    const auto type = c.type == torch::kFloat64 ? torch::kFloat64 : torch::kFloat32;
    const auto group = c.groups(normal(type)).to(type);
    auto spec = c.spec;
    spec.group_size = AutoSize{-1};
    const auto quantizer = make_quantizer(spec, c.group());
    const auto q = quantizer->forward(group);  // [rows, group]
    const auto levels = quantizer->levels(group);
    const auto codes = torch::arange(1 << c.spec.n_bits, group.options()).unsqueeze(1);
    torch::Tensor values = levels.levels;  // [L, rows]
    if (!values.defined())
      values = levels.grid == kernels::Grid::kReal ? codes * levels.scale + levels.zero
                                                   : (codes - levels.zero) * levels.scale;
    EXPECT_EQ(values.size(0), 1 << c.spec.n_bits);
    EXPECT_TRUE((q.unsqueeze(0) == values.unsqueeze(2)).any(0).all().item<bool>());
    if (levels.boundaries.defined()) {
      const auto code = (group.unsqueeze(0) >= levels.boundaries.unsqueeze(2)).sum(0);
      EXPECT_TRUE(values.t().gather(1, code).equal(q));
    }
  });
}

TEST_P(QuantizerContract, CountsWhatItStores) {
  for_some_cases([](const Case& c) {
    const auto quantizer = c.make(normal(c.type));
    const double bits = quantizer->bits_per_value();
    if (c.site == QuantSite::kInput && c.learned()) {  // nothing per token
      EXPECT_EQ(bits, static_cast<double>(c.spec.n_bits));
      return;
    }
    const auto quantized = quantizer->quantize(normal(c.type));
    // float64 is for tests; rtn counts float32's bits.
    const auto stored = c.learned() ? quantized.stored : torch::kFloat32;
    double parameters = c.spec.zero_point == "integer" ? static_cast<double>(c.spec.n_bits) : 0;
    for (const auto* t : {&quantized.scale, &quantized.offset, &quantized.codebook})
      if (t->defined())
        parameters += static_cast<double>(t->numel()) * 8 * static_cast<double>(elementSize(stored)) /
                      static_cast<double>(quantized.codes.numel() / c.group());
    EXPECT_DOUBLE_EQ(bits, static_cast<double>(c.spec.n_bits) + parameters / static_cast<double>(c.group()));
  });
}

TEST_P(QuantizerContract, RefusesBitsAndGroupsThatDoNotFit) {
  for (const auto& [n_bits, group] :
       {std::pair<std::int64_t, std::int64_t>{1, 32}, {9, 32}, {4, 36}, {4, 192}, {4, -2}})
    try {
      make_quantizer(spec_of(GetParam().scheme, n_bits, group, kGrids[GetParam().grid]), kSize,
                     GetParam().site);
      ADD_FAILURE() << "accepted n_bits " << n_bits << " group " << group;
    } catch (const Error& error) {
      EXPECT_EQ(error.code(), ErrorCode::kConfig);
    }
}

TEST_P(QuantizerContract, RefusesOtherGroupsThanItsOwn) {
  const auto x = normal(torch::kFloat32);
  Case c{spec_of(GetParam().scheme, 4, 12, kGrids[GetParam().grid]), torch::kFloat32, GetParam().site};
  auto quantizer = make_quantizer(c.spec, kSize, c.site);
  EXPECT_THROW(quantizer->forward(x.narrow(-1, 0, 90)), Error);
  EXPECT_THROW(quantizer->forward(torch::ones({2, kSize}, torch::kInt32)), Error);
  if (!c.learned() || c.site == QuantSite::kInput) return;
  quantizer->calibrate(x);
  EXPECT_THROW(quantizer->forward(x.narrow(0, 0, 1)), Error);
  EXPECT_THROW(quantizer->quantize(x.narrow(1, 0, 2)), Error);
  EXPECT_THROW(quantizer->calibrate(x * NAN), Error);
}

// Every scheme at the site of weights; those that learn for all tokens at that of inputs too. Rows that the
// scheme refuses are in RowsAreThoseThatASchemeHas.
std::vector<Row> rows() {
  std::vector<Row> all;
  for (const auto& scheme : quant_schemes()) {
    if (scheme.name == "none") continue;
    for (const auto site : {QuantSite::kWeight, QuantSite::kInput}) {
      if (scheme.name.starts_with("rtn") && site == QuantSite::kInput) continue;  // the same quantizer
      for (std::size_t grid = 0; grid < kGrids.size(); ++grid) try {
          make_quantizer(spec_of(scheme.name, 4, 12, kGrids[grid]), kSize, site);
          all.push_back({std::string(scheme.name), site, grid});
        } catch (const Error&) {
        }
    }
  }
  return all;
}

TEST(QuantizerTable, RowsAreThoseThatASchemeHas) {
  std::set<std::string> names;
  for (const auto& row : rows()) names.insert(testing::PrintToString(row));
  EXPECT_EQ(names, (std::set<std::string>{"rtn_symmetric", "rtn_integer", "rtn_real", "rtn_none",
                                          "rtn_range_symmetric", "rtn_range_integer", "rtn_range_real",
                                          "rtn_range_none", "lsq_symmetric", "lsq_none", "lsq_unsigned",
                                          "lsq_input_symmetric", "lsq_input_none", "lsq_input_unsigned",
                                          "lwc_real", "ldp_real"}));
}

INSTANTIATE_TEST_SUITE_P(Schemes, QuantizerContract, testing::ValuesIn(rows()),
                         testing::PrintToStringParamName());

}  // namespace
}  // namespace gyre
