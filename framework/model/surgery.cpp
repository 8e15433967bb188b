#include "model/surgery.h"

#include <fmt/format.h>

#include <algorithm>
#include <utility>

#include "core/error.h"
#include "core/seed.h"

namespace gyre {
namespace {

// Maps float64 rows [n, width] to rows of the same width.
using RowMap = std::function<torch::Tensor(const torch::Tensor&)>;

// Values that are held in float64 at once: 32 MB.
constexpr std::int64_t kChunk = std::int64_t{1} << 22;

torch::Tensor map_rows(const torch::Tensor& w, const RowMap& map) {
  const auto step = std::max<std::int64_t>(1, kChunk / w.size(1));
  auto out = torch::empty_like(w, torch::MemoryFormat::Contiguous);
  for (std::int64_t i = 0; i < w.size(0); i += step) {
    const auto n = std::min(step, w.size(0) - i);
    out.narrow(0, i, n).copy_(map(w.narrow(0, i, n).to(torch::kFloat64)));
  }
  return out;
}

torch::Tensor map_columns(const torch::Tensor& w, const RowMap& map) {
  const auto step = std::max<std::int64_t>(1, kChunk / w.size(0));
  auto out = torch::empty_like(w, torch::MemoryFormat::Contiguous);
  for (std::int64_t i = 0; i < w.size(1); i += step) {
    const auto n = std::min(step, w.size(1) - i);
    out.narrow(1, i, n).copy_(map(w.narrow(1, i, n).t().to(torch::kFloat64).contiguous()).t());
  }
  return out;
}

// W R_in and R_out^T W together, rounded once; either map may be empty.
torch::Tensor map_both(const torch::Tensor& w, const RowMap& in, const RowMap& out) {
  if (!in && !out) return w;
  if (!out) return map_rows(w, in);
  if (!in) return map_columns(w, out);
  return out(in(w.to(torch::kFloat64)).t().contiguous()).t().to(w.scalar_type()).contiguous();
}

RowMap rotate_by(const std::shared_ptr<Rotation>& rotation) {
  if (!rotation) return {};
  return [rotation](const torch::Tensor& rows) { return rotation->rotate(rows); };
}

RowMap rotate_heads_by(const std::shared_ptr<Rotation>& rotation) {
  if (!rotation) return {};
  return [rotation](const torch::Tensor& rows) {
    return rotation->rotate(rows.unflatten(1, {-1, rotation->size()})).flatten(1);
  };
}

void map_vector(torch::Tensor& bias, const RowMap& map) {
  if (bias.defined() && map)
    bias = map(bias.to(torch::kFloat64).unsqueeze(0)).squeeze(0).to(bias.scalar_type());
}

void scale_columns(torch::Tensor& weight, const torch::Tensor& gain) {
  const auto factors = gain.to(torch::kFloat64);
  weight = map_rows(weight, [&](const torch::Tensor& rows) { return rows * factors; });
}

bool has_norms(const Llama& model) {
  return model.final_norm.defined() || std::ranges::any_of(model.blocks, [](const Block& block) {
           return block.input_norm.defined() || block.post_attention_norm.defined();
         });
}

}  // namespace

void fold_norms(Llama& model) {
  const torch::NoGradGuard no_grad;
  for (auto& block : model.blocks) {
    if (block.input_norm.defined())
      for (auto* linear : {&block.attention.q, &block.attention.k, &block.attention.v})
        scale_columns(linear->weight, block.input_norm);
    if (block.post_attention_norm.defined())
      for (auto* linear : {&block.mlp.gate, &block.mlp.up})
        scale_columns(linear->weight, block.post_attention_norm);
    block.input_norm.reset();
    block.post_attention_norm.reset();
  }
  if (model.final_norm.defined()) scale_columns(model.head.weight, model.final_norm);
  model.final_norm.reset();
  if (model.head.weight.is_same(model.embedding)) model.head.weight = model.embedding.clone();
  model.config.tie_word_embeddings = false;
}

Rotations make_rotations(const RotationPlan& plan, const LlamaConfig& config, std::int64_t seed) {
  const auto make = [&](const RotationSpec& spec, std::int64_t size, const std::string& site) {
    return make_rotation(spec, size, derive_seed(static_cast<std::uint64_t>(seed), "rotation/" + site));
  };
  Rotations rotations;
  rotations.r1 = make(plan.r1, config.hidden_size, "r1");
  if (plan.r2.scheme != "none")
    for (std::int64_t i = 0; i < config.num_hidden_layers; ++i)
      rotations.r2.push_back(make(plan.r2, config.head_dim, fmt::format("r2/layer{}", i)));
  if (plan.r2.scheme != "none" && plan.r2.scope == "all_heads")
    rotations.across_heads = make_across_heads(config.num_attention_heads, config.head_dim);
  rotations.r3 = make(plan.r3, config.head_dim, "r3");
  rotations.r4 = make(plan.r4, config.intermediate_size, "r4");
  return rotations;
}

void fuse_rotations(Llama& model, const Rotations& rotations) {
  const torch::NoGradGuard no_grad;
  GYRE_ASSERT(!rotations.r1 || !has_norms(model));
  GYRE_ASSERT(rotations.r2.empty() || rotations.r2.size() == model.blocks.size());
  const RowMap r1 = rotate_by(rotations.r1);
  if (r1) {
    model.embedding = map_rows(model.embedding, r1);
    model.head.weight = map_rows(model.head.weight, r1);
  }
  for (std::size_t i = 0; i < model.blocks.size(); ++i) {
    auto& [q, k, v, o, r3, key_quantizer, value_quantizer, key_before_rope] = model.blocks[i].attention;
    auto& [gate, up, down] = model.blocks[i].mlp;
    const RowMap r2 = rotations.r2.empty() ? RowMap{} : rotate_heads_by(rotations.r2[i]);
    for (auto* linear : {&q, &k, &gate, &up}) linear->weight = map_both(linear->weight, r1, {});
    v.weight = map_both(v.weight, r1, r2);
    o.weight = map_both(o.weight, r2, r1);
    down.weight = map_both(down.weight, {}, r1);
    map_vector(v.bias, r2);
    map_vector(o.bias, r1);
    map_vector(down.bias, r1);
  }
}

void install_online(Llama& model, const Rotations& rotations) {
  const torch::NoGradGuard no_grad;
  for (auto& block : model.blocks) {
    if (rotations.r3) block.attention.r3 = rotations.r3;
    for (const auto& [linear, rotation] :
         {std::pair(&block.attention.o, rotations.across_heads), std::pair(&block.mlp.down, rotations.r4)}) {
      if (!rotation) continue;
      GYRE_ASSERT(!linear->online_rotation);
      linear->online_rotation = rotation;
      linear->weight = map_rows(linear->weight, rotate_by(rotation));
    }
  }
}

}  // namespace gyre
