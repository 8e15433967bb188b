#include "model/outliers.h"

#include <cmath>
#include <numeric>
#include <string>
#include <vector>

#include "core/error.h"
#include "core/seed.h"

namespace gyre {
namespace {

// 1 everywhere but at n places drawn without repetition, which have 2^exponent.
torch::Tensor factors(std::int64_t size, std::int64_t n, std::int64_t exponent, std::int64_t seed,
                      const std::string& name, const torch::Tensor& like) {
  Rng rng(derive_seed(static_cast<std::uint64_t>(seed), name));
  std::vector<std::int64_t> places(static_cast<std::size_t>(size));
  std::iota(places.begin(), places.end(), std::int64_t{0});
  auto out = torch::ones({size}, torch::kFloat64);
  for (std::int64_t i = 0; i < n; ++i) {
    const auto j = i + static_cast<std::int64_t>(rng.below(static_cast<std::uint64_t>(size - i)));
    std::swap(places[static_cast<std::size_t>(i)], places[static_cast<std::size_t>(j)]);
    out.mutable_data_ptr<double>()[places[static_cast<std::size_t>(i)]] =
        std::ldexp(1.0, static_cast<int>(exponent));
  }
  return out.to(like.device(), like.scalar_type());
}

void check(std::string_view name, std::int64_t asked, std::int64_t there) {
  GYRE_CHECK(asked >= 0 && asked <= there, ErrorCode::kConfig,
             "outlier_injection.{} is {}; the model has {} channels there", name, asked, there);
}

}  // namespace

void inject_outliers(Llama& model, const OutlierPlan& plan, std::int64_t seed) {
  const torch::NoGradGuard no_grad;
  const LlamaConfig& c = model.config;
  check("norm_channels", plan.norm_channels, c.hidden_size);
  check("mlp_channels", plan.mlp_channels, c.intermediate_size);
  for (std::size_t i = 0; i < model.blocks.size(); ++i) {
    auto& block = model.blocks[i];
    auto& [gate, up, down] = block.mlp;
    GYRE_CHECK(block.input_norm.defined() && !down.online_rotation, ErrorCode::kUnsupported,
               "outliers are put into a model as it was trained: with its norms, not rotated");
    if (plan.norm_channels > 0) {
      const auto f =
          factors(c.hidden_size, plan.norm_channels, plan.exponent, seed, "outliers/norm", block.input_norm);
      block.input_norm = block.input_norm * f;
      block.post_attention_norm = block.post_attention_norm * f;
      for (auto* linear : {&block.attention.q, &block.attention.k, &block.attention.v, &gate, &up})
        linear->weight = linear->weight / f;
    }
    if (plan.mlp_channels > 0) {
      const auto f = factors(c.intermediate_size, plan.mlp_channels, plan.exponent, seed,
                             "outliers/mlp/layer" + std::to_string(i), up.weight);
      up.weight = up.weight * f.unsqueeze(1);
      if (up.bias.defined()) up.bias = up.bias * f;
      down.weight = down.weight / f;
    }
  }
}

}  // namespace gyre
