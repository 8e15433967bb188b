#include "train/qat.h"

#include <map>

#include "core/error.h"
#include "train/losses.h"

namespace gyre {
namespace {

// What the teacher says of windows; with teacher_top_k each window of the text is asked for once.
class Teacher {
 public:
  Teacher(const Llama& model, const TokenWindows& windows, std::int64_t top_k)
      : model_(model), windows_(windows), top_k_(top_k) {}

  TeacherView view(const TrainBatch& batch) {
    if (top_k_ == 0) return {head(batch.windows), {}};
    std::vector<torch::Tensor> ids, logs;
    for (std::int64_t i = 0; i < batch.windows.size(0); ++i) {
      auto& kept = kept_[windows_.index(batch.position + i)];
      if (!kept.ids.defined()) {
        const auto top = top_tokens(head(batch.windows.narrow(0, i, 1)), top_k_);
        kept = {top.ids.to(torch::kCPU, torch::kInt32), top.log_probabilities.to(torch::kCPU)};
      }
      ids.push_back(kept.ids);
      logs.push_back(kept.log_probabilities);
    }
    return {{}, {torch::cat(ids).to(model_.device(), torch::kInt64), torch::cat(logs).to(model_.device())}};
  }

  double confidence(std::int64_t n_windows) {
    double sum = 0;
    for (std::int64_t i = 0; i < n_windows; ++i) sum += mean_confidence(head(windows_.at(i, 1)));
    return sum / static_cast<double>(n_windows);
  }

 private:
  Head head(const torch::Tensor& windows) const {
    const torch::NoGradGuard no_grad;
    const auto hidden = model_.hidden(windows);
    const auto positions = hidden.narrow(1, 0, hidden.size(1) - 1).reshape({-1, hidden.size(2)});
    return {model_.head.prepare(positions), model_.head.weight, model_.head.bias};
  }

  const Llama& model_;
  const TokenWindows& windows_;
  std::int64_t top_k_;
  std::map<std::int64_t, TopTokens> kept_;  // by window of the text
};

}  // namespace

QatResult train_quantized(Llama model, const Llama* teacher_model, const TokenWindows& windows,
                          const TrainSpec& spec, const LoopOptions& options) {
  const auto& loss = find_loss(spec.loss);
  GYRE_ASSERT(!loss.teacher || teacher_model);
  GYRE_CHECK(spec.loop.window <= model.config.max_position_embeddings, ErrorCode::kConfig,
             "train.window is {}; the model has {} positions", spec.loop.window,
             model.config.max_position_embeddings);
  QatResult result;
  std::optional<Teacher> teacher;
  if (loss.teacher) teacher.emplace(*teacher_model, windows, spec.teacher_top_k);
  if (spec.loss == "cakld") result.beta = teacher->confidence(std::min(spec.beta_windows, windows.count()));
  const LossMix mix = loss.mix(result.beta);

  const auto device = model.device();
  Student student(std::move(model), spec);
  LoopTask task;
  task.groups = student.groups();
  for (const auto& group : task.groups)
    for (const auto& [name, parameter] : group.parameters) result.n_parameters += parameter.numel();
  task.accumulate = [&](const TrainBatch& batch, double weight) {
    const auto view = teacher ? teacher->view(batch) : TeacherView{};
    const auto targets = targets_of(batch.windows).to(device);
    const auto value = vocabulary_loss(mix, student.head(student.hidden(batch.windows)), targets, view);
    (value * weight).backward();
    return value.item<double>();
  };
  result.loop = run_loop(spec.loop, windows, task, options);
  task.groups.clear();
  if (!result.loop.diverged) result.model = student.finish();
  return result;
}

}  // namespace gyre
