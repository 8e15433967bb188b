// GPTQ against the published algorithm written out: one column after the other, no blocks, everything in
// float64.
#include <gtest/gtest.h>

#include <algorithm>
#include <cmath>

#include "core/error.h"
#include "ops/fake_quant.h"
#include "quant/solver.h"

namespace gyre {
namespace {

constexpr std::array kGrids{"unset", "integer", "real", "none"};

QuantSpec rtn(std::int64_t n_bits, std::int64_t group, std::string zero_point, Clip clip = {}) {
  QuantSpec spec;
  spec.scheme = "rtn";
  spec.n_bits = n_bits;
  spec.group_size = AutoSize{group};
  spec.symmetric = zero_point == "unset";
  spec.zero_point = std::move(zero_point);
  spec.clip = clip;
  return spec;
}

struct Layer {
  torch::Tensor weight, inputs;  // float64 [out, in], [n, in]
  Hessian hessian;
  torch::Tensor h() const { return hessian.matrix().to(torch::kFloat64); }
  double error(const torch::Tensor& q) const { return output_error(weight - q.to(torch::kFloat64), h()); }
};

// Inputs that a quarter as many latent ones and some noise make, in channels of unequal size, as in a
// language model.
Layer random_layer(int seed, std::int64_t out, std::int64_t in, std::int64_t n) {
  torch::manual_seed(seed);
  const auto latent =
      torch::randn({n, in / 4}, torch::kFloat64).mm(torch::randn({in / 4, in}, torch::kFloat64));
  const auto size = torch::randn({in}, torch::kFloat64).exp();
  const auto inputs = (latent + 0.5 * torch::randn({n, in}, torch::kFloat64)) * size;
  Layer layer{torch::randn({out, in}, torch::kFloat64) * 0.1, inputs,
              Hessian(in, torch::kFloat64, torch::kCPU)};
  layer.hessian.add(inputs);
  return layer;
}

SolvedWeight solve(const torch::Tensor& weight, const Hessian& hessian, const QuantSpec& spec,
                   const GptqSpec& gptq = {}, const char* solver = "gptq") {
  const auto quantizer = make_quantizer(spec, weight.size(1));
  quantizer->calibrate(weight);
  const SolverTask task{weight, quantizer.get()};
  return find_solver(solver).solve(std::span(&task, 1), hessian, gptq)[0];
}

// Scale and zero of one group, and a value's level under them; clip ratio p.
struct Grid {
  double scale, zero;
  int n_bits;
  std::string kind;
  Grid(const std::vector<double>& w, double p, const QuantSpec& spec)
      : n_bits(static_cast<int>(spec.n_bits)), kind(spec.zero_point) {
    double lo = *std::min_element(w.begin(), w.end()), hi = *std::max_element(w.begin(), w.end());
    const double top = std::max(std::abs(lo), std::abs(hi)), half = std::pow(2, n_bits - 1),
                 last = 2 * half - 1;
    if (kind == "integer") lo = std::min(lo, 0.0), hi = std::max(hi, 0.0);
    scale = kind == "unset"  ? p * top / (half - 1)
            : kind == "none" ? p * top / (half - 0.5)
                             : p * (hi - lo) / last;
    zero = kind == "unset"  ? half
           : kind == "none" ? half - 0.5
           : kind == "real" ? p * lo
                            : std::clamp(std::nearbyint(-p * lo / scale), 0.0, last);
  }
  double round(double v) const {
    const double last = std::pow(2, n_bits) - 1;
    if (kind == "real") return std::clamp(std::nearbyint((v - zero) / scale), 0.0, last) * scale + zero;
    const double code =
        kind == "none" ? std::floor(v / scale) + zero + 0.5 : std::nearbyint(v / scale) + zero;
    return (std::clamp(code, 0.0, last) - zero) * scale;
  }
};

// The reference. Clip ratios come from the search that tests/kernels holds to its definition.
torch::Tensor plain_gptq(const Layer& layer, const QuantSpec& spec, double damping,
                         const std::vector<std::int64_t>& order) {
  const auto in = layer.weight.size(1), out = layer.weight.size(0);
  const auto group = resolve_size(spec.group_size, in, "group_size");
  auto h = layer.h().clone();
  auto w = layer.weight.clone();
  for (std::int64_t j = 0; j < in; ++j)
    if (h[j][j].item<double>() == 0) {
      h[j][j] = 1;
      w.select(1, j).zero_();
    }
  h += damping * h.diagonal().mean() * torch::eye(in, torch::kFloat64);
  const auto permutation = torch::tensor(order, torch::kInt64);
  h = h.index_select(0, permutation).index_select(1, permutation);
  const auto inverse = at::linalg_inv(h);
  const auto u = at::linalg_cholesky(0.5 * (inverse + inverse.t()), /*upper=*/true).contiguous();
  auto q = torch::zeros_like(w);
  std::vector<std::vector<Grid>> grids(static_cast<std::size_t>(in / group));
  const UniformGrid uniform{spec.symmetric                 ? kernels::Grid::kSymmetric
                            : spec.zero_point == "integer" ? kernels::Grid::kInteger
                            : spec.zero_point == "real"    ? kernels::Grid::kReal
                                                           : kernels::Grid::kNoZero,
                            static_cast<int>(spec.n_bits), group, 1.0};
  double* weight = w.mutable_data_ptr<double>();
  double* result = q.mutable_data_ptr<double>();
  for (std::int64_t p = 0; p < in; ++p) {
    const auto j = order[static_cast<std::size_t>(p)];
    auto& levels = grids[static_cast<std::size_t>(j / group)];
    if (levels.empty()) {
      const auto now = w.narrow(1, j / group * group, group).contiguous();
      const auto ratio = spec.clip.method == Clip::Method::kLp
                             ? search_clip(now, uniform, 2.4)
                             : torch::full({out, 1}, spec.clip.ratio, torch::kFloat64);
      for (std::int64_t r = 0; r < out; ++r) {
        const double* row = now.const_data_ptr<double>() + r * group;
        levels.emplace_back(std::vector<double>(row, row + group), ratio[r][0].item<double>(), spec);
      }
    }
    const double* factor = u.const_data_ptr<double>() + p * in;
    for (std::int64_t r = 0; r < out; ++r) {
      double* row = weight + r * in;
      result[r * in + j] = levels[static_cast<std::size_t>(r)].round(row[j]);
      const double e = (row[j] - result[r * in + j]) / factor[p];
      for (std::int64_t k = p; k < in; ++k) row[order[static_cast<std::size_t>(k)]] -= e * factor[k];
    }
  }
  return q;
}

std::vector<std::int64_t> visits(const Layer& layer, bool act_order) {
  std::vector<std::int64_t> order(static_cast<std::size_t>(layer.weight.size(1)));
  for (std::size_t i = 0; i < order.size(); ++i) order[i] = static_cast<std::int64_t>(i);
  const auto diagonal = layer.h().diagonal().contiguous();
  const double* d = diagonal.const_data_ptr<double>();
  if (act_order) std::stable_sort(order.begin(), order.end(), [&](auto a, auto b) { return d[a] > d[b]; });
  return order;
}

// Whether the published algorithm beats nearest on this layer; where it does, the solver must give its result
// for every block size.
bool expect_published(const Layer& layer, const QuantSpec& spec, GptqSpec gptq = {},
                      const std::vector<std::int64_t>& blocks = {128}) {
  SCOPED_TRACE(testing::Message() << spec.zero_point << " bits " << spec.n_bits << " group "
                                  << to_text(spec.group_size) << " clip " << to_text(spec.clip)
                                  << " act_order " << gptq.act_order);
  const auto reference = plain_gptq(layer, spec, gptq.damping, visits(layer, gptq.act_order));
  const double expected = layer.error(reference);
  const bool beats = expected < layer.error(solve(layer.weight, layer.hessian, spec, gptq, "nearest").weight);
  for (const auto block : blocks) {
    gptq.block_size = block;
    const auto solved = solve(layer.weight, layer.hessian, spec, gptq);
    EXPECT_EQ(solved.fell_back, !beats);
    if (!beats) continue;
    EXPECT_NEAR(layer.error(solved.weight), expected, 1e-6 * expected);
    EXPECT_NEAR(solved.output_error, expected, 1e-6 * expected);  // by the closed form
    EXPECT_LT((solved.weight - reference).abs().max().item<double>(), 1e-9);
  }
  return beats;
}

// Groups smaller than, equal to and larger than a block, and blocks that a group straddles.
TEST(Gptq, AgreesWithThePublishedAlgorithm) {
  int beats = 0, total = 0;
  for (const int seed : {1, 2}) {
    const auto layer = random_layer(seed, 37, 96, 300);
    for (const char* grid : kGrids)
      for (const std::int64_t n_bits : {2, 3, 4})
        for (const std::int64_t group : {-1, 8, 32, 48}) {
          beats += expect_published(layer, rtn(n_bits, group, grid), {}, {1, 20, 128});
          ++total;
        }
  }
  EXPECT_GE(beats, total * 9 / 10);
}

TEST(Gptq, AgreesWithThePublishedAlgorithmInActivationOrder) {
  const auto layer = random_layer(3, 40, 96, 300);
  GptqSpec gptq;
  gptq.act_order = true;
  for (const char* grid : kGrids)
    for (const std::int64_t group : {-1, 16, 48})
      EXPECT_TRUE(expect_published(layer, rtn(3, group, grid), gptq, {10, 128}));
}

TEST(Gptq, SearchesEachGroupsClipOnItsCurrentWeights) {
  const auto layer = random_layer(4, 40, 96, 300);
  for (const char* grid : kGrids)
    for (const std::int64_t group : {-1, 16, 48}) {
      EXPECT_TRUE(expect_published(layer, rtn(3, group, grid, {Clip::Method::kLp, 1.0})));
      EXPECT_TRUE(expect_published(layer, rtn(3, group, grid, {Clip::Method::kRatio, 0.8})));
    }
}

TEST(Gptq, AgreesOnALayerOfSeveralSegmentsAndBlocks) {
  GptqSpec gptq;
  gptq.damping = 0.05;
  const auto layer = random_layer(5, 70, 320, 500);
  EXPECT_TRUE(expect_published(layer, rtn(3, 64, "integer"), gptq));
  EXPECT_TRUE(expect_published(layer, rtn(3, -1, "unset"), gptq));
}

// --- The objective
// ------------------------------------------------------------------------------------------------

TEST(Gptq, IsNeverWorseThanNearestOnTheObjective) {
  int better = 0, total = 0;
  for (int seed = 0; seed < 6; ++seed) {
    auto layer = random_layer(10 + seed, 12 + 9 * seed, 64, seed % 2 == 0 ? 400 : 30);
    layer.weight = layer.weight.to(torch::kFloat32).to(torch::kFloat64);
    GptqSpec gptq;
    gptq.act_order = seed % 3 == 2;
    for (const char* grid : kGrids)
      for (const std::int64_t n_bits : {2, 3, 8})
        for (const std::int64_t group : {-1, 4, 32})
          for (const auto& clip : {Clip{}, Clip{Clip::Method::kLp, 1.0}}) {
            const auto spec = rtn(n_bits, group, grid, clip);
            const auto weight = layer.weight.to(torch::kFloat32);
            const auto solved = solve(weight, layer.hessian, spec, gptq);
            const auto nearest = solve(weight, layer.hessian, spec, gptq, "nearest");
            const double error = layer.error(solved.weight), other = layer.error(nearest.weight);
            ASSERT_LE(error, other * (1 + 1e-9)) << grid << " bits " << n_bits << " group " << group;
            ASSERT_NEAR(solved.output_error, error, 1e-5 * other);
            ASSERT_NEAR(solved.nearest_error, other, 1e-5 * other);
            if (solved.fell_back) {
              ASSERT_TRUE(solved.weight.equal(nearest.weight));
            }
            better += error < 0.9 * other;
            ++total;
          }
  }
  EXPECT_GT(better, total * 8 / 10);
}

// Two bits from -2 to 1 leave errors that the columns behind cannot make up for within their range; where
// inputs are little correlated, that outweighs the gain.
TEST(Gptq, FallsBackToNearestWhereThatIsBetter) {
  torch::manual_seed(1);
  const auto mix = torch::randn({96, 96}, torch::kFloat64) / std::sqrt(96.0);
  const auto inputs =
      torch::randn({300, 96}, torch::kFloat64).mm(mix) * torch::randn({96}, torch::kFloat64).exp();
  Layer layer{torch::randn({37, 96}, torch::kFloat64) * 0.1, inputs,
              Hessian(96, torch::kFloat64, torch::kCPU)};
  layer.hessian.add(inputs);
  EXPECT_FALSE(expect_published(layer, rtn(2, 8, "unset")));
  const auto solved = solve(layer.weight, layer.hessian, rtn(2, 8, "unset"));
  const auto nearest = solve(layer.weight, layer.hessian, rtn(2, 8, "unset"), {}, "nearest");
  EXPECT_TRUE(solved.fell_back);
  EXPECT_TRUE(solved.weight.equal(nearest.weight));
  EXPECT_EQ(solved.output_error, nearest.output_error);
  EXPECT_TRUE(dequantize(*solved.quantized).equal(solved.weight));
}

TEST(Gptq, IsNearestBitForBitWhenChannelsAreUncorrelated) {
  torch::manual_seed(1);
  const auto w = torch::randn({30, 64});
  Hessian hessian(64, torch::kFloat32, torch::kCPU);
  hessian.add(torch::diag(1 + torch::rand({64})));
  for (const char* grid : kGrids)
    for (const auto& clip : {Clip{}, Clip{Clip::Method::kLp, 1.0}}) {
      const auto solved = solve(w, hessian, rtn(3, 16, grid, clip));
      EXPECT_FALSE(solved.fell_back) << grid;
      EXPECT_TRUE(solved.weight.equal(solve(w, hessian, rtn(3, 16, grid, clip), {}, "nearest").weight))
          << grid;
    }
}

// --- Laws
// ---------------------------------------------------------------------------------------------------------

TEST(Gptq, GivesCodesThatStandForItsValuesInEveryDtype) {
  const auto layer = random_layer(6, 33, 64, 300);
  for (const auto dtype : {torch::kFloat64, torch::kFloat32, torch::kFloat16, torch::kBFloat16})
    for (const char* grid : kGrids)
      for (const bool act_order : {false, true}) {
        GptqSpec gptq;
        gptq.act_order = act_order;
        const auto solved = solve(layer.weight.to(dtype), layer.hessian, rtn(3, 16, grid), gptq);
        ASSERT_FALSE(solved.fell_back);
        EXPECT_EQ(solved.weight.scalar_type(), dtype);
        EXPECT_LT(solved.quantized->codes.max().item<int>(), 8);
        EXPECT_TRUE(dequantize(*solved.quantized).equal(solved.weight))
            << grid << " " << torch::toString(dtype);
      }
}

TEST(Gptq, GivesTheSameBitsTwice) {
  const auto layer = random_layer(7, 200, 128, 300);
  const auto weight = layer.weight.to(torch::kFloat32);
  const auto first = solve(weight, layer.hessian, rtn(2, 32, "integer", {Clip::Method::kLp, 1.0}));
  const auto second = solve(weight, layer.hessian, rtn(2, 32, "integer", {Clip::Method::kLp, 1.0}));
  EXPECT_TRUE(first.weight.equal(second.weight));
  EXPECT_EQ(first.output_error, second.output_error);
}

TEST(Gptq, SolvesLinearsOfOneInputAsEachAlone) {
  const auto a = random_layer(8, 20, 64, 300);
  const auto other = torch::randn({31, 64}, torch::kFloat64);
  const auto quantizer = make_quantizer(rtn(3, 16, "real"), 64);
  const std::array tasks{SolverTask{a.weight, quantizer.get()}, SolverTask{other, quantizer.get()}};
  const auto both = find_solver("gptq").solve(tasks, a.hessian, {});
  EXPECT_TRUE(both[0].weight.equal(solve(a.weight, a.hessian, rtn(3, 16, "real")).weight));
  EXPECT_TRUE(both[1].weight.equal(solve(other, a.hessian, rtn(3, 16, "real")).weight));
}

// --- Awkward inputs
// -----------------------------------------------------------------------------------------------

TEST(Gptq, CountsDeadChannelsAsZero) {
  auto layer = random_layer(9, 24, 64, 300);
  layer.inputs.select(1, 5).zero_();
  layer.inputs.narrow(1, 40, 8).zero_();
  layer.hessian = Hessian(64, torch::kFloat64, torch::kCPU);
  layer.hessian.add(layer.inputs);
  layer.weight.select(1, 5).fill_(100);  // would ruin its group's scale
  for (const char* grid : kGrids)
    for (const std::int64_t group : {-1, 16}) EXPECT_TRUE(expect_published(layer, rtn(3, group, grid)));
  const auto solved = solve(layer.weight, layer.hessian, rtn(3, 16, "unset"));
  EXPECT_TRUE((solved.weight.select(1, 5) == 0).all().item<bool>());
  EXPECT_LT(solved.output_error, 0.5 * solved.nearest_error);
}

TEST(Gptq, SurvivesInputsThatDoNotDetermineTheWeight) {
  for (const std::int64_t n : {1, 7, 63}) {
    const auto layer = random_layer(11, 16, 64, n);
    for (const double damping : {0.0, 0.01}) {
      GptqSpec gptq;
      gptq.damping = damping;
      const auto solved = solve(layer.weight, layer.hessian, rtn(3, 16, "unset"), gptq);
      EXPECT_TRUE(solved.weight.isfinite().all().item<bool>());
      EXPECT_GE(solved.n_raises, 1);
      EXPECT_GT(solved.damping, damping);
      EXPECT_LE(solved.output_error, solved.nearest_error);
    }
  }
}

TEST(Gptq, TakesNearestWhereInputsAreNotFinite) {
  const auto weight = torch::randn({8, 16});
  Hessian hessian(16, torch::kFloat32, torch::kCPU);
  hessian.add(torch::full({20, 16}, NAN));
  const auto solved = solve(weight, hessian, rtn(4, 16, "unset"));
  EXPECT_TRUE(solved.fell_back);
  EXPECT_TRUE(solved.weight.equal(make_quantizer(rtn(4, 16, "unset"), 16)->forward(weight)));
}

// --- Levels that are not uniform
// ----------------------------------------------------------------------------------

// Levels +-1/8, +-1 of the group's largest magnitude, halfway between them the boundaries.
class Table final : public Quantizer {
 public:
  void calibrate(const torch::Tensor&) override {}
  torch::Tensor forward(const torch::Tensor& x) override { return dequantize(quantize(x)); }
  QuantizedTensor quantize(const torch::Tensor& x) const override {
    return make_quantizer(rtn(2, 16, "unset"), 16)->quantize(x);
  }
  double bits_per_value() const override { return 2; }
  Levels levels(const torch::Tensor& group) const override {
    const auto top = group.abs().amax(1);  // [rows]
    Levels levels;
    levels.levels = torch::stack({-top, -top / 8, top / 8, top});
    levels.boundaries = torch::stack({-top * 9 / 16, torch::zeros_like(top), top * 9 / 16});
    return levels;
  }
};

TEST(Gptq, WorksOverAnyLevels) {
  const auto layer = random_layer(12, 20, 16, 100);
  const Table quantizer;
  const SolverTask task{layer.weight, &quantizer};
  const auto solved = find_solver("gptq").solve(std::span(&task, 1), layer.hessian, {})[0];
  ASSERT_FALSE(solved.fell_back);
  EXPECT_FALSE(solved.quantized.has_value());
  const auto top = layer.weight.abs().amax(1, true);
  const auto share = (solved.weight / top).abs();
  EXPECT_TRUE(((share - 1).abs().lt(1e-12) | (share - 0.125).abs().lt(1e-12)).all().item<bool>());
  EXPECT_NEAR(solved.output_error, layer.error(solved.weight), 1e-9 * solved.output_error);
}

TEST(Quantizer, WithoutFixedLevelsSaysSo) {
  class Bare final : public Quantizer {
    void calibrate(const torch::Tensor&) override {}
    torch::Tensor forward(const torch::Tensor& x) override { return x; }
    QuantizedTensor quantize(const torch::Tensor&) const override { return {}; }
    double bits_per_value() const override { return 0; }
  };
  const Quantizer& bare = Bare();
  EXPECT_THROW(bare.levels(torch::ones({1, 1})), Error);
}

TEST(Solvers, AreFoundByName) {
  EXPECT_FALSE(find_solver("nearest").reads_inputs);
  EXPECT_TRUE(find_solver("gptq").reads_inputs);
  EXPECT_THROW(find_solver("gptQ"), Error);
}

}  // namespace
}  // namespace gyre
