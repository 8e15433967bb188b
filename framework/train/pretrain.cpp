#include "train/pretrain.h"

#include <cmath>

#include "core/error.h"
#include "core/seed.h"
#include "model/weights.h"
#include "train/losses.h"
#include "train/student.h"

namespace gyre {
namespace {

TrainSpec student_spec(const PretrainLoopSpec& spec) {
  TrainSpec out;
  out.loop = spec.loop;
  out.dtype = spec.dtype;
  out.recompute = spec.recompute;
  out.loss = "ce";
  return out;
}

}  // namespace

LlamaConfig config_of(const NewModelSpec& spec) {
  LlamaConfig config;
  config.vocab_size = spec.vocab_size;
  config.hidden_size = spec.hidden_size;
  config.intermediate_size = spec.intermediate_size;
  config.num_hidden_layers = spec.num_hidden_layers;
  config.num_attention_heads = spec.num_attention_heads;
  config.num_key_value_heads = spec.num_key_value_heads;
  config.head_dim = spec.head_dim;
  config.max_position_embeddings = spec.max_position_embeddings;
  config.rms_norm_eps = spec.rms_norm_eps;
  config.rope_theta = spec.rope_theta;
  config.tie_word_embeddings = spec.tie_word_embeddings;
  check_config(config, "model");
  return config;
}

Llama new_llama(const NewModelSpec& spec, std::int64_t seed) {
  Llama model;
  model.config = config_of(spec);
  const double end_std = spec.init_std / std::sqrt(2.0 * static_cast<double>(spec.num_hidden_layers));
  for (const auto& slot : weight_slots(model)) {
    auto tensor = torch::ones(slot.shape, torch::kFloat32);
    if (slot.shape.size() == 2) {
      const bool ends_a_branch =
          slot.name.ends_with("o_proj.weight") || slot.name.ends_with("down_proj.weight");
      const double std = ends_a_branch ? end_std : spec.init_std;
      Rng rng(derive_seed(static_cast<std::uint64_t>(seed), "init/" + slot.name));
      auto* values = tensor.mutable_data_ptr<float>();
      for (std::int64_t i = 0; i < tensor.numel(); ++i) values[i] = static_cast<float>(std * rng.normal());
    }
    *slot.tensor = tensor;
  }
  if (model.config.tie_word_embeddings) model.head.weight = model.embedding;
  return model;
}

PretrainResult pretrain(Llama model, const TokenWindows& windows, const PretrainLoopSpec& spec,
                        const LoopOptions& options) {
  GYRE_ASSERT(model.dtype() == torch::kFloat32);
  PretrainResult result;
  const auto device = model.device();
  Student student(std::move(model), student_spec(spec));
  LoopTask task;
  task.groups = student.groups();
  for (const auto& group : task.groups)
    for (const auto& [name, parameter] : group.parameters) result.n_parameters += parameter.numel();
  const LossMix mix = find_loss("ce").mix(0);
  task.accumulate = [&](const TrainBatch& batch, double weight) {
    const auto targets = targets_of(batch.windows).to(device);
    const auto value = vocabulary_loss(mix, student.head(student.hidden(batch.windows)), targets, {});
    (value * weight).backward();
    return value.item<double>();
  };
  result.loop = run_loop(spec.loop, windows, task, options);
  task.groups.clear();
  if (!result.loop.diverged) result.model = student.finish();
  return result;
}

std::vector<MemoryRow> pretrain_memory(const PretrainSpec& spec) {
  RunConfig run;
  run.train = student_spec(spec.train);
  return training_memory(config_of(spec.model), run);
}

}  // namespace gyre
