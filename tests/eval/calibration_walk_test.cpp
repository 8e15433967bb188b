// The walk sees what the full model computes: inputs recorded from a forward pass through the same, partly
// quantized model are the walk's, bit for bit.
#include "eval/calibration_walk.h"

#include <gtest/gtest.h>

#include <map>
#include <set>

#include "core/error.h"
#include "eval/input_maxima.h"
#include "model/surgery.h"
#include "model/tiny_llama.h"
#include "quant/hessian.h"

namespace gyre {
namespace {

CalibrationSpec calibration(std::int64_t samples, std::int64_t window, std::string order = "first") {
  CalibrationSpec spec;
  spec.samples = samples;
  spec.window = window;
  spec.order = std::move(order);
  return spec;
}

std::vector<std::int32_t> counting(std::int32_t n) {
  std::vector<std::int32_t> tokens(static_cast<std::size_t>(n));
  for (std::int32_t i = 0; i < n; ++i) tokens[static_cast<std::size_t>(i)] = i;
  return tokens;
}

TEST(CalibrationWindows, AreTheFirstOnesInOrder) {
  const auto windows = calibration_windows(counting(70), calibration(4, 16), 0);
  EXPECT_TRUE(windows.equal(torch::arange(64, torch::kInt64).view({4, 16})));
}

TEST(CalibrationWindows, AtRandomAreDistinctAndFollowTheSeed) {
  const auto draw = [](std::int64_t seed) {
    return calibration_windows(counting(400), calibration(25, 16, "random"), seed);
  };
  const auto a = draw(1);
  std::set<std::int64_t> starts;
  for (std::int64_t s = 0; s < 25; ++s) {
    const auto start = a[s][0].item<std::int64_t>();
    EXPECT_TRUE(a[s].equal(torch::arange(start, start + 16, torch::kInt64)));
    starts.insert(start);
  }
  EXPECT_EQ(starts.size(), 25u);
  EXPECT_TRUE(a.equal(draw(1)));
  EXPECT_FALSE(a.equal(draw(2)));
  // As many windows as there are places for: each is taken once.
  const auto all =
      std::get<0>(calibration_windows(counting(60), calibration(60, 1, "random"), 1).view({-1}).sort());
  EXPECT_TRUE(all.equal(torch::arange(60, torch::kInt64)));
}

TEST(CalibrationWindows, CoverSoManyPlaces) {
  for (const std::int64_t seed : {0, 1, 2})
    for (const std::int32_t n : {40, 200, 5000})
      for (const char* order : {"first", "random"}) {
        const auto spec = calibration(2, 16, order);
        const auto windows = calibration_windows(counting(n), spec, seed);
        const std::set<std::int64_t> places(windows.const_data_ptr<std::int64_t>(),
                                            windows.const_data_ptr<std::int64_t>() + windows.numel());
        EXPECT_EQ(count_calibration_places(n, spec, seed), std::ssize(places)) << n << order << seed;
      }
}

TEST(CalibrationWindows, RefuseATextThatIsTooShort) {
  const int enough = 4 * 16;
  for (const char* order : {"first", "random"}) {
    calibration_windows(counting(enough), calibration(4, 16, order), 0);
    try {
      calibration_windows(counting(enough - 1), calibration(4, 16, order), 0);
      FAIL() << order;
    } catch (const Error& error) {
      EXPECT_EQ(error.code(), ErrorCode::kInput);
      EXPECT_NE(std::string(error.what()).find(std::to_string(enough - 1)), std::string::npos)
          << error.what();
    }
  }
}

// Sits in an input slot and keeps what passes.
class Recorder final : public Quantizer {
 public:
  void calibrate(const torch::Tensor&) override {}
  torch::Tensor forward(const torch::Tensor& x) override {
    seen.push_back(x.clone());
    return x;
  }
  QuantizedTensor quantize(const torch::Tensor&) const override { return {}; }
  double bits_per_value() const override { return 0; }
  std::vector<torch::Tensor> seen;
};

// Records inputs, and replaces the weights of each linear once its inputs are known.
class Replacing final : public InputVisitor {
 public:
  struct Record {
    std::vector<torch::Tensor> inputs;
    Llama model;  // as it was when the inputs were complete
  };
  explicit Replacing(const Llama& model) : model_(model) {}
  void begin(const SharedInput& input) override {
    std::string name = input.linears[0].name();
    order.push_back(name);
    EXPECT_TRUE(records[name].inputs.empty());
  }
  void see(const SharedInput& input, const torch::Tensor& x) override {
    records[input.linears[0].name()].inputs.push_back(x.clone());
  }
  void complete(const SharedInput& input) override {
    records.at(input.linears[0].name()).model = model_.shallow_copy();
    for (const auto& ref : input.linears) {
      widths.push_back(ref.linear.weight.size(1));
      ref.linear.weight = (ref.linear.weight * 4).round() / 4;
    }
  }
  std::vector<std::string> order;
  std::vector<std::int64_t> widths;
  std::map<std::string, Record> records;

 private:
  const Llama& model_;
};

Llama rotated_model(torch::ScalarType dtype) {
  auto model = random_llama(config_9_3(), dtype);
  fold_norms(model);
  RotationPlan plan;
  plan.r1 = plan.r2 = plan.r3 = plan.r4 = rotation_spec("hadamard");
  const auto rotations = make_rotations(plan, model.config, 0);
  fuse_rotations(model, rotations);
  install_online(model, rotations);
  return model;
}

void expect_inputs_of_the_full_model(Llama& model, const WalkOptions& options) {
  const auto windows = random_tokens(model.config, 3, 20);
  const auto original = model.shallow_copy();
  Replacing visitor(model);
  walk_inputs(model, windows, visitor, options);
  ASSERT_EQ(visitor.order.size(), 4 * model.blocks.size());
  EXPECT_EQ(visitor.order[0], "layers.0.q_proj");
  EXPECT_EQ(visitor.order[1], "layers.0.o_proj");
  EXPECT_EQ(visitor.order[2], "layers.0.gate_proj");
  EXPECT_EQ(visitor.order[3], "layers.0.down_proj");
  EXPECT_EQ(visitor.order[4], "layers.1.q_proj");
  for (auto& [name, record] : visitor.records) {
    SCOPED_TRACE(name);
    Llama& partly = record.model;
    std::shared_ptr<Recorder> recorder;
    partly.for_each_linear([&](LinearRef ref) {
      if (ref.name() != name) return;
      recorder = std::make_shared<Recorder>();
      ref.linear.input_quantizer = recorder;
    });
    for (std::int64_t s = 0; s < 3; ++s) partly.forward(windows.narrow(0, s, 1));
    ASSERT_EQ(recorder->seen.size(), 3u);
    const auto size = recorder->seen[0].size(-1);
    Hessian walked(size, torch::kFloat32, torch::kCPU), recorded(size, torch::kFloat32, torch::kCPU);
    for (std::size_t s = 0; s < 3; ++s) {
      EXPECT_TRUE(recorder->seen[s].equal(record.inputs[s]));
      walked.add(record.inputs[s]);
      recorded.add(recorder->seen[s]);
    }
    EXPECT_TRUE(walked.matrix().equal(recorded.matrix()));
  }
  // Everything was replaced, and the original keeps its own.
  EXPECT_FALSE(original.blocks[0].attention.v.weight.equal(model.blocks[0].attention.v.weight));
}

TEST(CalibrationWalk, SeesTheInputsOfTheFullModelAsItIsQuantized) {
  for (const auto dtype : {torch::kFloat32, torch::kFloat64, torch::kBFloat16})
    for (const std::int64_t keep : {std::int64_t{0}, std::int64_t{1} << 30}) {
      auto model = rotated_model(dtype);
      WalkOptions options;
      options.keep_bytes = keep;
      expect_inputs_of_the_full_model(model, options);
    }
}

// As if the model had been rounded, but for the weights, which the visitor sees and replaces in full.
TEST(CalibrationWalk, ComputesInAnotherDtypeLikeARoundedModel) {
  auto model = random_llama(config_9_3(), torch::kFloat32);  // with norms
  auto rounded = model.shallow_copy();
  rounded.to(torch::kCPU, torch::kBFloat16);
  model.replica = rounded.replica = 1;
  const auto windows = random_tokens(model.config, 2, 20);
  WalkOptions options;
  options.dtype = torch::kBFloat16;
  class Watching final : public InputVisitor {
   public:
    void begin(const SharedInput&) override {}
    void see(const SharedInput& input, const torch::Tensor& x) override {
      inputs.push_back(x.clone());
      EXPECT_EQ(x.scalar_type(), torch::kBFloat16);
      weight_dtypes.insert(input.linears[0].linear.weight.scalar_type());
    }
    void complete(const SharedInput&) override {}
    std::vector<torch::Tensor> inputs;
    std::set<torch::ScalarType> weight_dtypes;
  } wide, narrow;
  walk_inputs(model, windows, wide, options);
  walk_inputs(rounded, windows, narrow);
  EXPECT_EQ(wide.weight_dtypes, std::set{torch::kFloat32});
  ASSERT_EQ(wide.inputs.size(), narrow.inputs.size());
  for (std::size_t i = 0; i < wide.inputs.size(); ++i)
    EXPECT_TRUE(wide.inputs[i].equal(narrow.inputs[i])) << i;
  EXPECT_EQ(model.blocks[0].input_norm.scalar_type(), torch::kFloat32);
}

TEST(CalibrationWalk, QuantizesInputsWhereTheSlotsSaySo) {
  auto model = rotated_model(torch::kFloat32);
  QuantPlan plan;
  plan.activation.scheme = plan.key.scheme = plan.value.scheme = "rtn";
  attach_quantizers(model, plan);
  const auto windows = random_tokens(model.config, 1, 20);
  Replacing visitor(model);
  walk_inputs(model, windows, visitor);
  const auto& x = visitor.records.at("layers.0.down_proj").inputs[0];
  auto quantizer = make_quantizer(plan.activation, x.size(-1));
  EXPECT_LT(largest_difference(quantizer->forward(x), x), 1e-5);  // a second time changes nothing
}

TEST(CalibrationWalk, CountsItsWindowsAndJittersReplicas) {
  auto model = rotated_model(torch::kFloat32);
  const auto windows = random_tokens(model.config, 2, 16);
  const auto first_input = [&](std::int64_t replica) {
    auto copy = model.shallow_copy();
    copy.replica = replica;
    std::int64_t steps = 0;
    WalkOptions options;
    options.on_window = [&] { ++steps; };
    Replacing visitor(copy);
    walk_inputs(copy, windows, visitor, options);
    EXPECT_EQ(steps, count_walk_windows(copy, 2));
    return visitor.records.at("layers.2.down_proj").inputs[1];
  };
  const auto exact = first_input(0);
  EXPECT_TRUE(exact.equal(first_input(0)));
  const auto other = first_input(1);
  EXPECT_FALSE(exact.equal(other));
  EXPECT_TRUE(other.equal(first_input(1)));
}

TEST(CalibrationWalk, StopsWhenAStepThrows) {
  auto model = rotated_model(torch::kFloat32);
  WalkOptions options;
  options.on_window = [] { fail(ErrorCode::kInterrupted, "stop"); };
  Replacing visitor(model);
  EXPECT_THROW(walk_inputs(model, random_tokens(model.config, 1, 16), visitor, options), Error);
}

TEST(InputMaxima, AreTheLargestMagnitudesOfEachChannel) {
  auto model = rotated_model(torch::kFloat64);
  const auto windows = random_tokens(model.config, 2, 16);
  const auto before = model.shallow_copy();
  const auto maxima = input_maxima(model, windows);
  EXPECT_TRUE(model.blocks[1].mlp.down.weight.equal(before.blocks[1].mlp.down.weight));
  auto recording = model.shallow_copy();
  const auto recorder = std::make_shared<Recorder>();
  recording.blocks[1].mlp.down.input_quantizer = recorder;
  for (std::int64_t s = 0; s < 2; ++s) recording.forward(windows.narrow(0, s, 1));
  const auto expected = torch::cat(recorder->seen).flatten(0, 1).abs().amax(0);
  EXPECT_TRUE(maxima[1].down.equal(expected));
  ASSERT_EQ(maxima.size(), 3u);
  EXPECT_EQ(maxima[0].attention.size(0), 96);
  EXPECT_EQ(maxima[0].o.size(0), 144);
  EXPECT_EQ(maxima[2].mlp.size(0), 96);
}

}  // namespace
}  // namespace gyre
