#include "eval/measure.h"

#include <gmock/gmock.h>
#include <gtest/gtest.h>

#include <cmath>

#include "core/error.h"
#include "eval/forward_watch.h"
#include "model/surgery.h"
#include "model/tiny_llama.h"

namespace gyre {
namespace {

constexpr std::int64_t kWindows = 3, kLength = 32;

MeasureSpec measure_spec() {
  MeasureSpec spec;
  spec.scheme = "statistics";
  spec.samples = kWindows;
  spec.window = kLength;
  return spec;
}

QuantPlan plan_of(int weight, int activation) {
  QuantPlan plan;
  const auto set = [](QuantSpec& spec, int bits) {
    if (bits == 16) return;
    spec.scheme = "rtn";
    spec.n_bits = bits;
  };
  set(plan.weight, weight);
  set(plan.activation, activation);
  set(plan.key, activation);
  set(plan.value, activation);
  return plan;
}

double stat(const std::vector<TensorStat>& stats, std::int64_t layer, const std::string& tensor,
            const std::string& site, const std::string& name) {
  for (const auto& row : stats)
    if (row.layer == layer && row.tensor == tensor && row.site == site && row.stat.name == name)
      return row.stat.value;
  ADD_FAILURE() << "no " << layer << " " << tensor << " " << site << " " << name;
  return NAN;
}

class NoWatcher final : public ForwardWatcher {
 public:
  void see_input(const SharedInput& input, const torch::Tensor& x) override {
    if (input.layer == 0 && input.linears[0].role == LinearRole::kQ) first_input = x.clone();
    n_inputs += std::ssize(input.linears);
  }
  void see_cache(std::int64_t, const char*, const torch::Tensor& x,
                 const std::shared_ptr<Quantizer>&) override {
    EXPECT_EQ(x.size(3), 16);
    ++n_caches;
  }
  torch::Tensor first_input;
  std::int64_t n_inputs = 0, n_caches = 0;
};

struct MeasureTest : ::testing::Test {
  MeasureTest() : model(random_llama(config_9_3(), torch::kFloat32)) {
    windows = random_tokens(model.config, kWindows, kLength);
  }
  // The model quantized as evaluation would have it, and what is measured of it.
  QuantizedMeasurement quantized(const QuantPlan& plan) {
    const auto original = measure_shape(model, windows, measure_spec(), true, [] {});
    Llama copy = model.shallow_copy();
    WeightCodes codes;
    if (plan.weight.used()) {
      calibrate_weights(copy, plan.weight);
      quantize_weights(copy, {}, [&](const LinearRef& ref, const QuantizedTensor& q) {
        codes[ref.name()].add(q.codes, q.group_size, std::int64_t{1} << plan.weight.n_bits);
      });
    }
    attach_quantizers(copy, plan);
    return measure_quantized(copy, model, original.logits, windows, plan, codes, [] {});
  }
  Llama model;
  torch::Tensor windows;
};

TEST_F(MeasureTest, WatchingMovesNoBitAndSeesEverything) {
  NoWatcher watcher;
  const auto tokens = windows.narrow(0, 0, 1);
  EXPECT_TRUE(torch::equal(watch_forward(model, tokens, watcher), model.hidden(tokens)));
  EXPECT_EQ(watcher.n_inputs, 7 * 3);
  EXPECT_EQ(watcher.n_caches, 2 * 3);
}

TEST_F(MeasureTest, ShapeStatisticsAreThoseOfTheTensors) {
  int steps = 0;
  const auto measured = measure_shape(model, windows, measure_spec(), true, [&] { ++steps; });
  EXPECT_EQ(steps, count_measure_steps(model, windows));
  const auto down = model.blocks[1].mlp.down.weight.to(torch::kFloat64);
  EXPECT_NEAR(stat(measured.stats, 1, "down_proj", "weight", "variance"), down.var(false).item<double>(),
              1e-9);
  NoWatcher watcher;
  std::vector<torch::Tensor> inputs;
  for (std::int64_t w = 0; w < kWindows; ++w) {
    watch_forward(model, windows.narrow(0, w, 1), watcher);
    inputs.push_back(watcher.first_input);
  }
  const auto x = torch::cat(inputs).to(torch::kFloat64);  // [windows, T, hidden]
  EXPECT_NEAR(stat(measured.stats, 0, "q_proj", "activation", "variance"),
              x.narrow(1, 1, kLength - 1).var(false).item<double>(), 1e-6);
  EXPECT_NEAR(stat(measured.stats, 0, "q_proj", "activation_token0", "max_abs"),
              x.narrow(1, 0, 1).abs().max().item<double>(), 1e-6);
  // Every fourth token of each window.
  EXPECT_EQ(measured.logits.sizes(), (torch::IntArrayRef{kWindows * kLength / 4, model.config.vocab_size}));
  const auto logits = model.forward(windows.narrow(0, 2, 1)).squeeze(0);
  EXPECT_LT(largest_difference(measured.logits[2 * kLength / 4 + 3], logits[12]), 1e-5);
  double share = 0;
  for (const auto& row : measured.stats)
    if (row.stat.name.starts_with("histogram/") && row.site == "value") share += row.stat.value;
  EXPECT_NEAR(share, 1, 1e-9);
}

TEST_F(MeasureTest, OfAnUnquantizedModelThereIsNoError) {
  const auto measured = quantized(plan_of(16, 16));
  EXPECT_EQ(measured.output_error.value, 0);
  EXPECT_EQ(measured.layer_error.value, 0);
  EXPECT_NEAR(measured.kl.value, 0, 1e-12);
  for (const auto& row : measured.stats) EXPECT_NE(row.stat.name, "code_entropy");
}

// The first layer's inputs are the original's, so that its errors can be told from the weights alone.
TEST_F(MeasureTest, OutputErrorIsThatOfTheDefinition) {
  const auto plan = plan_of(3, 16);
  const auto measured = quantized(plan);
  const auto& w = model.blocks[0].attention.q.weight;
  const auto difference = make_quantizer(plan.weight, w.size(1))->forward(w) - w;
  NoWatcher watcher;
  double error = 0, energy = 0, layer_error = 0, layer_energy = 0;
  for (std::int64_t s = 0; s < kWindows; ++s) {
    watch_forward(model, windows.narrow(0, s, 1), watcher);
    for (std::int64_t t = 0; t < kLength; t += 4) {
      const auto x = watcher.first_input[0][t];
      const double weight = t == 0 ? 1 : 4;
      const double e = at::mv(difference, x).square().sum(torch::kFloat64).item<double>();
      const double y = at::mv(w, x).square().sum(torch::kFloat64).item<double>();
      error += weight * e;
      energy += weight * y;
      if (t > 0) layer_error += e, layer_energy += y;
    }
  }
  EXPECT_NEAR(stat(measured.stats, 0, "q_proj", "weight", "output_error"), error / energy,
              1e-4 * error / energy);
  EXPECT_NEAR(stat(measured.stats, 0, "q_proj", "weight", "layer_error"), layer_error / layer_energy,
              1e-4 * layer_error / layer_energy);
  EXPECT_EQ(measured.output_error.n, 21);
  EXPECT_GT(measured.output_error.std_error, 0);
  // sqnr of a weight: energy over error.
  const double sqnr =
      -10 *
      std::log10((difference.square().sum(torch::kFloat64) / w.square().sum(torch::kFloat64)).item<double>());
  EXPECT_NEAR(stat(measured.stats, 0, "q_proj", "weight", "sqnr_db"), sqnr, 1e-4);
  const double entropy = stat(measured.stats, 0, "q_proj", "weight", "code_entropy");
  EXPECT_GT(entropy, 1);
  EXPECT_LE(entropy, 3);
}

TEST_F(MeasureTest, ErrorsGrowAsBitsGo) {
  const auto fine = quantized(plan_of(8, 8)), weights = quantized(plan_of(3, 16)),
             both = quantized(plan_of(3, 3));
  EXPECT_LT(fine.kl.value, weights.kl.value);
  EXPECT_LT(weights.kl.value, both.kl.value);
  EXPECT_LT(fine.layer_error.value, weights.layer_error.value);
  EXPECT_LT(weights.layer_error.value, both.layer_error.value);
  EXPECT_EQ(both.kl.n, kWindows * kLength / 4);
  EXPECT_GT(both.kl.std_error, 0);
  for (const char* tensor : {"key", "value"}) {
    EXPECT_GT(stat(both.stats, 2, tensor, tensor, "sqnr_db"), 5);
    EXPECT_LE(stat(both.stats, 2, tensor, tensor, "code_entropy"), 3);
  }
  EXPECT_GT(stat(fine.stats, 2, "down_proj", "activation", "sqnr_db"),
            stat(both.stats, 2, "down_proj", "activation", "sqnr_db") + 20);
}

// p = (1/2, 1/2), q = (1/4, 3/4): KL = ln(2) / 2 + ln(2/3) / 2.
TEST(Kl, IsThatOfTheDefinition) {
  const auto p = torch::zeros({70, 2}), q = torch::tensor({0.0, std::log(3.0)}).expand({70, 2});
  const auto kl = kl_of_logits(p, q);
  EXPECT_EQ(kl.numel(), 70);
  EXPECT_NEAR(kl[69].item<double>(), 0.5 * std::log(2.0) + 0.5 * std::log(2.0 / 3), 1e-7);
}

TEST(MeasuredWindows, RefuseATextThatIsTooShort) {
  const auto spec = measure_spec();
  const std::vector<std::int32_t> tokens(kWindows * kLength - 1, 1);
  try {
    measured_windows(tokens, spec, "text");
    FAIL() << "nothing was thrown";
  } catch (const Error& error) {
    EXPECT_EQ(error.code(), ErrorCode::kInput);
    EXPECT_THAT(error.what(), testing::HasSubstr("has 95 tokens"));
  }
}

}  // namespace
}  // namespace gyre
