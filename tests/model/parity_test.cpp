// Logits and losses equal those of transformers in float32, recorded by scripts/make_parity_fixtures.py.
#include <gtest/gtest.h>

#include <cmath>
#include <cstring>
#include <filesystem>
#include <string>

#include "core/error.h"
#include "format/safetensors.h"
#include "model/checkpoint.h"
#include "ops/llama_ops.h"

namespace gyre {
namespace {

struct Case {
  const char* name;
  const char* path;  // from the source folder
};
constexpr Case kCases[] = {
    {"wiki-tiny", "experiments/assets/wiki-tiny"},
    {"stories260K", "tests/data/models/stories260K/stories260K.bin"},
    {"random-llama3",
     "tests/data/parity/random-llama3"},  // LLaMA-3's RoPE scaling, biases, head_dim, two shards
    {"smollm2-135m", "models/smollm2-135m.gguf"},
};

template <class T>
torch::Tensor values(const format::TensorSource& source, const char* name, torch::ScalarType dtype) {
  const auto view = source.at(name);
  auto out = torch::empty(view.shape, dtype);
  GYRE_ASSERT(view.data.size() == out.nbytes() && sizeof(T) == out.element_size());
  std::memcpy(out.mutable_data_ptr(), view.data.data(), view.data.size());
  return out;
}

class Parity : public testing::TestWithParam<Case> {};

TEST_P(Parity, LogitsAndLossesAreThoseOfTransformers) {
  const std::filesystem::path root = GYRE_SOURCE_DIR;
  if (!std::filesystem::exists(root / GetParam().path))
    GTEST_SKIP() << GetParam().path << " is not here (scripts/get_model smollm2-135m)";
  const torch::InferenceMode inference;
  const auto fixture =
      format::open_safetensors(root / "tests/data/parity" / (std::string(GetParam().name) + ".safetensors"));
  const auto tokens = values<std::int32_t>(*fixture, "tokens", torch::kInt32).to(torch::kInt64);  // [W, T]
  const auto positions = values<std::int32_t>(*fixture, "positions", torch::kInt32).to(torch::kInt64);  // [P]
  const auto columns = values<std::int32_t>(*fixture, "columns", torch::kInt32).to(torch::kInt64);      // [C]
  const auto expected = values<float>(*fixture, "logits", torch::kFloat32).to(torch::kFloat64);  // [P, C]
  const double spread = values<double>(*fixture, "std", torch::kFloat64).item<double>();
  const auto nll = values<double>(*fixture, "nll", torch::kFloat64);  // [W]

  const auto model = load_model(root / GetParam().path, torch::kFloat32, torch::kCPU).model;
  const auto logits = model.forward(tokens.narrow(0, 0, 1)).squeeze(0);
  const auto difference =
      logits.index_select(0, positions).index_select(1, columns).to(torch::kFloat64) - expected;
  EXPECT_LT(difference.square().mean().sqrt().item<double>(), 1e-5 * spread);
  EXPECT_LT(difference.abs().max().item<double>(), 1e-4 * spread);
  for (std::int64_t w = 0; w < tokens.size(0); ++w) {
    const auto hidden = model.hidden(tokens.narrow(0, w, 1)).squeeze(0);
    const auto losses = vocabulary_nll(hidden.narrow(0, 0, hidden.size(0) - 1), model.head.weight,
                                       model.head.bias, tokens[w].narrow(0, 1, tokens.size(1) - 1));
    EXPECT_NEAR(losses.to(torch::kFloat64).mean().item<double>(), nll[w].item<double>(), 2e-5)
        << "window " << w;
  }
}

INSTANTIATE_TEST_SUITE_P(Models, Parity, testing::ValuesIn(kCases), [](const auto& one) {
  std::string name = one.param.name;
  for (char& c : name)
    if (c == '-') c = '_';
  return name;
});

}  // namespace
}  // namespace gyre
